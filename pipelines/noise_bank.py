"""Writing the noise bank: tasks copy the patches in mining's parts into whole chunks."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from degrade.arrays import U8
from degrade.errors import StoreError
from degrade.store.parts import Arrays, load_part, save_part
from degrade.store.schema import NOISE
from degrade.store.writer import (
    create_tiles,
    damaged_chunks,
    open_tiles,
    rechunked,
    tiles_per_chunk,
    write_checksums,
    write_chunk,
)
from pipelines.client import Client
from pipelines.parted import Tally, read_parts, run_parts

PATCHES = f"{NOISE}/patches"
"""Group of the parts that hold patches; those of the measurements are read apart from them."""
COPIES = f"{NOISE}/copies"
BYTES_PER_TASK = 64 * 2**20


@dataclass(frozen=True)
class _Span:
    """The rows [first, last) of one part's patches."""

    part: int
    first: int
    last: int


@dataclass(frozen=True)
class _Copy:
    """The rows [first, last) of the bank, whole chunks, and the parts that they lie in."""

    location: str
    index: int
    first: int
    last: int
    per_chunk: int
    spans: tuple[_Span, ...]

    @property
    def items(self) -> int:
        return self.last - self.first


def write_bank(location: str, client: Client, counts: Sequence[int], side: int) -> None:
    """Write the array of patches from the parts in `PATCHES`, in the order of the parts.

    Args:
        location: The store.
        client: Where to run.
        counts: Patches in each part, not all 0.
        side: Of a patch, in pixels.
    """
    total, per_chunk = int(sum(counts)), tiles_per_chunk(side)
    create_tiles(location, NOISE, "patches", (total, side, side, 3), per_chunk)
    tasks = _tasks(location, counts, side, per_chunk)
    run_parts(
        client,
        location,
        COPIES,
        tasks,
        _copy,
        unit="patches",
        name="noise bank",
        is_intact=_is_intact,
    )
    sums = [part["sums"] for part in read_parts(location, COPIES, len(tasks))]
    write_checksums(location, NOISE, "patches", np.concatenate(sums))


def _tasks(location: str, counts: Sequence[int], side: int, per_chunk: int) -> list[_Copy]:
    rows = max(1, BYTES_PER_TASK // (per_chunk * side * side * 3)) * per_chunk
    starts = np.concatenate([[0], np.cumsum(counts)]).astype(int)
    total = int(starts[-1])
    tasks = []
    for index, first in enumerate(range(0, total, rows)):
        last = min(total, first + rows)
        begin = int(np.searchsorted(starts, first, "right")) - 1
        end = int(np.searchsorted(starts, last, "left"))
        spans = tuple(
            _Span(part, max(0, first - start), min(counts[part], last - start))
            for part, start in zip(range(begin, end), starts[begin:end].tolist(), strict=True)
            if counts[part]
        )
        tasks.append(_Copy(location, index, first, last, per_chunk, spans))
    return tasks


def _copy(task: _Copy) -> Tally:
    """Write the chunks of one task, and their checksums as its part."""
    array, first = open_tiles(task.location, NOISE, "patches"), task.first // task.per_chunk
    sums = [
        write_chunk(array, chunk, tiles)
        for chunk, tiles in enumerate(rechunked(_patches(task), task.per_chunk), first)
    ]
    save_part(task.location, COPIES, task.index, {"sums": np.array(sums, np.uint32)})
    return Tally(task.items)


def _patches(task: _Copy) -> Iterator[U8]:
    """Yield the task's patches, the parts one at a time in memory."""
    for span in task.spans:
        part = load_part(task.location, PATCHES, span.part)
        if part is None:
            raise StoreError(
                f"{task.location}/{PATCHES}: part {span.part} vanished; run the command again"
            )
        yield part["patches"][span.first : span.last].astype(np.uint8, copy=False)


def _is_intact(task: _Copy, part: Arrays) -> bool:
    first = task.first // task.per_chunk
    return not damaged_chunks(task.location, NOISE, "patches", part["sums"].tolist(), first)
