"""This process as the only worker: what stages ask of a client, without Dask and its start."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

Result = TypeVar("Result")


class Here:
    """Runs functions at once, in the thread that asks, and passes on what they log."""

    def __init__(self) -> None:
        self._hearing: dict[str, Callable[[Any], None]] = {}

    def run(self, function: Callable[..., Result], *args: Any, **keywords: Any) -> Result:
        """Return what a function gives, as Dask's client runs it on every worker."""
        return function(*args, **keywords)

    def attempt(self, function: Callable[[], Result], retries: int) -> Result:
        """Return what a task gives; after a defect it is tried again, as on a worker."""
        token = _WORKING.set(self)
        try:
            for _ in range(retries):
                try:
                    return function()
                except Exception:  # as Dask: whatever the defect is
                    continue
            return function()
        finally:
            _WORKING.reset(token)

    @contextmanager
    def listening(self, topic: str, hear: Callable[[Any], None]) -> Iterator[None]:
        """Call a function with what tasks log under a topic."""
        self._hearing[topic] = hear
        try:
            yield
        finally:
            del self._hearing[topic]

    def log(self, topic: str, message: Any) -> None:
        """Hand a message to whoever listens."""
        if topic in self._hearing:
            self._hearing[topic](message)


_WORKING: ContextVar[Here | None] = ContextVar("_WORKING", default=None)


def log_event(topic: str, message: Any) -> None:
    """Log a message of the task that runs, here or on a Dask worker, for who listens to it."""
    here = _WORKING.get()
    if here is not None:
        here.log(topic, message)
        return
    from distributed import get_worker

    get_worker().log_event(topic, message)
