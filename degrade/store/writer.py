"""Writing a stage's group: begun with what identifies it, filled, and finished with its hash."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from typing import Any, Literal, TypeVar

import numpy as np
import numpy.typing as npt
import zarr
from zarr.codecs import Crc32cCodec, ZstdCodec

from degrade.errors import NothingToDo, StoreError
from degrade.store.backend import (
    drop_if_damaged,
    find_group,
    local_path,
    open_group_for_writing,
    writing,
)
from degrade.store.raw import RawArrays
from degrade.store.schema import CHECKSUM_SUFFIX, Column
from degrade.store.stages import StageIdentity, content_hash, difference, software
from degrade.store.task_results import TaskResults

Number = TypeVar("Number", bound=np.generic)
State = Literal["fresh", "resumed", "complete"]

RAW_CHUNK_BYTES = 4 * 2**20
SMALL = (ZstdCodec(level=3), Crc32cCodec())
"""Codecs of small arrays: a damaged chunk is noticed when it is read."""


@dataclass(frozen=True, kw_only=True)
class GroupWriter:
    """A stage's group while the stage writes it.

    Attributes:
        location: The store.
        group: Path of the group in it.
        state: "complete" if the same stage already finished with the same parameters and inputs,
            "resumed" if it was begun and stopped, "fresh" if it starts from nothing.
        root: The store, opened once.
        made: The group.
        results: What the finished group says beside what was asked for, JSON-able.
    """

    location: str
    group: str
    state: State
    root: zarr.Group
    made: zarr.Group
    results: dict[str, Any] = field(default_factory=dict)

    @property
    def needed(self) -> bool:
        """Whether anything is left to do."""
        return self.state != "complete"

    def columns(self, columns: Mapping[str, Column], values: Mapping[str, Any]) -> None:
        """Write small arrays with a row per item, whole."""
        for name, column in columns.items():
            rows = len(values[name])
            kind = object if column.dtype == "str" else column.dtype
            dtype = "string" if column.dtype == "str" else column.dtype
            chunk, shape = max(1, min(rows, 65536)), (rows, *column.row)
            with self._small(name, shape, chunk, dtype, column.meaning) as array:
                array[...] = np.asarray(values[name], dtype=kind).reshape(shape)

    def array(self, name: str, values: npt.NDArray[Any], meaning: str = "") -> None:
        """Write one numeric array whole, in chunks of rows of about 4 MiB."""
        self.rows(name, len(values), iter([values]), meaning)

    def rows(
        self, name: str, total: int, blocks: Iterator[npt.NDArray[Any]], meaning: str = ""
    ) -> None:
        """Write one numeric array as its rows come, in chunks of about 4 MiB.

        Args:
            name: The array.
            total: Rows of all blocks together.
            blocks: At least one; a few of its rows in each, in order.
            meaning: What it holds, for readers of the store.
        """
        first = next(blocks)
        rows = max(1, min(total, RAW_CHUNK_BYTES // max(1, first[:1].nbytes)))
        shape = (total, *first.shape[1:])
        with self._small(name, shape, rows, first.dtype, meaning) as array:
            for number, chunk in enumerate(rechunked(chain([first], blocks), rows)):
                array[number * rows : number * rows + len(chunk)] = chunk

    @contextmanager
    def _small(
        self, name: str, shape: tuple[int, ...], rows: int, dtype: Any, meaning: str
    ) -> "Iterator[zarr.Array[Any]]":
        """Yield a compressed array to be written."""
        with writing(self.location):
            yield self.made.create_array(
                name,
                shape=shape,
                chunks=(rows, *shape[1:]),
                dtype=dtype,
                compressors=SMALL,
                attributes={"meaning": meaning} if meaning else None,
                overwrite=True,
            )

    def raw(self, shapes: Mapping[str, tuple[int, ...]], per_chunk: int) -> RawArrays:
        """Create empty raw arrays of uint8: uncompressed, unsharded, chunks of whole rows.

        Each chunk file is then plain C-order bytes, which a reader can map. An array that is
        already there with this shape and chunks is kept, with the files it has.
        """
        for name, shape in shapes.items():
            drop_if_damaged(self.location, f"{self.group}/{name}")
            chunks, old = (per_chunk, *shape[1:]), self.made.get(name)
            if isinstance(old, zarr.Array) and (old.shape, old.chunks) == (shape, chunks):
                continue
            with writing(self.location):
                self.made.create_array(
                    name,
                    shape=shape,
                    chunks=chunks,
                    dtype="uint8",
                    compressors=None,
                    fill_value=0,
                    overwrite=old is not None,
                )
        return RawArrays(self.location, self.group, tuple(shapes))

    def checksums(self, sums: Mapping[str, Iterable[int]]) -> None:
        """Write the CRC-32 of every chunk file of raw arrays, as `RawArrays.write` returns them."""
        for name, values in sums.items():
            column = Column("uint32", f"CRC-32 of each chunk file of {name}")
            checksum = name + CHECKSUM_SUFFIX
            self.columns({checksum: column}, {checksum: list(values)})

    def finish(self) -> None:
        """Mark the stage complete, record results and content hash, and delete the tasks' results.

        What it found of each photo stays beside it, see `degrade.store.task_results`.
        """
        with writing(self.location):
            sweep(self.location, self.group)
            content = content_hash(self.made)
            self.made.attrs.update({**self.results, "content": content, "complete": True})
        TaskResults(self.location, self.group).settle()

    def discard(self) -> None:
        """Remove the group, whatever is in it."""
        task_results = TaskResults(self.location, self.group)
        task_results.clear()
        task_results.settle()
        del self.root[self.group]


@contextmanager
def begin(
    location: str,
    group: str,
    identity: StageIdentity,
    *,
    overwrite: bool = False,
    anew: bool = False,
) -> Iterator[GroupWriter]:
    """Begin a stage's group and finish it when the block ends, unless nothing was left to do.

    A stage that finds nothing (`NothingToDo`) is taken back, so that other settings can be tried
    at once; one that is stopped by anything else goes on where it stopped.

    Raises:
        StoreError: As `begin_stage` does.
    """
    out = begin_stage(location, group, identity, overwrite=overwrite, anew=anew)
    try:
        yield out
    except NothingToDo:
        if out.needed:
            out.discard()
        raise
    if out.needed:
        out.finish()


def begin_stage(
    location: str,
    group: str,
    identity: StageIdentity,
    *,
    overwrite: bool = False,
    anew: bool = False,
) -> GroupWriter:
    """Prepare a group for a stage to write in; ``anew`` drops what is there, even if it fits.

    Raises:
        StoreError: The group was made with other parameters, inputs or (if unfinished) software,
            and ``overwrite`` is not set; with it, such a group is made again.
    """
    root, existing = open_group_for_writing(location, group)
    task_results = TaskResults(location, group)
    out = partial(GroupWriter, location=location, group=group, root=root)
    if existing is not None and existing.attrs.get("stage") is not None and not anew:
        differs = difference(existing, identity)
        if not differs and existing.attrs["complete"]:
            task_results.settle()  # of a run that was killed just before it did so
            return out(state="complete", made=existing)
        if not differs:
            task_results.claim(identity.digest())
            return out(state="resumed", made=existing)
        if not overwrite:
            raise StoreError(
                f"{location}/{group}: was made with {differs}; pass --overwrite to make it "
                "again, or use another --store"
            )
    if existing is not None or anew or not task_results.are_of(identity.digest()):
        complete = existing is not None and bool(existing.attrs.get("complete"))
        task_results.set_aside(complete=complete)
    if find_group(root, group) is not None:
        del root[group]
    # Without its metadata, lost with the power, a group may still have results to go on from.
    task_results.claim(identity.digest())
    attributes = {**identity.plain(), "software": software(), "complete": False}
    with writing(location):
        return out(state="fresh", made=root.create_group(group, attributes=attributes))


def sweep(location: str, group: str) -> None:
    """Delete what Zarr was writing aside when an earlier run was killed."""
    top = local_path(location)
    if top is not None:
        for left in [*top.glob("*.partial"), *(top / group).rglob("*.partial")]:
            left.unlink()


def tiles_per_chunk(tile: int) -> int:
    """Return how many tiles of ``tile`` x ``tile`` x 3 bytes share a chunk file: a power of 2."""
    fit = max(1, RAW_CHUNK_BYTES // (tile * tile * 3))
    return int(min(256, 1 << (fit.bit_length() - 1)))


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
