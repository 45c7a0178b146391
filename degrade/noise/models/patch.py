"""Noise model `patch`: crops of mined patches as they are."""

from typing import TYPE_CHECKING

from degrade.arrays import F32
from degrade.noise.model import NoiseModel, NoiseSource

if TYPE_CHECKING:
    import numpy as np


def _inject(lr: F32, bank: NoiseSource, rng: "np.random.Generator", left: float) -> F32:
    """Add it as published, whatever noise LR has already."""
    from degrade.noise.injection import inject, random_patch

    return inject(lr, random_patch(bank, rng), rng)


PATCH = NoiseModel(
    name="patch",
    meaning="as mined (RealSR)",
    inject=_inject,
    from_patch=True,
    of_sensor=False,
)
