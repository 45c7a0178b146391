"""Per-photo results of a stage's previous making, so that only new photos are worked on.

Beside its result a task saves a pack of what it found of each of its photos, by all that this
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
from degrade.store.schema import CHECKSUM_SUFFIX, chunk_file
from degrade.store.task_results import FOUND, Arrays, TaskResults
from pipelines.photos.cache import PhotoCache, PhotoMeasure, result_key
from pipelines.photos.reading import Photo

_CHUNKS = 16
"""Chunks kept in memory by each process: rows that follow each other are asked for in order."""


@dataclass(frozen=True)
class PreviousGroup:
    """Address of a group as it was, whose rows need not be made anew.

    `degrade.store.task_results` moved it aside. Every chunk is compared with its checksum; one that
    is missing or damaged gives nothing, and its rows are made like new ones.

    Attributes:
        location: The store, a local folder.
        group: The group.
        made: Distinguishes one making from the next: what is read is remembered.
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
def _opened(before: PreviousGroup, name: str) -> "zarr.Array[Any] | None":
    place = f"{TaskResults(before.location, before.group).before}/group/{name}"
    try:
        return zarr.open_array(zarr_store(before.location, read_only=True), path=place, mode="r")
    except (OSError, ValueError, KeyError):
        return None


@lru_cache(_CHUNKS)
def _raw_chunk(before: PreviousGroup, name: str, number: int) -> U8 | None:
    """Read a chunk file's rows; None if it is not what was written."""
    array, sums = _opened(before, name), _column_chunk(before, name + CHECKSUM_SUFFIX, 0)
    store = local_path(before.location)
    if array is None or sums is None or store is None or number >= len(sums):
        return None
    path: Path = store / str(TaskResults(before.location, before.group).before) / "group" / name
    try:
        data = (path / chunk_file(number, array.ndim)).read_bytes()
    except OSError:
        return None
    if zlib.crc32(data) != int(sums[number]):
        return None
    return np.frombuffer(data, np.uint8).reshape(-1, *array.shape[1:])


@lru_cache(_CHUNKS)
def _column_chunk(before: PreviousGroup, name: str, number: int) -> npt.NDArray[Any] | None:
    array = _opened(before, name)
    if array is None:
        return None
    rows = int(array.chunks[0])
    try:
        return np.asarray(array[number * rows : (number + 1) * rows])
    except (OSError, ValueError, RuntimeError):
        return None


_PACKS = 4
"""Packs kept in memory by each process: photos that follow each other lie in the same ones."""
_KEYS, _GIVES = "keys", "gives"


@dataclass(frozen=True)
class PreviousResults:
    """Address of what is known of photos; a task reads there what it needs.

    Attributes:
        location: The store.
        group: The stage's group.
        made: Distinguishes one making from the next; 0 where nothing is known.
    """

    location: str
    group: str
    made: int

    @classmethod
    def of(cls, location: str, group: str) -> "PreviousResults":
        """Find what a stage saved that is made again; a remote store has nothing."""
        store = local_path(location)
        folder = None if store is None else store / TaskResults(location, group).before / FOUND
        is_there = folder is not None and folder.is_dir()
        return cls(location, group, folder.stat().st_mtime_ns if folder and is_there else 0)

    def find(self, photo: Photo, measure: PhotoMeasure, names: Collection[str]) -> Arrays | None:
        """Return the arrays of these names that were found of a photo, as `named` does."""
        return self.named(key_of(photo, measure), names)

    def named(self, key: str, names: Collection[str] = ()) -> Arrays | None:
        """Return arrays that were found under a key; None if it is not known.

        Without names all arrays are returned.
        """
        place = _index(self).get(key)
        pack = None if place is None else _pack(self, place.pack)
        if place is None or pack is None or not pack.keys() >= set(names):
            return None
        return {name: _unpacked(pack, name, place.number) for name in names or _names(pack)}

    def rows(self, name: str, photo: Photo, measure: PhotoMeasure) -> U8 | None:
        """Return the rows that a photo gave to a raw array; None if they are not known."""
        index = _index(self)
        place = index.get(key_of(photo, measure))
        if place is None:
            return None
        last = place.first + place.gives
        return self._before.raw(name, place.first, last, index.rows)

    def columns(self, names: Collection[str], photo: Photo, measure: PhotoMeasure) -> Arrays | None:
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
    def _before(self) -> PreviousGroup:
        return PreviousGroup(self.location, self.group, self.made)


