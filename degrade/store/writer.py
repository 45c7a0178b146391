"""Writing the store: opening it, small columns, and raw tiles with a checksum for every chunk."""

import json
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import chain
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import zarr
from zarr.codecs import Crc32cCodec, ZstdCodec
from zarr.errors import GroupNotFoundError

from degrade.arrays import U8
from degrade.errors import StoreError
from degrade.store.backend import (
    describe,
    filesystem_at,
    local_path,
    storage_errors,
    zarr_store,
)
from degrade.store.schema import CHECKSUM_SUFFIX, FORMAT, GROUPS, VERSION, Column, chunk_file

Number = TypeVar("Number", bound=np.generic)

OWN = {"zarr.json", ".parts", *GROUPS}
"""All that this software writes at the top of a store."""
RAW_CHUNK_BYTES = 4 * 2**20
SMALL = (ZstdCodec(level=3), Crc32cCodec())
"""Codecs of small arrays: a damaged chunk is noticed when it is read."""


def open_for_writing(location: str) -> zarr.Group:
    """Open the store, creating it where nothing is.

    Raises:
        StoreError: The path holds something else, or a newer version, or cannot be written.
    """
    path = local_path(location)
    occupied = path is not None and path.exists() and not (path / "zarr.json").exists()
    if path is not None and occupied and (path.is_file() or any(path.iterdir())):
        raise StoreError(
            f"{location}: exists and is not a degrade store; pick another path with --store"
        )
    with writing(location):
        store = zarr_store(location)
        drop_if_damaged(location, "")
        try:
            root = zarr.open_group(store, mode="r+", zarr_format=3)
        except (GroupNotFoundError, FileNotFoundError):
            if path is None and _is_occupied(location):
                raise StoreError(
                    f"{location}: exists and is not a degrade store; pick another --store"
                ) from None
            attributes = {"format": FORMAT, "version": VERSION}
            root = zarr.create_group(store, attributes=attributes, zarr_format=3)
        except ValueError as error:
            raise StoreError(
                f"{location}/zarr.json: is damaged, and the folder holds other things than a "
                "degrade store; pick another path with --store"
            ) from error
    check_format(root, location)
    return root


def _is_occupied(location: str) -> bool:
    filesystem, folder = filesystem_at(location)
    return bool(filesystem.exists(folder))


@contextmanager
def writing(location: str) -> Iterator[None]:
    """Turn what the disk or the server refuses into an error that says what to do."""
    try:
        yield
    except storage_errors() as error:
        raise StoreError(
            f"{location}: cannot write here ({describe(error)}); make room or pick another "
            "--store, then run the same command again"
        ) from error


def drop_if_damaged(location: str, group: str) -> None:
    """Remove a local group's metadata that a power loss cut short; it is then written anew."""
    folder = local_path(location)
    if folder is None:
        return  # a server keeps whole objects only
    path = folder / group / "zarr.json"
    if not path.is_file():
        return
    if not group and any(entry.name not in OWN for entry in folder.iterdir()):
        return  # not a folder that only this software writes
    try:
        json.loads(path.read_bytes())
    except ValueError:
        path.unlink()


def check_format(root: zarr.Group, location: str) -> None:
    """Refuse a Zarr group that is not a degrade store of a version this software reads."""
    if root.attrs.get("format") != FORMAT:
        raise StoreError(
            f"{location}: is a Zarr group but not a degrade store; pick another path with --store"
        )
    found = root.attrs.get("version")
    if not isinstance(found, int) or found > VERSION:
        raise StoreError(
            f"{location}: is a store of version {found}, this degrade reads up to {VERSION}; "
            "upgrade degrade or use another --store"
        )


def find_group(root: zarr.Group, group: str) -> zarr.Group | None:
    """Return a group of the store, or None if no stage has made it."""
    try:
        found = root[group]
    except (KeyError, GroupNotFoundError):
        return None
    except ValueError as error:
        place = str(root.store).removeprefix("file://")
        raise StoreError(
            f"{place}/{group}/zarr.json: is damaged; run `degrade verify --repair`, then the "
            "command that made it"
        ) from error
    return found if isinstance(found, zarr.Group) else None


def group_for_writing(location: str, group: str) -> zarr.Group:
    """Return the group of a stage that was begun."""
    found = find_group(open_for_writing(location), group)
    if found is None:
        raise StoreError(f"{location}/{group}: is not begun; run the stage again")
    return found


def write_columns(
    location: str, group: str, columns: Mapping[str, Column], values: Mapping[str, Any]
) -> None:
    """Write small arrays with a row per item, whole."""
    target = group_for_writing(location, group)
    for name, column in columns.items():
        rows = len(values[name])
        with writing(location):
            array = target.create_array(
                name,
                shape=(rows, *column.row),
                chunks=(max(1, min(rows, 65536)), *column.row),
                dtype="string" if column.dtype == "str" else column.dtype,
                compressors=SMALL,
                attributes={"meaning": column.meaning},
                overwrite=True,
            )
            kind = object if column.dtype == "str" else column.dtype
            array[...] = np.asarray(values[name], dtype=kind).reshape(rows, *column.row)


