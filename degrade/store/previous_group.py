"""A finished group as it was before its stage is made again: rows that need not be made anew.

`degrade.store.parts` moved it aside. Every chunk is held against its checksum; one that is missing
or damaged gives nothing, and its rows are made like new ones.
"""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import zarr

from degrade.arrays import U8
from degrade.store.backend import local_path, zarr_store
from degrade.store.parts import Parts
from degrade.store.schema import CHECKSUM_SUFFIX, chunk_file

_CHUNKS = 16
"""Kept in memory by each process: rows that follow each other are asked for in order."""


@dataclass(frozen=True)
class Before:
    """Address of a group as it was.

    Attributes:
        location: The store, a local folder.
        group: The group.
        made: Tells one making from the next: what is read is remembered.
    """

    location: str
    group: str
    made: int

    def raw(self, name: str, first: int, last: int, total: int) -> U8 | None:
        """Return the rows [first, last) of a raw array.

        None if it is not there, whole, or has other than ``total`` rows.
        """
        array, sums = _opened(self, name), _opened(self, name + CHECKSUM_SUFFIX)
        if array is None or sums is None or array.shape[0] != total:
            return None
        cut = [np.zeros((0, *array.shape[1:]), np.uint8)]
        for number, own in _chunks(first, last, int(array.chunks[0])):
            chunk = _raw_chunk(self, name, number)
            if chunk is None:
                return None
            cut.append(chunk[own])
        return np.concatenate(cut)

    def column(self, name: str, first: int, last: int, total: int) -> npt.NDArray[Any] | None:
        """Return the rows [first, last) of a compressed array, likewise."""
        array = _opened(self, name)
        if array is None or array.shape[0] != total or first == last:
            return None
        chunks = list(_chunks(first, last, int(array.chunks[0])))
        read = [_column_chunk(self, name, number) for number, _ in chunks]
        whole = [rows for rows in read if rows is not None]
        if len(whole) < len(read):
            return None
        return np.concatenate([rows[own] for rows, (_, own) in zip(whole, chunks, strict=True)])


def _chunks(first: int, last: int, per_chunk: int) -> Iterator[tuple[int, slice]]:
    """Yield the chunks that rows lie in, and which of each one's rows they are."""
    for number in range(first // per_chunk, -(-last // per_chunk)):
        start = number * per_chunk
        yield number, slice(max(0, first - start), last - start)


@lru_cache(_CHUNKS)
def _opened(before: Before, name: str) -> zarr.Array[Any] | None:
    place = f"{Parts(before.location, before.group).before}/group/{name}"
    try:
        return zarr.open_array(zarr_store(before.location, read_only=True), path=place, mode="r")
    except (OSError, ValueError, KeyError):
        return None


@lru_cache(_CHUNKS)
def _raw_chunk(before: Before, name: str, number: int) -> U8 | None:
    """Read a chunk file's rows; None if it is not what was written."""
    array, sums = _opened(before, name), _column_chunk(before, name + CHECKSUM_SUFFIX, 0)
    store = local_path(before.location)
    if array is None or sums is None or store is None or number >= len(sums):
        return None
    path: Path = store / str(Parts(before.location, before.group).before) / "group" / name
    try:
        data = (path / chunk_file(number, array.ndim)).read_bytes()
    except OSError:
        return None
    if zlib.crc32(data) != int(sums[number]):
        return None
    return np.frombuffer(data, np.uint8).reshape(-1, *array.shape[1:])


@lru_cache(_CHUNKS)
def _column_chunk(before: Before, name: str, number: int) -> npt.NDArray[Any] | None:
    array = _opened(before, name)
    if array is None:
        return None
    rows = int(array.chunks[0])
    try:
        return np.asarray(array[number * rows : (number + 1) * rows])
    except (OSError, ValueError, RuntimeError):
        return None
