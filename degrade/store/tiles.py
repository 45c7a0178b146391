"""Square RGB tiles of the store, as views of mapped chunk files."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from degrade.arrays import I64, U8
from degrade.errors import StoreError
from degrade.store.cache import CachedChunks, LocalChunks

OPEN_MAPS = 256
"""Mapped chunk files kept open per array; each holds a file descriptor."""


class TileArray:
    """Square uint8 RGB tiles [N, T, T, 3]; crops are views of mapped chunk files."""

    def __init__(
        self, shape: tuple[int, int, int, int], per_chunk: int, chunks: LocalChunks | CachedChunks
    ) -> None:
        self.shape = shape
        self.per_chunk = per_chunk
        self._chunks = chunks
        self._chunk = lru_cache(OPEN_MAPS)(self._load)

    def __len__(self) -> int:
        return self.shape[0]

    def __reduce__(self) -> tuple[Any, ...]:
        """Travel between processes as an address; maps are opened anew."""
        return type(self), (self.shape, self.per_chunk, self._chunks)

    def tile(self, index: int) -> U8:
        """Return tile ``index``, [T, T, 3] uint8, read-only."""
        chunk, offset = divmod(index, self.per_chunk)
        tile: U8 = self._chunk(chunk)[offset]
        return tile

    def crop(self, index: int, row: int, col: int, size: int) -> U8:
        """Return the ``size`` x ``size`` crop of tile ``index`` whose top-left is (row, col)."""
        return self.tile(index)[row : row + size, col : col + size]

    def __iter__(self) -> Iterator[U8]:
        return (self.tile(index) for index in range(len(self)))

    def _load(self, chunk: int) -> U8:
        shape = (self.per_chunk, *self.shape[1:])
        path = self._chunks.path(chunk)
        try:
            # A plain view: slices of np.memmap itself cost several times as much.
            return np.memmap(path, dtype=np.uint8, mode="r", shape=shape).view(np.ndarray)
        except (OSError, ValueError) as error:
            raise StoreError(
                f"{path}: chunk is missing or cut short; run `degrade verify --repair`"
            ) from error


@dataclass(frozen=True)
class SomeTiles:
    """Some of an array's tiles, in order, with its interface."""

    tiles: TileArray
    rows: I64

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(n, T, T, 3)."""
        return len(self.rows), *self.tiles.shape[1:]

    def __len__(self) -> int:
        return len(self.rows)

    def tile(self, index: int) -> U8:
        """Return one of them, as `TileArray.tile`."""
        return self.tiles.tile(int(self.rows[index]))

    def crop(self, index: int, row: int, col: int, size: int) -> U8:
        """Return a crop of one of them, as `TileArray.crop`."""
        return self.tiles.crop(int(self.rows[index]), row, col, size)
