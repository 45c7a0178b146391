"""Small stand-ins for a store's pairs, noise and references."""

from dataclasses import dataclass, field

import numpy as np

from degrade.arrays import U8


@dataclass(frozen=True)
class ArrayTiles:
    """Tiles in memory with the reader's interface."""

    array: U8

    @property
    def shape(self) -> tuple[int, ...]:
        return self.array.shape

    def __len__(self) -> int:
        return len(self.array)

    def tile(self, index: int) -> U8:
        return self.array[index]

    def crop(self, index: int, row: int, col: int, size: int) -> U8:
        crop = self.array[index, row : row + size, col : col + size]
        assert crop.shape == (size, size, 3), "crop leaves its tile"
        return crop


@dataclass(frozen=True)
class ArrayPairs:
    hr: ArrayTiles
    lr: ArrayTiles
    split: np.ndarray
    scale: int
    noise: np.ndarray = field(default_factory=lambda: np.array([-1]))
    content: str = "pairs"


@dataclass(frozen=True)
class ArrayNoise:
    patches: ArrayTiles
    content: str = "noise"


@dataclass(frozen=True)
class ArrayReferences:
    hr: ArrayTiles
    count: int = 1
    content: str = "references"
