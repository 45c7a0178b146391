"""Where the work runs: this process, a local cluster, or any Dask scheduler by its address."""

import logging
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Generic, TypeVar

import dask
from distributed import Client, LocalCluster, as_completed
from distributed.scheduler import KilledWorker

from degrade.errors import DegradeError, SettingsError

Task = TypeVar("Task")
Result = TypeVar("Result")

IN_FLIGHT_PER_THREAD = 4
"""Tasks submitted ahead for each worker thread: enough to keep it busy, few enough for 100,000."""

RETRIES = 2
ONE_THREAD = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "MKL", "OPENBLAS")}


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
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    if scheduler:
        try:
            client = Client(scheduler, timeout="10s")
        except (OSError, TimeoutError, ValueError) as error:
            raise SettingsError(
                f"--scheduler {scheduler}: no Dask scheduler answers there; start one with "
                "`dask scheduler`, or use --workers N"
            ) from error
        with client:
            yield client
        return
    settings = {
        "distributed.worker.multiprocessing-method": "spawn",
        "distributed.nanny.pre-spawn-environ": ONE_THREAD,
    }
    with (
        dask.config.set(settings),
        LocalCluster(
            n_workers=max(1, workers),
            threads_per_worker=1,
            processes=workers > 0,
            dashboard_address=":0",
            silence_logs=logging.CRITICAL,
        ) as cluster,
        Client(cluster) as client,
    ):
        yield client


@dataclass(frozen=True)
class _Failed:
    """An error meant for the user: it travels as a value, so that Dask does not retry it."""

    error: DegradeError


@dataclass(frozen=True)
class _OneThread(Generic[Task, Result]):
    """A task function that leaves the other cores to the other workers.

    One thread also makes the bytes independent of the number of cores: libraries split sums
    differently over different numbers of threads.
    """

    function: Callable[[Task], Result]

    def __call__(self, task: Task) -> Result | _Failed:
        import cv2

        cv2.setNumThreads(1)
        os.environ.update(ONE_THREAD)
        try:
            return self.function(task)
        except DegradeError as error:
            return _Failed(error)


def stream(
    client: Client, function: Callable[[Task], Result], tasks: Sequence[Task]
) -> Iterator[Result]:
    """Run a function over tasks and yield the results as they come, in no particular order.

    Only a window of tasks is submitted at a time and a future is dropped when its result is read,
    so that neither the scheduler nor this process grows with the number of tasks. A task may run
    again after a worker died: it must be idempotent.

    Raises:
        DegradeError: The first such error of a task.
    """
    waiting = iter(tasks)
    threads = sum(client.nthreads().values())
    if not threads and tasks:
        raise SettingsError("the Dask scheduler has no workers; start some with `dask worker`")
    window = max(1, threads) * IN_FLIGHT_PER_THREAD
    run = _OneThread(function)
    first = list(islice(waiting, window))
    pending = as_completed(client.map(run, first, retries=RETRIES, pure=False))
    for future in pending:
        try:
            result = future.result()
        except KilledWorker as error:
            raise DegradeError(
                f"a worker died {RETRIES + 1} times on the same photos, most often for want of "
                "memory; use fewer --workers, then run the same command again"
            ) from error
        if isinstance(result, _Failed):
            raise result.error
        following = next(waiting, None)
        if following is not None:
            pending.add(client.submit(run, following, retries=RETRIES, pure=False))
        del future
        yield result
