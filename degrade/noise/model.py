"""What a noise model is: all that settings, pairs, training and `fidelity` know of it.

A model is described once, by a `NoiseModel` in a file of its own in `degrade.noise.models`, and
listed once, in `degrade.noise.model_table`. What is heavy to load is imported by the described
functions.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from degrade.arrays import F32, U8

if TYPE_CHECKING:
    import numpy as np

    from degrade.noise.sensor import SensorNoise


class Patches(Protocol):
    """Noise patches, as degrade.store.tiles.TileArray has them."""

    def __len__(self) -> int: ...

    def tile(self, index: int) -> U8:
        """Return one patch, [P, P, 3]."""


class NoiseSource(Protocol):
    """A noise bank, as degrade.store.contents.NoiseBank is one."""

    @property
    def patches(self) -> Patches:
        """As mined."""

    @property
    def sensor(self) -> "SensorNoise":
        """What the noise of the whole set of photos is like."""


Inject = Callable[[F32, NoiseSource, "np.random.Generator", float], F32]
"""Adds noise to LR [h, w, 3] float32 in [0, 1], and clips; takes LR, the bank, the random
generator, and the share of the sensor's noise variance that LR has already."""


@dataclass(frozen=True)
class NoiseModel:
    """One way to noise in LR.

    Attributes:
        name: The value of the settings' ``noise_model``.
        meaning: What it is, for the settings' help.
        inject: Adds it. Training makes whole batches of the models in `sr_train.data.noise` at
            once, equal to this, and calls it crop by crop for others.
        from_patch: Whether its first draw is the row of one of the bank's patches, all of which
            must be as large as LR.
        of_sensor: Whether it is as strong as the sensor's, less what LR has already.
    """

    name: str
    meaning: str
    inject: Inject
    from_patch: bool
    of_sensor: bool
