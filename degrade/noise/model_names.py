"""How settings and commands name a noise model: by the table."""

from typing import TYPE_CHECKING, Literal

from degrade.noise.model_table import MODELS

NOISE_NAMES: tuple[str, ...] = tuple(model.name for model in MODELS)
DEFAULT_NOISE = NOISE_NAMES[0]
MEANINGS = "; ".join(f"{model.name}: {model.meaning}" for model in MODELS)
"""What each is, for the help of settings."""

if TYPE_CHECKING:
    NoiseName = str
else:
    NoiseName = Literal[NOISE_NAMES]
    """One of the names: settings refuse others and list these."""
