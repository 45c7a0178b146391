"""A stage at work: a group of the store, begun once and written by tasks that save results."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Sized
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Generic, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from degrade.arrays import U8
from degrade.store import writer
from degrade.store.raw import RawArrays
from degrade.store.reader import Store
from degrade.store.stages import StageIdentity
from degrade.store.task_results import Arrays, TaskResults
from pipelines.execution.cluster import Client
from pipelines.execution.progress import track
from pipelines.execution.stage_time import StageTime, charge, clocked
from pipelines.execution.streaming import stream, subscribed

TASKS, LARGEST = 500, 4


@dataclass(frozen=True)
class TaskOutput:
    """What a task returns: the arrays to save, and how many items of its group it refused."""

    arrays: Mapping[str, npt.ArrayLike]
    refused: int = 0


class RowsGroup(Sized, Protocol):
    """Rows of raw arrays from ``start`` on, whole chunks; a `range` is one."""

    @property
    def start(self) -> int:
        """The first row."""


Group = TypeVar("Group", bound=Sized)
Written = TypeVar("Written", bound=RowsGroup)


@dataclass(frozen=True)
class MeasuredRow:
    """A row of raw arrays of which it is known what would be measured."""

    row: tuple[U8, ...]
    values: Mapping[str, float]


Rows = Callable[[Written], Iterable[tuple[U8, ...] | MeasuredRow]]
"""Yields the rows of raw arrays that a task is to write."""
MeasureRow = Callable[[tuple[U8, ...]], Mapping[str, float]]
"""Takes a row of raw arrays to numbers that are written as columns beside them."""


def _measures_nothing(row: tuple[U8, ...]) -> Mapping[str, float]:
    return {}


def per_task(least: int, items: int) -> int:
    """Return how many items a task holds: ``least``, up to `LARGEST` times that for very many.

    A task costs the scheduler and its worker some 20 ms, whatever it holds; few large ones would
    keep few workers busy.
    """
    return least * min(LARGEST, max(1, items // (least * TASKS)))


def blocks(total: int, size: int) -> list[range]:
    """Cut so many items into groups of ``size``; the last may be smaller."""
    return [range(first, min(total, first + size)) for first in range(0, total, size)]


@dataclass(frozen=True, kw_only=True)
class Tasks:
    """Where tasks run, and where in a store they save their results.

    Attributes:
        location: The store.
        group: Of the results, which are kept until their stage is finished.
        client: Where to run.
        name: What progress calls them.
    """

    location: str
    group: str
    client: Client
    name: str

    def run(
        self,
        groups: Sequence[Group],
        function: Callable[[Group], TaskOutput],
        unit: str,
        *,
        subgroup: str = "",
        name: str = "",
        after: Callable[[Group], None] | None = None,
        is_intact: Callable[[Group, Arrays], bool] | None = None,
        resources: Mapping[str, float] | None = None,
    ) -> TaskResults:
        """Run a task on each group of items whose result is not there yet; return all results.

        The share of the tasks' time that they charge to other stages is charged to these.

        Args:
            groups: All of them, in the order of their results.
            function: Does a group. A long one may report progress by logging shares of an item
                under the stage's name (``log_event(name, 0.2)``).
            unit: What the items are, plural.
            subgroup: Group of the results inside the stage's own.
            name: What progress calls them, if not as all.
            after: Called for a group when its result is saved.
            is_intact: Decides from a saved result whether it is of this group, and what its
                task wrote elsewhere is there, too.
            resources: What each task needs of a worker.
        """
        place = TaskResults(
            self.location, f"{self.group}/{subgroup}" if subgroup else self.group, len(groups)
        )
        run, name = _RunIfMissing(place, function, after, is_intact), name or self.name
        total, tasks = sum(map(len, groups)), list(enumerate(groups))
        with track(name, total, unit) as counter, subscribed(self.client, name, counter.hint):
            for items, refused, spent in stream(self.client, run, tasks, resources):
                counter.work.add(spent)
                counter.advance(items, refused)
            for stage, seconds in counter.for_others().items():
                charge(stage, seconds)
        return place


@dataclass(frozen=True, kw_only=True)
class StageWriter(writer.GroupWriter, Tasks):
    """A stage's group while the stage works on it."""

    def tiles(
        self,
        shapes: Mapping[str, tuple[int, ...]],
        per_chunk: int,
        groups: Sequence[Written],
        rows: Rows[Written],
        unit: str,
        *,
        subgroup: str = "",
        name: str = "",
        after: Callable[[Written], None] | None = None,
        measure: MeasureRow = _measures_nothing,
        measured: Sequence[str] = (),
    ) -> dict[str, npt.NDArray[np.generic]]:
        """Write raw arrays by tasks, and their checksums, going on where a killed run stopped.

        Args:
            shapes: Of the arrays, which have equally many rows.
            per_chunk: Rows in a chunk.
            groups: Of all rows, in order.
            rows: Yields the rows of a group, in which worker it may be.
            unit: What the rows are, plural.
            subgroup: As `run` takes it, like all that follows.
            name: As there.
            after: As there.
            measure: Takes each row, as it is written, to a value of each column.
            measured: The columns' names.

        Returns:
            The columns that were measured, float32, a value for each row.
        """
        raw = self.raw(shapes, per_chunk)
        work, whole = partial(_write, raw, rows, measure), partial(_is_intact, raw, measured)
        run = self.run(
            groups, work, unit, subgroup=subgroup, name=name, after=after, is_intact=whole
        )
        done = list(run)
        self.checksums({name: np.concatenate([result[name] for result in done]) for name in shapes})
        return {name: np.concatenate([result[name] for result in done]) for name in measured}


