"""Raw arrays of a group: written in whole chunks by tasks, and checked by a CRC-32 of each file."""

import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import zarr

from degrade.arrays import U8
from degrade.errors import StoreError
from degrade.store.backend import filesystem_at, writing, zarr_store
from degrade.store.schema import chunk_file
from degrade.store.task_results import Arrays


@dataclass(frozen=True)
class RawArrays:
    """Address of raw arrays that are cut alike, such as HR and LR: a row in each per item."""

    location: str
    group: str
    names: tuple[str, ...]

    def write(self, first: int, rows: Iterable[tuple[U8, ...]]) -> Arrays:
        """Write whole chunks, holding one of each array.

        Args:
            first: Number of the first row, at which a chunk begins.
            rows: A row of each array, to the end of a chunk or of the arrays.

        Returns:
            For each array by name the CRC-32 of the chunk files.

        Raises:
            StoreError: A chunk is not whole, or the disk is full.
        """
        arrays = [self._open(name) for name in self.names]
        sums: list[list[int]] = [[] for _ in arrays]
        per_chunk, left = int(arrays[0].chunks[0]), iter(rows)
        chunk = first // per_chunk
        while batch := list(islice(left, per_chunk)):
            for array, tiles, own in zip(arrays, zip(*batch, strict=True), sums, strict=True):
                own.append(_write_chunk(array, chunk, np.stack(tiles)))
            chunk += 1
        return {name: np.array(own, np.uint32) for name, own in zip(self.names, sums, strict=True)}

    def is_intact(self, first: int, sums: Arrays) -> bool:
        """Return whether the chunks from row ``first`` on are as `write` left them."""
        chunk = first // int(self._open(self.names[0]).chunks[0])
        return not any(
            damaged_chunks(self.location, self.group, name, sums[name].tolist(), chunk)
            for name in self.names
        )

    def _open(self, name: str) -> "zarr.Array[Any]":
        return zarr.open_array(
            zarr_store(self.location),
            path=f"{self.group}/{name}",
            mode="r+",
            config={"write_empty_chunks": True},
        )


def _write_chunk(array: "zarr.Array[Any]", chunk: int, tiles: U8) -> int:
    """Write one whole chunk (the last one may hold fewer rows) and return its file's CRC-32."""
    per_chunk = int(array.chunks[0])
    start = chunk * per_chunk
    expected = min(per_chunk, array.shape[0] - start)
    place = str(array.store_path).removeprefix("file://")
    if len(tiles) != expected:
        raise StoreError(
            f"{place}: chunk {chunk} takes {expected} tiles, not {len(tiles)}; "
            "a chunk is written whole"
        )
    with writing(place):
        array[start : start + expected] = tiles
    padding = (per_chunk - expected) * tiles[0].nbytes
    return zlib.crc32(bytes(padding), zlib.crc32(np.ascontiguousarray(tiles).data))


def damaged_chunks(
    location: str, group: str, name: str, checksums: Iterable[int], first: int = 0
) -> list[int]:
    """Return which chunk files of a raw array do not have their CRC-32.

    Args:
        location: The store.
        group: Group of the array.
        name: The array.
        checksums: Of consecutive chunks.
        first: Index of the first of them.
    """
    filesystem, folder = filesystem_at(location, f"{group}/{name}")
    axes = zarr.open_array(zarr_store(location, read_only=True), path=f"{group}/{name}").ndim
    damaged = []
    for chunk, expected in enumerate(checksums, first):
        try:
            data = filesystem.cat_file(f"{folder}/{chunk_file(chunk, axes)}")
        except FileNotFoundError:
            data = None
        if data is None or zlib.crc32(data) != expected:
            damaged.append(chunk)
    return damaged
