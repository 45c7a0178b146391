"""Noise model `synthesised`: white noise with the sensor's grain, channels and strength."""

from typing import TYPE_CHECKING

from degrade.arrays import F32
from degrade.noise.model import NoiseModel, NoiseSource

if TYPE_CHECKING:
    import numpy as np


def _inject(lr: F32, bank: NoiseSource, rng: "np.random.Generator", left: float) -> F32:
    from degrade.noise.injection import inject_synthesised

    return inject_synthesised(lr, rng, bank.sensor, left)


SYNTHESISED = NoiseModel(
    name="synthesised",
    meaning="of the sensor's grain, as strong likewise",
    inject=_inject,
    from_patch=False,
    of_sensor=True,
)
