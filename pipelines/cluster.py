"""Where the work runs: this process, a local cluster, or any Dask scheduler by its address."""

import logging
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from itertools import islice
from threading import Event, Thread
from typing import Any, Generic, TypeVar

import dask
from distributed import Client, Future, LocalCluster, as_completed
from distributed.client import ClosedClientError
from distributed.comm.core import CommClosedError
from distributed.scheduler import KilledWorker
from threadpoolctl import threadpool_limits

from degrade.errors import DegradeError, SettingsError

Task = TypeVar("Task")
Result = TypeVar("Result")

IN_FLIGHT_PER_THREAD = 4
"""Tasks submitted ahead for each worker thread: enough to keep it busy, few enough for 100,000."""

SECONDS_FOR_WORKERS = 10.0
"""How long a first worker with the needed resources is waited for."""
SECONDS_WITHOUT_WORKERS = 60.0
"""How long a run goes on without any, in the hope of others."""
SECONDS_BETWEEN_LOOKS = 5.0

RETRIES = 2
ONE_THREAD = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "MKL", "OPENBLAS")}
KEPT_MEMORY = {
    "MALLOC_MMAP_THRESHOLD_": str(32 * 2**20),
    "MALLOC_TRIM_THRESHOLD_": str(128 * 2**20),
}
"""For glibc: a worker keeps the memory of one photo for the next; fetched from the system anew, it
costs as much time as decoding."""