def write_array(
    location: str, group: str, name: str, values: npt.NDArray[Any], meaning: str = ""
) -> None:
    """Write one numeric array whole, in chunks of rows of about 4 MiB."""
    write_rows(location, group, name, len(values), iter([values]), meaning)


def write_rows(
    location: str,
    group: str,
    name: str,
    total: int,
    parts: Iterator[npt.NDArray[Any]],
    meaning: str = "",
) -> None:
    """Write one numeric array as its rows come, in chunks of about 4 MiB.

    Args:
        location: The store.
        group: Group of the array.
        name: The array.
        total: Rows of all parts together.
        parts: At least one; a few of its rows in each, in order.
        meaning: What it holds, for readers of the store.
    """
    target = group_for_writing(location, group)
    first = next(parts)
    rows = max(1, min(total, RAW_CHUNK_BYTES // max(1, first[:1].nbytes)))
    with writing(location):
        array = target.create_array(
            name,
            shape=(total, *first.shape[1:]),
            chunks=(rows, *first.shape[1:]),
            dtype=first.dtype,
            compressors=SMALL,
            attributes={"meaning": meaning} if meaning else None,
            overwrite=True,
        )
        for number, chunk in enumerate(rechunked(chain([first], parts), rows)):
            array[number * rows : number * rows + len(chunk)] = chunk


def tiles_per_chunk(tile: int) -> int:
    """Return how many tiles of ``tile`` x ``tile`` x 3 bytes share a chunk file: a power of 2."""
    fit = max(1, RAW_CHUNK_BYTES // (tile * tile * 3))
    return int(min(256, 1 << (fit.bit_length() - 1)))


def create_tiles(
    location: str, group: str, name: str, shape: tuple[int, ...], per_chunk: int
) -> None:
    """Create an empty raw tile array: uncompressed, unsharded, chunks of whole rows.

    Each chunk file is then plain C-order bytes, which a reader can map. An array that is already
    there with this shape and chunks is kept, with the files it has.
    """
    target = group_for_writing(location, group)
    drop_if_damaged(location, f"{group}/{name}")
    chunks = (per_chunk, *shape[1:])
    old = target.get(name)
    if isinstance(old, zarr.Array) and (old.shape, old.chunks) == (shape, chunks):
        return
    with writing(location):
        target.create_array(
            name,
            shape=shape,
            chunks=chunks,
            dtype="uint8",
            compressors=None,
            fill_value=0,
            overwrite=old is not None,
        )


def open_tiles(location: str, group: str, name: str) -> zarr.Array[Any]:
    """Open a raw tile array that `create_tiles` made, for `write_chunk`."""
    return zarr.open_array(
        zarr_store(location),
        path=f"{group}/{name}",
        mode="r+",
        config={"write_empty_chunks": True},
    )


def write_tiles(location: str, group: str, name: str, chunk: int, tiles: U8) -> int:
    """Write one chunk as `write_chunk` does, of an array that is opened for it alone."""
    return write_chunk(open_tiles(location, group, name), chunk, tiles)


def write_chunk(array: zarr.Array[Any], chunk: int, tiles: U8) -> int:
    """Write one whole chunk of a raw tile array (the last one may hold fewer tiles).

    Returns:
        The CRC-32 of the chunk's file.

    Raises:
        StoreError: The number of tiles is not that of the chunk, or the disk is full.
    """
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


def rechunked(arrays: Iterator[npt.NDArray[Number]], size: int) -> Iterator[npt.NDArray[Number]]:
    """Yield the rows of arrays in groups of ``size``; the last group may be smaller."""
    waiting: npt.NDArray[Number] | None = None
    for array in arrays:
        waiting = array if waiting is None else np.concatenate([waiting, array])
        while len(waiting) >= size:
            yield waiting[:size]
            waiting = waiting[size:]
    if waiting is not None and len(waiting):
        yield waiting


def write_checksums(location: str, group: str, name: str, checksums: Iterable[int]) -> None:
    """Write the CRC-32 of every chunk file of a raw tile array, as `write_tiles` returned them."""
    column = Column("uint32", f"CRC-32 of each chunk file of {name}")
    checksum = name + CHECKSUM_SUFFIX
    write_columns(location, group, {checksum: column}, {checksum: list(checksums)})


def damaged_chunks(
    location: str, group: str, name: str, checksums: Iterable[int], first: int = 0
) -> list[int]:
    """Return which chunk files of a raw tile array do not have their CRC-32.

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
            intact = (
                zlib.crc32(filesystem.cat_file(f"{folder}/{chunk_file(chunk, axes)}")) == expected
            )
        except FileNotFoundError:
            intact = False
        if not intact:
            damaged.append(chunk)
    return damaged
