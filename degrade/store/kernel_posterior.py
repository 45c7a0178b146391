"""Draws from what a store's kernels leave open."""

from collections.abc import Callable

import numpy as np

from degrade.arrays import F32
from degrade.errors import StoreError
from degrade.kernels.uncertainty import drawn
from degrade.store.reader import Store
from degrade.store.schema import KERNEL_POSTERIOR, kernels_group

Draw = Callable[[int, np.random.Generator], F32]
"""From a row of the kernels and a random stream to a kernel [S, S]."""


def jittered(store: Store, scale: int) -> Draw:
    """Return what draws kernels from their posterior.

    Raises:
        StoreError: The estimator did not store one.
    """
    group = kernels_group(scale)
    if not set(KERNEL_POSTERIOR) <= set(store.arrays(group)):
        raise StoreError(
            f"{store.location}/{group}: its estimator did not tell how sure it is, which "
            f"--kernel-jitter draws from; run `degrade estimate-kernels --scale {scale} "
            "--overwrite` (spectral), or leave --kernel-jitter out"
        )
    values, deviations = (store.column(f"{group}/{name}") for name in KERNEL_POSTERIOR)

    def draw(row: int, rng: np.random.Generator) -> F32:
        return drawn(values[row], deviations[row], scale, rng)

    return draw
