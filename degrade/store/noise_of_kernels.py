"""Which noise goes with which kernel: that of the same camera's photos."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from degrade.arrays import I64, Strings
from degrade.errors import StoreError
from degrade.store.contents import Kernels, NoiseBank, NoiseOfGroup
from degrade.store.reader import Store
from degrade.store.schema import NOISE
from degrade.store.tiles import SomeTiles

MINED = "mine-noise"
"""Stage of noise that was not imported."""


@dataclass(frozen=True, eq=False)
class NoiseOfKernels:
    """The noise bank as each kernel has it.

    Attributes:
        bank: All of it.
        group: [K], the group of each kernel's photo; None where all are of one camera.
    """

    bank: NoiseBank
    group: Strings | None

    def of(self, kernel: int) -> NoiseBank | NoiseOfGroup:
        """Return the noise of a kernel's camera; all noise of a kernel that is none's (below 0)."""
        if kernel < 0 or self.group is None or self.bank.group_name is None:
            return self.bank
        return self._by_name.get(str(self.group[kernel]), self.bank)

    @cached_property
    def _by_name(self) -> dict[str, NoiseBank | NoiseOfGroup]:
        names = () if self.bank.group_name is None else map(str, self.bank.group_name)
        return {name: self.bank.of_group(name) for name in names}

    def rows(self, kernel: int) -> I64:
        """Return the rows of the bank whose patches go with a kernel."""
        patches = self.of(kernel).patches
        return patches.rows if isinstance(patches, SomeTiles) else np.arange(len(patches))


def noise_of_kernels(store: Store, kernels: Kernels | None) -> NoiseOfKernels:
    """Return a store's noise as it goes with kernels of it; None stands for no kernels.

    Raises:
        StoreError: There is no noise, or the kernels are of several cameras and the noise was mined
            before they were told apart.
    """
    bank = store.noise()
    group = None if kernels is None else kernels.photo_group
    if group is None:
        return NoiseOfKernels(bank, None)
    stage = store.recorded(NOISE)
    known = set(map(str, bank.group_name if bank.group_name is not None else ()))
    asked = stage["parameters"].get("group", "auto")
    unknown = sorted(set(map(str, group)) - known)
    if stage["stage"] == MINED and asked in ("auto", "estimates") and unknown:
        raise StoreError(
            f"{store.location}/{NOISE}: was mined before the kernels' cameras were told apart (it "
            f"knows nothing of {unknown[0]}); run `degrade mine-noise --overwrite`"
        )
    return NoiseOfKernels(bank, group)
