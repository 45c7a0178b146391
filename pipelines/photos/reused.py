"""What a stage knows of photos from when it was last made, so that only new ones are worked on.

Beside its parts a task leaves a pack of what it found of each of its photos, by all that this
follows from. When photos are added and the stage is made again, its tasks take what the packs have,
and the rows that a photo gave from the group as it was before. A pack that is missing or damaged
costs a decoding and nothing else.
"""

import zlib
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import zarr

from degrade.arrays import U8
from degrade.store.backend import local_path, zarr_store
from degrade.store.parts import FOUND, Arrays, Parts
from degrade.store.schema import CHECKSUM_SUFFIX, chunk_file
from pipelines.photos.cache import Measure, PhotoCache, result_key
from pipelines.photos.reading import Photo

_CHUNKS = 16
"""Kept in memory by each process: rows that follow each other are asked for in order."""


@dataclass(frozen=True)
class Before:
    """Address of a group as it was, whose rows need not be made anew.

    `degrade.store.parts` moved it aside. Every chunk is held against its checksum; one that is
    missing or damaged gives nothing, and its rows are made like new ones.

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
def _opened(before: Before, name: str) -> "zarr.Array[Any] | None":
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


_PACKS = 4
"""Kept in memory by each process: photos that follow each other lie in the same ones."""
_KEYS, _GIVES = "keys", "gives"


@dataclass(frozen=True)
class Earlier:
    """Address of what is known of photos; a task reads there what it needs.

    Attributes:
        location: The store.
        group: The stage's group.
        made: Tells one making from the next; 0 where nothing is known.
    """

    location: str
    group: str
    made: int

    @classmethod
    def of(cls, location: str, group: str) -> "Earlier":
        """Look for what a stage that is made again left; a remote store has nothing."""
        store = local_path(location)
        folder = None if store is None else store / Parts(location, group).before / FOUND
        is_there = folder is not None and folder.is_dir()
        return cls(location, group, folder.stat().st_mtime_ns if folder and is_there else 0)

    def find(self, photo: Photo, measure: Measure, names: Collection[str]) -> Arrays | None:
        """Return the arrays of these names that were found of a photo, as `named` does."""
        return self.named(key_of(photo, measure), names)

    def named(self, key: str, names: Collection[str] = ()) -> Arrays | None:
        """Return arrays that were found under a key; None if it is not known.

        No names stand for all that was left.
        """
        place = _index(self).get(key)
        pack = None if place is None else _pack(self, place.pack)
        if place is None or pack is None or not pack.keys() >= set(names):
            return None
        return {name: _unpacked(pack, name, place.number) for name in names or _names(pack)}

    def rows(self, name: str, photo: Photo, measure: Measure) -> U8 | None:
        """Return the rows that a photo gave to a raw array; None if they are not known."""
        index = _index(self)
        place = index.get(key_of(photo, measure))
        if place is None:
            return None
        last = place.first + place.gives
        return self._before.raw(name, place.first, last, index.rows)

    def columns(self, names: Collection[str], photo: Photo, measure: Measure) -> Arrays | None:
        """Return the rows that a photo gave to columns beside raw arrays, likewise."""
        index = _index(self)
        place = index.get(key_of(photo, measure))
        if place is None:
            return None
        last = place.first + place.gives
        found: Arrays = {}
        for name in names:
            column = self._before.column(name, place.first, last, index.rows)
            if column is None:
                return None
            found[name] = column
        return found

    @property
    def _before(self) -> Before:
        return Before(self.location, self.group, self.made)


NOTHING_EARLIER = Earlier("", "", 0)
"""Of rows that are made anew by themselves."""


@dataclass(frozen=True)
class PhotoByPhoto:
    """How a stage finds what it measures of each photo: known already, left for it, or by decoding.

    Attributes:
        earlier: What is known.
        cache: What was left.
        measure: What is wanted.
        names: Arrays that the stage needs of each photo, and the next making will know; all if
            none is named.
        gives: That of them, of bools, which tells how many rows of raw arrays a photo gives.
        keep: As of `PhotoCache.get`.
    """

    earlier: Earlier
    cache: PhotoCache
    measure: Measure
    names: tuple[str, ...] = ()
    gives: str = ""
    keep: bool = False

    def find(self, photos: Sequence[Photo]) -> list[Arrays]:
        """Return what is wanted of a task's photos, and leave it for the next making."""
        if not photos:
            return []
        found = [self._one(photo) for photo in photos]
        gives = [int(one[self.gives].sum()) if self.gives else 0 for one in found]
        keys = [key_of(photo, self.measure) for photo in photos]
        leave_known(self.earlier, photos[0].row, keys, found, gives)
        return found

    def _one(self, photo: Photo) -> Arrays:
        known = self.earlier.find(photo, self.measure, self.names)
        if known is not None:
            return known
        return self.cache.get(photo, self.measure, self.names, keep=self.keep)


