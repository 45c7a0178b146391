"""A store's pairs as named PNG images, with or without noise baked in."""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from PIL import Image as Pillow

from degrade.arrays import U8
from degrade.degradation import to_uint8
from degrade.errors import NothingToDo, SettingsError
from degrade.images.colour import unit_float
from degrade.noise.injection import inject, random_patch
from degrade.randomness import stream
from degrade.store.contents import Pairs, Sources
from degrade.store.photo_groups import NoiseOfKernels, noise_of_kernels
from degrade.store.reader import Store

Split = Literal["train", "valid"]
SPLITS: tuple[Split, ...] = ("train", "valid")


@dataclass(frozen=True)
class PairImage:
    """One pair: its name without suffix, both images as PNG files, and where it comes from."""

    name: str
    hr: bytes
    lr: bytes
    record: dict[str, Any]


@dataclass(frozen=True)
class PairImages:
    """The pairs of one split.

    Attributes:
        split: Its name.
        rows: Rows of ``pairs``.
        pairs: The store's.
        sources: Photos that the pairs name.
        bank: Noise to bake into LR; None leaves LR as it is stored.
        seed: Of the noise draws.
    """

    split: Split
    rows: tuple[int, ...]
    pairs: Pairs
    sources: Sources
    bank: NoiseOfKernels | None
    seed: int

    def __len__(self) -> int:
        return len(self.rows)

    def name(self, number: int) -> str:
        """Return the name of one pair, the same in every split and format; no dots in it."""
        return f"{self.rows[number]:08d}"

    def names(self) -> Iterator[str]:
        """Yield all names, in ascending order."""
        return (self.name(number) for number in range(len(self)))

    def hr(self, number: int) -> bytes:
        """Return an HR tile as a PNG file."""
        return png_bytes(self.pairs.hr.tile(self.rows[number]))

    def lr(self, number: int) -> bytes:
        """Return an LR tile as a PNG file."""
        row = self.rows[number]
        tile = self.pairs.lr.tile(row)
        if self.bank is not None:
            rng = stream(self.seed, "export-noise", row)
            own = self.bank.of(int(self.pairs.kernel[row]), int(self.pairs.source[row]))
            tile = to_uint8(inject(unit_float(tile), random_patch(own, rng), rng))
        return png_bytes(tile)

    def record(self, number: int) -> dict[str, Any]:
        """Return where a pair comes from (schema.PAIR_COLUMNS), its photo by name."""
        pairs, row = self.pairs, self.rows[number]
        return {
            "photo": str(self.sources.path[int(pairs.source[row])]),
            "row": int(pairs.row[row]),
            "col": int(pairs.col[row]),
            "kernel": int(pairs.kernel[row]),
            "noise": int(pairs.noise[row]),
            "domain": str(pairs.domain[row]),
        }

    def image(self, number: int) -> PairImage:
        """Return everything about one pair."""
        return PairImage(self.name(number), self.hr(number), self.lr(number), self.record(number))


def split_images(
    store: Store, scale: int, split: Literal["train", "valid", "all"], *, noise: bool, seed: int
) -> list[PairImages]:
    """Return the pairs to export by split; empty splits are left out.

    Raises:
        NothingToDo: No pair is in the split.
        SettingsError: Noise is asked for and was baked in before, or its patches are too small.
        StoreError: There are no pairs, or no noise.
    """
    pairs = store.pairs(scale)
    bank = _fitting_noise(store, pairs) if noise else None
    sources = store.sources()
    found = []
    for name in SPLITS:
        rows = tuple(np.flatnonzero(pairs.split == name).tolist())
        if split in (name, "all") and rows:
            found.append(PairImages(name, rows, pairs, sources, bank, seed))
    if not found:
        raise NothingToDo(
            f"{store.location}: none of {len(pairs.hr)} pairs is in split {split}; pass --split all"
        )
    return found


def _fitting_noise(store: Store, pairs: Pairs) -> NoiseOfKernels:
    estimated = bool((pairs.kernel >= 0).any())
    noise = noise_of_kernels(store, store.kernels(pairs.scale) if estimated else None)
    bank = noise.bank
    if np.any(pairs.noise >= 0):
        raise SettingsError(
            f"--noise: the x{pairs.scale} pairs have noise baked in already; leave --noise out"
        )
    side, needed = bank.patches.shape[1], pairs.lr.shape[1]
    if side < needed:
        raise SettingsError(
            f"--noise: the bank's patches of {side} pixels are smaller than LR tiles of {needed}; "
            f"mine larger ones (degrade mine-noise --patch {needed} --overwrite)"
        )
    return noise


def png_bytes(rgb: U8) -> bytes:
    """Return uint8 [H, W, 3] as a PNG file; equal pixels give equal bytes."""
    buffer = io.BytesIO()
    Pillow.fromarray(np.ascontiguousarray(rgb)).save(buffer, format="PNG")
    return buffer.getvalue()
