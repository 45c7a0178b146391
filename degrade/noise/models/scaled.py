"""Noise model `scaled`: crops of mined patches, pixel by pixel as strong as the sensor's noise."""

from typing import TYPE_CHECKING

from degrade.arrays import F32
from degrade.noise.model import NoiseModel, NoiseSource

if TYPE_CHECKING:
    import numpy as np


def _inject(lr: F32, bank: NoiseSource, rng: "np.random.Generator", left: float) -> F32:
    from degrade.noise.injection import inject_scaled, random_patch

    return inject_scaled(lr, random_patch(bank, rng), rng, bank.sensor, left)


SCALED = NoiseModel(
    name="scaled",
    meaning="as strong as the sensor's noise at the brightness it is put on",
    inject=_inject,
    from_patch=True,
    of_sensor=True,
)