def key_of(photo: Photo, measure: Measure) -> str:
    """Return the name of what is wanted of a photo."""
    return result_key(photo.sha256, photo.policy, measure)


def known_to(location: str, group: str) -> frozenset[str]:
    """Return the names, as `key_of`, of what a stage will find of photos when it is made again.

    That is what its last making left or, where a killed one took its place, what that began with.
    """
    names: set[str] = set()
    for place in (group, f"{group}.before") if local_path(location) is not None else ():
        packs = Parts(location, f"{place}/{FOUND}")
        for pack in sorted(packs.present()):
            arrays = packs.load(pack, (_KEYS,))
            names.update(() if arrays is None else arrays[_KEYS].tolist())
    return frozenset(names)


def leave_known(
    earlier: Earlier,
    number: int,
    keys: Sequence[str],
    found: Sequence[Arrays],
    gives: Sequence[int],
) -> None:
    """Leave what was found of some photos for when the stage is made again.

    Args:
        earlier: Of the stage; nothing is left beside a remote store.
        number: Of the pack; photos lie in them in their order.
        keys: Name of each photo's result.
        found: Each one's arrays, of the same names and rows of the same shapes.
        gives: How many rows of raw arrays each gives.
    """
    if local_path(earlier.location) is None:
        return
    pack: Arrays = {_KEYS: np.array(keys), _GIVES: np.array(gives, np.int64)}
    for name in found[0]:
        values = [one[name] for one in found]
        pack[name] = np.concatenate([np.atleast_1d(value) for value in values])
        pack[_rows_of(name)] = np.array([len(v) if v.ndim else -1 for v in values], np.int64)
    Parts(earlier.location, f"{earlier.group}/{FOUND}").save(number, pack)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a photo lies: its pack, its number there, and the rows of raw arrays that it gave."""

    pack: int
    number: int
    first: int
    gives: int


class _Index(dict[str, _Place]):
    """Where each photo lies, by the name of its result."""

    rows = 0
    """Of raw arrays that all photos gave."""


@lru_cache(2)
def _index(earlier: Earlier) -> _Index:
    found = _Index()
    packs = _packs(earlier)
    for pack in sorted(packs.present()) if earlier.made else ():
        arrays = packs.load(pack, (_KEYS, _GIVES))
        if arrays is None:  # where later photos' rows lie is not known either
            return _Index()
        both = zip(arrays[_KEYS].tolist(), arrays[_GIVES].tolist(), strict=True)
        for number, (key, gives) in enumerate(both):
            found[key] = _Place(pack, number, found.rows, gives)
            found.rows += gives
    return found


def _packs(earlier: Earlier) -> Parts:
    return Parts(earlier.location, f"{earlier.group}.before/{FOUND}")


@lru_cache(_PACKS)
def _pack(earlier: Earlier, number: int) -> Arrays | None:
    return _packs(earlier).load(number)


def _rows_of(name: str) -> str:
    return f"rows of {name}"


def _names(pack: Arrays) -> list[str]:
    return [name for name in pack if _rows_of(name) in pack]


def _unpacked(pack: Arrays, name: str, number: int) -> npt.NDArray[np.generic]:
    rows = pack[_rows_of(name)]
    first = int(np.abs(rows[:number]).sum())
    if rows[number] < 0:
        return np.asarray(pack[name][first])
    return pack[name][first : first + int(rows[number])]