NO_PREVIOUS = PreviousResults("", "", 0)
"""For rows that are made anew by themselves."""


@dataclass(frozen=True)
class PhotoResults:
    """How a stage gets each photo's result: from its previous making, the cache, or by decoding.

    Attributes:
        previous: What is known.
        cache: The run's cache of photos' results.
        measure: What is measured of each photo.
        names: Arrays that the stage needs of each photo, and the next making will know; all if
            none is named.
        gives: That of them, of bools, whose sum is the number of rows of raw arrays a photo gives.
        keep: As of `PhotoCache.get`.
    """

    previous: PreviousResults
    cache: PhotoCache
    measure: PhotoMeasure
    names: tuple[str, ...] = ()
    gives: str = ""
    keep: bool = False

    def find(self, photos: Sequence[Photo]) -> list[Arrays]:
        """Return the results of a task's photos, and save them for the next making."""
        if not photos:
            return []
        found = [self._one(photo) for photo in photos]
        gives = [int(one[self.gives].sum()) if self.gives else 0 for one in found]
        keys = [key_of(photo, self.measure) for photo in photos]
        save_results(self.previous, photos[0].row, keys, found, gives)
        return found

    def _one(self, photo: Photo) -> Arrays:
        known = self.previous.find(photo, self.measure, self.names)
        if known is not None:
            return known
        return self.cache.get(photo, self.measure, self.names, keep=self.keep)


def key_of(photo: Photo, measure: PhotoMeasure) -> str:
    """Return the key of a photo's result."""
    return result_key(photo.sha256, photo.policy, measure)


def known_to(location: str, group: str) -> frozenset[str]:
    """Return the names, as `key_of`, of what a stage will find of photos when it is made again.

    That is what its last making left or, where a killed one took its place, what that began with.
    """
    names: set[str] = set()
    for place in (group, _set_aside(group)) if local_path(location) is not None else ():
        packs = _packs(location, place)
        for pack in sorted(packs.present()):
            arrays = packs.load(pack, (_KEYS,))
            names.update(() if arrays is None else arrays[_KEYS].tolist())
    return frozenset(names)


def save_results(
    previous: PreviousResults,
    number: int,
    keys: Sequence[str],
    found: Sequence[Arrays],
    gives: Sequence[int],
) -> None:
    """Save results of some photos for when the stage is made again.

    Args:
        previous: Of the stage; nothing is saved beside a remote store.
        number: Of the pack; photos lie in them in their order.
        keys: Name of each photo's result.
        found: Each one's arrays, of the same names and rows of the same shapes.
        gives: How many rows of raw arrays each gives.
    """
    if local_path(previous.location) is None:
        return
    pack: Arrays = {_KEYS: np.array(keys), _GIVES: np.array(gives, np.int64)}
    for name in found[0]:
        values = [one[name] for one in found]
        pack[name] = np.concatenate([np.atleast_1d(value) for value in values])
        pack[_rows_of(name)] = np.array([len(v) if v.ndim else -1 for v in values], np.int64)
    _packs(previous.location, previous.group).save(number, pack)


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
    """Rows of raw arrays that all photos gave."""


@lru_cache(2)
def _index(previous: PreviousResults) -> _Index:
    found = _Index()
    packs = _packs(previous.location, _set_aside(previous.group))
    for pack in sorted(packs.present()) if previous.made else ():
        arrays = packs.load(pack, (_KEYS, _GIVES))
        if arrays is None:  # where later photos' rows lie is not known either
            return _Index()
        both = zip(arrays[_KEYS].tolist(), arrays[_GIVES].tolist(), strict=True)
        for number, (key, gives) in enumerate(both):
            found[key] = _Place(pack, number, found.rows, gives)
            found.rows += gives
    return found


def _packs(location: str, place: str) -> TaskResults:
    return TaskResults(location, f"{place}/{FOUND}")


def _set_aside(group: str) -> str:
    """Return where the packs of a stage's previous making lie while it is made again."""
    return f"{group}.before"


@lru_cache(_PACKS)
def _pack(previous: PreviousResults, number: int) -> Arrays | None:
    return _packs(previous.location, _set_aside(previous.group)).load(number)


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
