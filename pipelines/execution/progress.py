"""What a long stage shows while it works: a bar on a terminal, plain lines elsewhere, on stderr."""

import logging
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from pipelines.execution.stage_time import StageTime

SECONDS_BETWEEN_LINES = 10.0

_log = logging.getLogger(__name__)

ProgressCallback = Callable[[str, float, float], None]
"""Takes a stage's name, how many of its items are done, and all of them."""

_callback: ContextVar[ProgressCallback | None] = ContextVar("callback", default=None)
"""Gets progress in place of the terminal, while stages run for a caller of functions."""

_running: list[tuple[str, "Counter", str]] = []
"""Stages in progress, the innermost last: name, counter, unit."""


class Counter:
    """Counts the items of one stage, with the finished shares of those in progress."""

    def __init__(self, total: float, show: Callable[["Counter"], None]) -> None:
        self.total = total
        self.done = 0.0
        self.refused = 0
        self.began = time.monotonic()
        self.work = StageTime()
        """Time of the work that is counted."""
        self._hinted = 0.0
        self._show = show

    def advance(self, items: float = 1, refused: int = 0) -> None:
        """Count items as done, and how many of them were refused."""
        self.done += items
        self.refused += refused
        self._show(self)

    def hint(self, share: float) -> None:
        """Count a share of an item that a task is working on."""
        self._hinted += share
        self._show(self)

    @property
    def reached(self) -> float:
        """Items done, those in progress by their share."""
        return min(self.total, max(self.done, self._hinted))

    def for_others(self) -> dict[str, float]:
        """Return the seconds since the stage began that went into other stages, by their names."""
        return self.work.over(time.monotonic() - self.began)

    @property
    def spent(self) -> str:
        """Time since the stage began, and what of it was for others."""
        others = [f"{seconds:.1f} s for {stage}" for stage, seconds in self.for_others().items()]
        of_it = f", of these {', '.join(others)}" if others else ""
        return f"{time.monotonic() - self.began:.1f} s{of_it}"

    @property
    def note(self) -> str:
        """Rate and refusals."""
        rate = self.reached / max(time.monotonic() - self.began, 1e-9)
        return f"{rate:.3g}/s" + (f", {self.refused} refused" if self.refused else "")


class _Lines:
    """Prints a line every few seconds."""

    def __init__(self, name: str, unit: str) -> None:
        self.name, self.unit = name, unit
        self.last = time.monotonic()

    def __call__(self, counter: Counter) -> None:
        now = time.monotonic()
        if now - self.last < SECONDS_BETWEEN_LINES:
            return
        self.last = now
        done, total = counter.reached, counter.total
        left = (now - counter.began) * (total - done) / max(done, 1e-9)
        print(
            f"{self.name}: {done:.0f} of {total:.0f} {self.unit}, {counter.note}, "
            f"{left:.0f} s left",
            file=sys.stderr,
            flush=True,
        )


def reached() -> str:
    """Say how far the stage in progress is; empty if there is none."""
    if not _running:
        return ""
    name, counter, unit = _running[-1]
    return f"{name}: {counter.reached:.0f} of {counter.total:.0f} {unit} done"


@contextmanager
def reporting_to(callback: ProgressCallback | None) -> Iterator[None]:
    """Report progress inside to a function, or to nobody, and write nothing to the terminal."""
    before = _callback.set(callback or (lambda name, done, total: None))
    try:
        yield
    finally:
        _callback.reset(before)


def say(text: str) -> None:
    """Write a line to stderr; inside `reporting_to` to the log."""
    if _callback.get() is None:
        print(text, file=sys.stderr)
    else:
        _log.info("%s", text)


@contextmanager
def track(name: str, total: float, unit: str) -> Iterator[Counter]:
    """Show a stage's progress, rate, refusals and time left until the block ends.

    Args:
        name: The stage.
        total: Number of items.
        unit: What the items are, plural.
    """
    with _shown(name, total, unit) as counter:
        _running.append((name, counter, unit))
        try:
            yield counter
        finally:
            _running.pop()


@contextmanager
def _shown(name: str, total: float, unit: str) -> Iterator[Counter]:
    callback = _callback.get()
    if callback is not None:
        yield Counter(total, lambda c: callback(name, c.reached, c.total))
        return
    console = Console(stderr=True)
    if not console.is_terminal:
        counter = Counter(total, _Lines(name, unit))
        yield counter
        refused = f", {counter.refused} refused" if counter.refused else ""
        print(f"{name}: {total:.0f} {unit} in {counter.spent}{refused}", file=sys.stderr)
        return
    columns = (
        TextColumn(f"{name:<16}"),
        BarColumn(),
        TextColumn(f"{{task.completed:.0f}}/{{task.total:.0f}} {unit}  {{task.fields[note]}}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as progress:
        bar = progress.add_task(name, total=total, note="")
        counter = Counter(total, lambda c: progress.update(bar, completed=c.reached, note=c.note))
        yield counter
    if counter.for_others():
        console.print(f"{name}: {counter.spent}")