@contextmanager
def connect(workers: int = 0, scheduler: str | None = None) -> Iterator[Client]:
    """Open a Dask client for a run.

    Args:
        workers: Worker processes to start here; 0 runs everything in this process.
        scheduler: Address of a running scheduler, such as ``tcp://host:8786``; excludes workers.

    Raises:
        SettingsError: Both are given, the number is negative, or the scheduler does not answer.
    """
    if scheduler and workers:
        raise SettingsError("--workers and --scheduler exclude each other; give one of them")
    if workers < 0:
        raise SettingsError(f"--workers {workers}: give 0 (this process) or a number of processes")
    # A task's error is raised here, in the client; Dask's own report of it would only repeat it.
    for name in ("distributed", "distributed.client"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    if scheduler:
        try:
            client = Client(scheduler, timeout="10s")
        except (OSError, TimeoutError, ValueError) as error:
            raise SettingsError(
                f"--scheduler {scheduler}: no Dask scheduler answers there; start one with "
                "`dask scheduler`, or use --workers N"
            ) from error
        with client:
            _tell_dashboard(client)
            yield client
        return
    settings = {
        "distributed.worker.multiprocessing-method": "spawn",
        "distributed.nanny.pre-spawn-environ": ONE_THREAD | KEPT_MEMORY,
    }
    with dask.config.set(settings), _local_cluster(workers) as cluster, Client(cluster) as client:
        if workers:
            _tell_dashboard(client)
        yield client


def _tell_dashboard(client: Client) -> None:
    """Print where Dask's dashboard is; it is a page that says nothing without bokeh."""
    if find_spec("bokeh") and "dashboard" in client.scheduler_info()["services"]:
        print(f"dashboard: {client.dashboard_link}", file=sys.stderr)


def _local_cluster(workers: int) -> LocalCluster:
    try:
        return LocalCluster(
            n_workers=max(1, workers),
            threads_per_worker=1,
            processes=workers > 0,
            dashboard_address=":0",
            silence_logs=logging.CRITICAL,
        )
    except RuntimeError as error:
        raise DegradeError(
            f"--workers {workers}: a worker process died while it was started, most often for want "
            "of memory; use fewer --workers, then run the same command again"
        ) from error


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


def gpu(client: Client, device: str) -> dict[str, float]:
    """Return what a task that computes on a device needs of a worker, as `stream` takes it.

    Workers of an own cluster share this machine's GPU. Of others, those that have one say so
    (``dask worker ADDRESS --resources GPU=1``); where none says so, "auto" takes any worker.
    """
    if client.cluster is not None or device == "cpu":
        return {}
    return {"GPU": 1.0} if device == "cuda" or _threads(client, {"GPU": 1.0}) else {}


def sharing_gpu(client: Client) -> int:
    """Return how many processes compute on one GPU: those of an own cluster share this machine's.

    A foreign scheduler's workers have one each (``CUDA_VISIBLE_DEVICES``, as dask-cuda sets it).
    """
    return _threads(client, {}) if client.cluster is not None else 1


def has_gpu_workers(client: Client) -> bool:
    """Return whether workers of a foreign scheduler declare a GPU."""
    return client.cluster is None and _threads(client, {"GPU": 1.0}) > 0


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
    waiting = iter(tasks)
    needs = dict(resources or {})
    window = _await_workers(client, needs) * IN_FLIGHT_PER_THREAD
    submit = partial(client.submit, _OneThread(function), retries=RETRIES, pure=False)
    with _scheduler_needed(client):
        pending = as_completed([submit(task, resources=needs) for task in islice(waiting, window)])
    with _scheduler_needed(client), _watched(client, needs, pending):
        for future in pending:
            result = _result(client, needs, future)
            following = next(waiting, None)
            if following is not None:
                pending.add(submit(following, resources=needs))
            del future
            yield result


def _result(client: Client, needs: Mapping[str, float], future: Future[Any]) -> Any:
    """Return a task's result, or raise the error that it has for the user."""
    try:
        result = _gathered(client, needs, future)
    except KilledWorker as error:
        raise DegradeError(
            f"{error.allowed_failures + 1} workers died on the same photos, most often for want of "
            "memory; use fewer --workers, then run the same command again"
        ) from error
    if isinstance(result, _Failed):
        raise result.error
    return result


def _gathered(client: Client, needs: Mapping[str, float], future: Future[Any]) -> Any:
    """Return a finished task's value; its worker may leave with it, and no other come."""
    while True:
        try:
            return future.result(timeout=SECONDS_WITHOUT_WORKERS)
        except TimeoutError:
            if future.status == "error":  # the task's own
                raise
            _await_workers(client, needs)


@contextmanager
def listening(client: Client, topic: str, hear: Callable[[Any], None]) -> Iterator[None]:
    """Call a function with what tasks log under a topic (``worker.log_event(topic, message)``)."""
    with _scheduler_needed(client):
        client.subscribe_topic(topic, lambda event: hear(event[1]))
    try:
        yield
    finally:
        with suppress(ClosedClientError):
            client.unsubscribe_topic(topic)


def _threads(client: Client, needs: Mapping[str, float]) -> int:
    """Return the number of threads of all workers that have what a task needs.

    Raises:
        DegradeError: The scheduler is gone.
    """
    with _scheduler_needed(client):
        known = client.scheduler_info(n_workers=-1)
    if client.status != "running":
        raise _scheduler_lost(client)
    workers = known["workers"].values()
    return sum(
        worker["nthreads"]
        for worker in workers
        if all(worker["resources"].get(name, 0) >= amount for name, amount in needs.items())
    )


def _await_workers(client: Client, needs: Mapping[str, float]) -> int:
    """Return the number of able threads, waiting a little for the first worker to come up."""
    deadline = time.monotonic() + SECONDS_FOR_WORKERS
    while not (threads := _threads(client, needs)):
        if time.monotonic() >= deadline:
            raise SettingsError(_no_workers(client, needs))
        time.sleep(0.1)
    return threads


def _no_workers(client: Client, needs: Mapping[str, float]) -> str:
    wanted = " ".join(f"{name}={amount:g}" for name, amount in needs.items())
    lacking = f"no worker with {wanted}" if wanted else "no workers"
    option = f" --resources '{wanted}'" if wanted else ""
    address = _address(client)
    return (
        f"the Dask scheduler at {address} has {lacking}; start some with `dask worker "
        f"{address}{option}`, then run the same command again"
    )


def _address(client: Client) -> str:
    return str(getattr(client.scheduler, "address", ""))


@contextmanager
def _scheduler_needed(client: Client) -> Iterator[None]:
    """Say that the scheduler was lost where Dask says so in one of its ways."""
    try:
        yield
    except (CancelledError, CommClosedError, ClosedClientError) as error:
        raise _scheduler_lost(client) from error


def _scheduler_lost(client: Client) -> DegradeError:
    return DegradeError(
        f"the Dask scheduler at {_address(client)} was lost; start it and its workers "
        "again, then run the same command again: what is finished is kept"
    )


@contextmanager
def _watched(client: Client, needs: Mapping[str, float], pending: as_completed) -> Iterator[None]:
    """Give up, in the block, when a foreign scheduler's able workers stay away too long."""
    done, deserted = Event(), Event()

    def watch() -> None:
        seen = time.monotonic()
        while not done.wait(SECONDS_BETWEEN_LOOKS):
            try:
                if _threads(client, needs):
                    seen = time.monotonic()
            except DegradeError:
                return  # the scheduler is lost, and with it the tasks
            if time.monotonic() - seen > SECONDS_WITHOUT_WORKERS:
                deserted.set()
                client.cancel(list(pending.futures))
                return

    if client.cluster is None:  # the workers of an own one are started again by it
        Thread(target=watch, daemon=True).start()
    try:
        yield
    except CancelledError as error:
        if deserted.is_set():
            raise SettingsError(_no_workers(client, needs)) from error
        raise
    finally:
        done.set()
