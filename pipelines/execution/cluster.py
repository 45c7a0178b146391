"""Where the work runs: this process, a local cluster, or any Dask scheduler by its address."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, TypeVar

from degrade.errors import DegradeError, SettingsError
from pipelines.execution.progress import say

if TYPE_CHECKING:
    from distributed import Client as DaskClient
    from distributed import LocalCluster

Result = TypeVar("Result")

ONE_THREAD = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "MKL", "OPENBLAS")}
KEPT_MEMORY = {
    "MALLOC_MMAP_THRESHOLD_": str(32 * 2**20),
    "MALLOC_TRIM_THRESHOLD_": str(128 * 2**20),
}
"""Variables by which glibc keeps a worker's memory from one photo to the next; fetched from the
system anew, it costs as much time as decoding."""


class InProcessClient:
    """This process as the only worker: what stages ask of a client, without Dask and its start.

    It runs functions at once, in the thread that asks, and passes on what they log.
    """

    def __init__(self) -> None:
        self._handlers: dict[str, Callable[[Any], None]] = {}

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
    def subscribed(self, topic: str, handler: Callable[[Any], None]) -> Iterator[None]:
        """Call a function with what tasks log under a topic."""
        self._handlers[topic] = handler
        try:
            yield
        finally:
            del self._handlers[topic]

    def log(self, topic: str, message: Any) -> None:
        """Hand a message to the topic's handler, if it has one."""
        if topic in self._handlers:
            self._handlers[topic](message)


_WORKING: ContextVar[InProcessClient | None] = ContextVar("_WORKING", default=None)


def log_event(topic: str, message: Any) -> None:
    """Log a message of the task that runs, here or on a Dask worker, for the topic's handler."""
    here = _WORKING.get()
    if here is not None:
        here.log(topic, message)
        return
    from distributed import get_worker

    get_worker().log_event(topic, message)


if TYPE_CHECKING:
    Client = DaskClient | InProcessClient
else:
    Client = Any
"""What passes a client on names this type: naming Dask's does not load Dask (a second)."""


@contextmanager
def connect(workers: int = 0, scheduler: str | None = None) -> Iterator[Client]:
    """Open a client for a run: Dask's, or one that needs no Dask where this process does all.

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
    if not scheduler and not workers:
        yield InProcessClient()
        return
    import dask
    from distributed import Client as DaskClient

    # A task's error is raised here, in the client; Dask's own report of it would only repeat it.
    for name in ("distributed", "distributed.client"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    if scheduler:
        try:
            client = DaskClient(scheduler, timeout="10s")
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
        "distributed.worker.profile.enabled": False,  # its history grows for an hour
        "distributed.nanny.pre-spawn-environ": ONE_THREAD | KEPT_MEMORY,
    }
    with (
        dask.config.set(settings),
        _local_cluster(workers) as cluster,
        DaskClient(cluster) as client,
    ):
        _tell_dashboard(client)
        yield client


def _tell_dashboard(client: "DaskClient") -> None:
    """Say where Dask's dashboard is; it is a page that says nothing without bokeh."""
    if find_spec("bokeh") and "dashboard" in client.scheduler_info()["services"]:
        say(f"dashboard: {client.dashboard_link}")


def _local_cluster(workers: int) -> "LocalCluster":
    from distributed import LocalCluster

    try:
        return LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            processes=True,
            dashboard_address=":0",
            silence_logs=logging.CRITICAL,
        )
    except RuntimeError as error:
        raise DegradeError(
            f"--workers {workers}: a worker process died while it was started, most often for want "
            "of memory; use fewer --workers, then run the same command again"
        ) from error
