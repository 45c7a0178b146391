"""Tasks submitted to workers a window at a time; their results and events as they come."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from threadpoolctl import threadpool_limits

from degrade.errors import DegradeError
from pipelines.execution import workers
from pipelines.execution.cluster import Client, InProcessClient

if TYPE_CHECKING:
    from distributed import Client as DaskClient
    from distributed import Future

Task = TypeVar("Task")
Result = TypeVar("Result")

IN_FLIGHT_PER_THREAD = 4
"""Tasks submitted ahead for each worker thread: enough to keep it busy, few enough for 100,000."""
RETRIES = 2


def stream(
    client: Client,
    function: Callable[[Task], Result],
    tasks: Sequence[Task],
    resources: Mapping[str, float] | None = None,
) -> Iterator[Result]:
    """Run a function over tasks and yield the results as they come, in no particular order.

    Only a window of tasks is submitted at a time and a future is dropped when its result is read,
    so that neither the scheduler nor this process grows with the number of tasks. A task may run
    again after a worker died: it must be idempotent.

    Args:
        client: Where to run.
        function: What to run.
        tasks: Its arguments.
        resources: What each task needs of a worker, such as ``{"GPU": 1}``.

    Raises:
        SettingsError: No worker has what the tasks need, or there is none at all.
        DegradeError: The first such error of a task; or the scheduler or all workers were lost.
    """
    if not tasks:
        return
    if isinstance(client, InProcessClient):
        for task in tasks:
            yield _opened(client.attempt(partial(_OneThread(function), task), RETRIES))
        return
    from distributed import as_completed

    waiting = iter(tasks)
    needs = dict(resources or {})
    window = workers.await_workers(client, needs) * IN_FLIGHT_PER_THREAD
    submit = partial(client.submit, _OneThread(function), retries=RETRIES, pure=False)
    with workers.scheduler_needed(client):
        pending = as_completed([submit(task, resources=needs) for task in islice(waiting, window)])
    with workers.scheduler_needed(client), workers.watched(client, needs, pending):
        for future in pending:
            result = _result(client, needs, future)
            following = next(waiting, None)
            if following is not None:
                pending.add(submit(following, resources=needs))
            del future
            yield result


def _result(client: "DaskClient", needs: Mapping[str, float], future: "Future[Any]") -> Any:
    """Return a task's result, or raise the error that it has for the user."""
    from distributed.scheduler import KilledWorker

    try:
        result = _gathered(client, needs, future)
    except KilledWorker as error:
        raise DegradeError(
            f"{error.allowed_failures + 1} workers died on the same photos, most often for want of "
            "memory; use fewer --workers, then run the same command again"
        ) from error
    return _opened(result)


def _opened(result: "Result | _Failed") -> Result:
    if isinstance(result, _Failed):
        raise result.error
    return result


def _gathered(client: "DaskClient", needs: Mapping[str, float], future: "Future[Any]") -> Any:
    """Return a finished task's value; its worker may leave with it, and no other come."""
    while True:
        try:
            return future.result(timeout=workers.SECONDS_WITHOUT_WORKERS)
        except TimeoutError:
            if future.status == "error":  # the task's own
                raise
            workers.await_workers(client, needs)


@contextmanager
def subscribed(client: Client, topic: str, handler: Callable[[Any], None]) -> Iterator[None]:
    """Call a function with what tasks log under a topic (see `cluster.log_event`)."""
    if isinstance(client, InProcessClient):
        with client.subscribed(topic, handler):
            yield
        return
    from distributed.client import ClosedClientError

    with workers.scheduler_needed(client):
        client.subscribe_topic(topic, lambda event: handler(event[1]))
    try:
        yield
    finally:
        with suppress(ClosedClientError):
            client.unsubscribe_topic(topic)


@dataclass(frozen=True)
class _Failed:
    """An error meant for the user: it travels as a value, so that Dask does not retry it."""

    error: DegradeError


@dataclass(frozen=True)
class _OneThread(Generic[Task, Result]):
    """A task function that leaves the other cores to the other workers.

    One thread also makes the bytes independent of the number of cores: libraries split sums
    differently over different numbers of threads. Environment variables would come too late for
    libraries that are loaded; torch has a number of its own, which the tasks that use it set.
    """

    function: Callable[[Task], Result]

    def __call__(self, task: Task) -> Result | _Failed:
        import cv2

        cv2.setNumThreads(1)
        try:
            with threadpool_limits(1, user_api="blas"):
                return self.function(task)
        except DegradeError as error:
            return _Failed(error)
