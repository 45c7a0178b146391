"""What a store's kernels leave open: draws from it, and how it falls with the photos' number."""

from collections.abc import Callable

import numpy as np

from degrade.arrays import F32
from degrade.errors import StoreError
from degrade.kernels.spectral import Blur
from degrade.kernels.uncertainty import LearningCurve, drawn, learn
from degrade.store.contents import Kernels
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
    values, deviations = (store.column(f"{group}/{name}") for name in ("blur", "blur_deviation"))

    def draw(row: int, rng: np.random.Generator) -> F32:
        return drawn(values[row], deviations[row], scale, rng)

    return draw


def learning_of(kernels: Kernels) -> dict[str, LearningCurve]:
    """Return how each camera's kernels get better with its photos, by the name of its group.

    The only camera's name is empty. Nothing where the estimator gave no uncertainty.
    """
    values, variances = kernels.photo_blur, kernels.photo_blur_variance
    if values is None or variances is None:
        return {}
    labels = kernels.photo_group
    groups = np.full(len(values), "") if labels is None else np.asarray(labels.tolist())
    found = {}
    for name in np.unique(groups[kernels.accepted]).tolist():
        rows = np.flatnonzero(kernels.accepted & (groups == name)).tolist()
        found[name] = learn(
            [Blur(values[r].astype(float), variances[r].astype(float)) for r in rows]
        )
    return found
