"""Running a stage as tasks that each leave one part behind, so that a killed run goes on."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from distributed import Client

from degrade.errors import StoreError
from degrade.store.parts import Arrays, load_part, present_parts
from pipelines.cluster import stream
from pipelines.progress import track


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


def run_parts(
    client: Client,
    location: str,
    group: str,
    tasks: Sequence[Task],
    function: Callable[[Task], Tally],
    *,
    unit: str,
    name: str,
) -> None:
    """Run the tasks whose part is not there yet.

    Args:
        client: Where to run.
        location: The store.
        group: Group of the stage.
        tasks: All tasks of the stage, those done before too.
        function: Writes the task's part and returns its tally. A long one may tell how far it is
            by logging shares of an item under the stage's name (``worker.log_event(name, 0.2)``).
        unit: What the items are, plural.
        name: The stage.
    """
    done = present_parts(location, group)
    with track(name, sum(task.items for task in tasks), unit) as counter:
        counter.advance(sum(task.items for task in tasks if task.index in done))
        missing = [task for task in tasks if task.index not in done]
        client.subscribe_topic(name, lambda event: counter.hint(event[1]))
        try:
            for tally in stream(client, function, missing):
                counter.advance(tally.items, tally.refused)
        finally:
            client.unsubscribe_topic(name)


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
