"""A toy noise model, as somebody might add one: as strong as the light at each pixel lets it be."""

from typing import TYPE_CHECKING

import numpy as np

from degrade.arrays import F32
from degrade.noise.model import NoiseModel, NoiseSource

if TYPE_CHECKING:
    from numpy.random import Generator


def inject(lr: F32, bank: NoiseSource, rng: "Generator", left: float) -> F32:
    noise = rng.standard_normal(lr.shape, np.float32) * np.sqrt(lr) * np.float32(0.05)
    return np.clip(lr + noise, 0, 1)


SHOT = NoiseModel(
    name="shot",
    meaning="the light's own",
    inject=inject,
    from_patch=False,
    of_sensor=False,
)