@contextmanager
def begin(
    store: Store,
    client: Client,
    group: str,
    identity: StageIdentity,
    *,
    overwrite: bool = False,
    anew: bool = False,
) -> Iterator[StageWriter]:
    """Begin a stage's group as `degrade.store.writer.begin` does, to be written by tasks."""
    begun = writer.begin(store.location, group, identity, overwrite=overwrite, anew=anew)
    with begun as out:
        yield StageWriter(**vars(out), client=client, name=identity.stage)


@dataclass(frozen=True)
class _RunIfMissing(Generic[Group]):
    """Runs a task if its result is missing or truncated, or what it wrote beside it is damaged."""

    results: TaskResults
    function: Callable[[Group], TaskOutput]
    after: Callable[[Group], None] | None
    is_intact: Callable[[Group, Arrays], bool] | None

    def __call__(self, task: tuple[int, Group]) -> tuple[int, int, StageTime]:
        """Return how many items the task has, how many it refused now, and what it took."""
        index, group = task
        with clocked() as spent:
            return len(group), self._refused(index, group), spent

    def _refused(self, index: int, group: Group) -> int:
        result = self.results.load(index)
        if result is not None and (self.is_intact is None or self.is_intact(group, result)):
            return 0
        done = self.function(group)
        self.results.save(index, done.arrays)
        if self.after is not None:
            self.after(group)
        return done.refused


def rewrite(client: Client, raw: RawArrays, groups: Sequence[Written], rows: Rows[Written]) -> None:
    """Write the rows of some groups again, in arrays that are finished."""
    for _ in stream(client, partial(_write, raw, rows, _measures_nothing), groups):
        pass


def _write(raw: RawArrays, rows: Rows[Written], measure: MeasureRow, group: Written) -> TaskOutput:
    measured: list[Mapping[str, float]] = []

    def passing() -> Iterator[tuple[U8, ...]]:
        for row in rows(group):
            if isinstance(row, MeasuredRow):
                measured.append(row.values)
                yield row.row
            else:
                measured.append(measure(row))
                yield row

    sums = raw.write(group.start, passing())
    names = measured[0] if measured else ()
    columns = {name: np.array([one[name] for one in measured], np.float32) for name in names}
    return TaskOutput({**sums, **columns})


def _is_intact(raw: RawArrays, measured: Sequence[str], group: RowsGroup, result: Arrays) -> bool:
    return set(measured) <= result.keys() and raw.is_intact(group.start, result)
