"""The table of noise models; the first, the published one, is the default."""

from degrade.noise.model import NoiseModel
from degrade.noise.models.patch import PATCH
from degrade.noise.models.scaled import SCALED
from degrade.noise.models.synthesised import SYNTHESISED

MODELS: tuple[NoiseModel, ...] = (
    PATCH,
    SCALED,
    SYNTHESISED,
)


def model_of(name: str) -> NoiseModel:
    """Return the model of a name that settings have accepted."""
    return next(model for model in MODELS if model.name == name)
