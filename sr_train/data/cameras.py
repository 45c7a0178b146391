"""Kernels and noise of one camera together, where a store's photos are of several cameras."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from degrade.arrays import F64, I64, Bool
from degrade.store.contents import Kernels, Pairs
from degrade.store.photo_groups import NoiseOfKernels
from sr_train.data.store_protocols import NoiseTiles


@dataclass(frozen=True)
class Cameras:
    """Which camera's kernels and noise each crop gets.

    Attributes:
        of_pair: [M], of the kernel that each pair's stored LR was made with; -1 = none.
        bound: [M], whether the pair is of that camera's photos, whose HR has its noise already:
            its LR takes no other camera's kernels.
        of_kernel: [K], of each accepted kernel.
        banks: The noise of each camera, and at last of all together; empty without noise.
    """

    of_pair: I64
    bound: Bool
    of_kernel: I64
    banks: tuple[NoiseTiles, ...]

    def drawn(self, pairs: I64, shares: F64) -> I64:
        """Return an accepted kernel for each of some pairs, by numbers [B] drawn from [0, 1)."""
        every = np.arange(len(self.of_kernel))
        found = np.empty(len(pairs), np.int64)
        for place, (pair, share) in enumerate(zip(pairs.tolist(), shares.tolist(), strict=True)):
            own = every[self.of_kernel == self.of_pair[pair]] if self.bound[pair] else every
            some = own if len(own) else every
            found[place] = some[int(share * len(some))]
        return found


def cameras_of(pairs: Pairs, kernels: Kernels, noise: NoiseOfKernels | None) -> Cameras | None:
    """Return the cameras of a store's pairs; None where there is one."""
    if kernels.photo_group is None:
        return None
    names, number = np.unique(kernels.photo_group.tolist(), return_inverse=True)
    of_pair = np.where(pairs.kernel >= 0, number[np.maximum(pairs.kernel, 0)], -1)
    banks: tuple[NoiseTiles, ...] = ()
    if noise is not None:
        banks = (*(noise.bank.of_group(str(name)) for name in names), noise.bank)
    accepted: NDArray[np.bool_] = np.asarray(kernels.accepted)
    bound = np.asarray(pairs.domain == "source")
    return Cameras(of_pair.astype(np.int64), bound, number[accepted], banks)
