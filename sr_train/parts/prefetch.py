"""Things made in a thread while the ones before are used."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from itertools import islice
from typing import TypeVar

Made = TypeVar("Made")
DEPTH = 2
"""How many are made before they are asked for."""


@contextmanager
def prefetched(make: Callable[[int], Made], numbers: Iterable[int]) -> Iterator[Iterator[Made]]:
    """Yield ``make(n)`` for every number in order, each begun some numbers before it is needed.

    What ``make`` raises is raised where its result is asked for.
    """
    with ThreadPoolExecutor(1, thread_name_prefix="prefetch") as thread:
        try:
            yield _in_order(thread, make, iter(numbers))
        finally:
            thread.shutdown(cancel_futures=True)


def _in_order(
    thread: ThreadPoolExecutor, make: Callable[[int], Made], numbers: Iterator[int]
) -> Iterator[Made]:
    waiting: list[Future[Made]] = [thread.submit(make, n) for n in islice(numbers, DEPTH)]
    while waiting:
        made = waiting.pop(0).result()
        waiting += [thread.submit(make, n) for n in islice(numbers, 1)]
        yield made
