"""Running a stage as tasks that each leave one part behind, so that a killed run goes on."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from degrade.errors import StoreError
from degrade.store.parts import Arrays, load_part
from pipelines.bill import Bill, billed, charge
from pipelines.client import Client
from pipelines.progress import track
from pipelines.streaming import listening, stream


@dataclass(frozen=True)
class Tally:
    """What a task tells the stage: how many items it did and how many of them it refused."""

    items: int
    refused: int = 0


class PartTask(Protocol):
    """One task: its part's index and the number of items in it."""

    @property
    def index(self) -> int:
        """Index of the part."""

    @property
    def items(self) -> int:
        """Number of items."""


Task = TypeVar("Task", bound=PartTask)


TASKS, LARGEST = 500, 4


def per_task(least: int, items: int) -> int:
    """Return how many items a task holds: ``least``, up to `LARGEST` times that for very many.

    A task costs the scheduler and its worker some 20 ms, whatever it holds; few large ones would
    keep few workers busy.
    """
    return least * min(LARGEST, max(1, items // (least * TASKS)))


def run_parts(
    client: Client,
    location: str,
    group: str,
    tasks: Sequence[Task],
    function: Callable[[Task], Tally],
    *,
    unit: str,
    name: str,
    is_intact: Callable[[Task, Arrays], bool] | None = None,
    resources: Mapping[str, float] | None = None,
) -> None:
    """Run the tasks whose part is not there yet.

    The share of the tasks' time that they charge to other stages is charged to these.

    Args:
        client: Where to run.
        location: The store.
        group: Group of the stage.
        tasks: All tasks of the stage, those done before too.
        function: Writes the task's part and returns its tally. A long one may tell how far it is
            by logging shares of an item under the stage's name (``worker.log_event(name, 0.2)``).
        unit: What the items are, plural.
        name: The stage.
        is_intact: Tells from a part that is there whether what the task wrote elsewhere is, too.
        resources: What each task needs of a worker.
    """
    run = _UnlessDone(location, group, function, is_intact)
    total = sum(task.items for task in tasks)
    with track(name, total, unit) as counter, listening(client, name, counter.hint):
        for tally, bill in stream(client, run, tasks, resources):
            counter.bill.add(bill)
            counter.advance(tally.items, tally.refused)
        for stage, seconds in counter.for_others().items():
            charge(stage, seconds)


@dataclass(frozen=True)
class _UnlessDone(Generic[Task]):
    """Runs a task if its part is missing or cut short, or what it wrote beside it is damaged."""

    location: str
    group: str
    function: Callable[[Task], Tally]
    is_intact: Callable[[Task, Arrays], bool] | None

    def __call__(self, task: Task) -> tuple[Tally, Bill]:
        with billed() as bill:
            return self._tally(task), bill

    def _tally(self, task: Task) -> Tally:
        part = load_part(self.location, self.group, task.index)
        if part is not None and (self.is_intact is None or self.is_intact(task, part)):
            return Tally(task.items)
        return self.function(task)


def read_parts(location: str, group: str, count: int) -> Iterator[Arrays]:
    """Yield the parts of a stage in order.

    Raises:
        StoreError: One is missing.
    """
    for index in range(count):
        part = load_part(location, group, index)
        if part is None:
            raise StoreError(f"{location}/{group}: part {index} vanished; run the command again")
        yield part
