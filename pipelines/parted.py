"""Running a stage as tasks that each leave one part behind, so that a killed run goes on."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from degrade.arrays import U8
from degrade.errors import StoreError
from degrade.store.parts import Arrays, load_part, save_part
from degrade.store.raw import RawArrays
from degrade.store.writer import Out
from pipelines.client import Client
from pipelines.progress import track
from pipelines.streaming import listening, stream

TASKS, LARGEST = 500, 4


@dataclass(frozen=True)
class Done:
    """What a task has done: the arrays of its part, and how many of its items it refused."""

    part: Mapping[str, npt.ArrayLike]
    refused: int = 0
    seconds: float = 0.0
    """How long it took, where that is on a bill; likewise the next."""
    spent: Mapping[Any, float] = field(default_factory=dict)
    """Seconds of it by what they were for."""


class PartTask(Protocol):
    """One task: its part's index and the number of items in it."""

    @property
    def index(self) -> int:
        """Index of the part."""

    @property
    def items(self) -> int:
        """Number of items."""


class RowsTask(PartTask, Protocol):
    """One task that writes ``items`` rows of raw arrays, whole chunks."""

    @property
    def first(self) -> int:
        """The first row."""


Task = TypeVar("Task", bound=PartTask)
Writing = TypeVar("Writing", bound=RowsTask)


def per_task(least: int, items: int) -> int:
    """Return how many items a task holds: ``least``, up to `LARGEST` times that for very many.

    A task costs the scheduler and its worker some 20 ms, whatever it holds; few large ones would
    keep few workers busy.
    """
    return least * min(LARGEST, max(1, items // (least * TASKS)))


@dataclass(frozen=True)
class Parts:
    """The parts of a stage in order, each read when it is come to."""

    location: str
    group: str
    count: int

    def __iter__(self) -> Iterator[Arrays]:
        """Yield the parts.

        Raises:
            StoreError: One is missing.
        """
        return (self.part(index) for index in range(self.count))

    def part(self, index: int) -> Arrays:
        """Return one part; raises as iterating does."""
        part = load_part(self.location, self.group, index)
        if part is None:
            place = f"{self.location}/{self.group}"
            raise StoreError(f"{place}: part {index} vanished; run the command again")
        return part


def run_parts(
    client: Client,
    location: str,
    group: str,
    tasks: Sequence[Task],
    function: Callable[[Task], Done],
    *,
    unit: str,
    name: str,
    after: Callable[[Task], None] | None = None,
    is_intact: Callable[[Task, Arrays], bool] | None = None,
    resources: Mapping[str, float] | None = None,
    tell: Callable[[Done], None] | None = None,
) -> Parts:
    """Run the tasks whose part is not there yet, and return the parts of all.

    Args:
        client: Where to run.
        location: The store.
        group: Where in it the parts are kept until the stage that they are of is finished.
        tasks: All tasks of the stage, those done before too.
        function: Does a task. A long one may tell how far it is by logging shares of an item under
            the stage's name (``worker.log_event(name, 0.2)``).
        unit: What the items are, plural.
        name: The stage.
        after: Called for a task when its part is written.
        is_intact: Tells from a part that is there whether what the task wrote elsewhere is, too.
        resources: What each task needs of a worker.
        tell: Called with what every task has done, but for the arrays.
    """
    run = _UnlessDone(location, group, function, after, is_intact)
    total = sum(task.items for task in tasks)
    with track(name, total, unit) as counter, listening(client, name, counter.hint):
        for items, done in stream(client, run, tasks, resources):
            counter.advance(items, done.refused)
            if tell is not None:
                tell(done)
    return Parts(location, group, len(tasks))


@dataclass(frozen=True)
class _UnlessDone(Generic[Task]):
    """Runs a task if its part is missing or cut short, or what it wrote beside it is damaged."""

    location: str
    group: str
    function: Callable[[Task], Done]
    after: Callable[[Task], None] | None
    is_intact: Callable[[Task, Arrays], bool] | None

    def __call__(self, task: Task) -> tuple[int, Done]:
        part = load_part(self.location, self.group, task.index)
        if part is not None and (self.is_intact is None or self.is_intact(task, part)):
            return task.items, Done({})
        done = self.function(task)
        save_part(self.location, self.group, task.index, done.part)
        if self.after is not None:
            self.after(task)
        return task.items, replace(done, part={})


Rows = Callable[[Writing], Iterable[tuple[U8, ...]]]
"""Yields the rows of raw arrays that a task is to write."""


def write_raw(
    client: Client,
    out: Out,
    shapes: Mapping[str, tuple[int, ...]],
    per_chunk: int,
    tasks: Sequence[Writing],
    rows: Rows[Writing],
    *,
    unit: str,
    name: str,
    parts: str = "",
    after: Callable[[Writing], None] | None = None,
) -> None:
    """Write raw arrays and their checksums, going on where a killed run stopped.

    Args:
        client: Where to run.
        out: The stage's group.
        shapes: Of the arrays, which have equally many rows.
        per_chunk: Rows in a chunk.
        tasks: Of all rows.
        rows: Yields a task's rows, in which worker it may be.
        unit: What the items are, plural.
        name: The stage.
        parts: Under which name the tasks' parts are kept, if not as the stage's own.
        after: Called for a task when it is done.
    """
    raw = out.raw(shapes, per_chunk)
    group = f"{out.group}/{parts}" if parts else out.group
    done = run_parts(
        client,
        out.location,
        group,
        tasks,
        partial(_write, raw, rows),
        unit=unit,
        name=name,
        after=after,
        is_intact=partial(_is_intact, raw),
    )
    written = list(done)
    out.checksums({name: np.concatenate([part[name] for part in written]) for name in shapes})


def rewrite_raw(
    client: Client, raw: RawArrays, tasks: Sequence[Writing], rows: Rows[Writing]
) -> None:
    """Write the rows of some tasks again, in arrays that are finished."""
    for _ in stream(client, partial(_write, raw, rows), tasks):
        pass


def _write(raw: RawArrays, rows: Rows[Writing], task: Writing) -> Done:
    return Done(raw.write(task.first, rows(task)))


def _is_intact(raw: RawArrays, task: RowsTask, part: Arrays) -> bool:
    return raw.is_intact(task.first, part)
