"""What a long stage shows while it works: a bar on a terminal, plain lines elsewhere, on stderr."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

SECONDS_BETWEEN_LINES = 10.0


class Counter(Protocol):
    """Counts the items of one stage."""

    def advance(self, items: float = 1, refused: int = 0) -> None:
        """Count items as done, and how many of them were refused."""


@dataclass
class _Bar:
    progress: Progress
    total: float
    done: float = 0
    refused: int = 0
    began: float = field(default_factory=time.monotonic)

    def advance(self, items: float = 1, refused: int = 0) -> None:
        self.done += items
        self.refused += refused
        self.progress.update(
            self.progress.task_ids[0],
            completed=self.done,
            note=_note(self.done, self.began, self.refused),
        )


@dataclass
class _Lines:
    name: str
    total: float
    unit: str
    done: float = 0
    refused: int = 0
    began: float = field(default_factory=time.monotonic)
    last: float = field(default_factory=time.monotonic)

    def advance(self, items: float = 1, refused: int = 0) -> None:
        self.done += items
        self.refused += refused
        now = time.monotonic()
        if now - self.last >= SECONDS_BETWEEN_LINES:
            self.last = now
            left = (now - self.began) * (self.total - self.done) / max(self.done, 1e-9)
            print(
                f"{self.name}: {self.done:.0f} of {self.total:.0f} {self.unit}, "
                f"{_note(self.done, self.began, self.refused)}, {left:.0f} s left",
                file=sys.stderr,
                flush=True,
            )


def _note(done: float, began: float, refused: int) -> str:
    rate = done / max(time.monotonic() - began, 1e-9)
    return f"{rate:.3g}/s" + (f", {refused} refused" if refused else "")


@contextmanager
def track(name: str, total: float, unit: str) -> Iterator[Counter]:
    """Show a stage's progress, rate, refusals and time left until the block ends.

    Args:
        name: The stage.
        total: Number of items.
        unit: What the items are, plural.
    """
    console = Console(stderr=True)
    if not console.is_terminal:
        counter = _Lines(name, total, unit)
        yield counter
        seconds = time.monotonic() - counter.began
        refused = f", {counter.refused} refused" if counter.refused else ""
        print(f"{name}: {total:.0f} {unit} in {seconds:.1f} s{refused}", file=sys.stderr)
        return
    columns = (
        TextColumn(f"{name:<16}"),
        BarColumn(),
        TextColumn(f"{{task.completed:.0f}}/{{task.total:.0f}} {unit}  {{task.fields[note]}}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as progress:
        progress.add_task(name, total=total, note="")
        yield _Bar(progress, total)
