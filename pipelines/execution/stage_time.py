"""Time that one stage spends for another, charged to the stage that it is for."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from time import perf_counter


@dataclass
class StageTime:
    """Seconds of work, and how many of them were for each other stage, by its name."""

    seconds: float = 0.0
    others: dict[str, float] = field(default_factory=dict)

    def charge(self, stage: str, seconds: float) -> None:
        """Put seconds of the work down to another stage."""
        self.others[stage] = self.others.get(stage, 0.0) + seconds

    def add(self, other: "StageTime") -> None:
        """Add the work of another."""
        self.seconds += other.seconds
        for stage, seconds in other.others.items():
            self.charge(stage, seconds)

    def over(self, seconds: float) -> dict[str, float]:
        """Divide ``seconds`` among the other stages as this work was; the rest is nobody else's."""
        share = seconds / self.seconds if self.seconds else 0.0
        return {stage: share * of_it for stage, of_it in self.others.items()}


_open: ContextVar[StageTime | None] = ContextVar("stage_time", default=None)


@contextmanager
def clocked() -> Iterator[StageTime]:
    """Clock the work inside; what is charged there, in the same thread, is put down."""
    spent, began = StageTime(), perf_counter()
    outer = _open.set(spent)
    try:
        yield spent
    finally:
        _open.reset(outer)
        spent.seconds = perf_counter() - began


def charge(stage: str, seconds: float) -> None:
    """Put seconds down to another stage than the one at work, where time is clocked."""
    spent = _open.get()
    if spent is not None:
        spent.charge(stage, seconds)
