"""The workers of a scheduler: what they offer, and the error when none is left."""

import time
from collections.abc import Iterator, Mapping
from concurrent.futures import CancelledError
from contextlib import contextmanager
from threading import Event, Thread
from typing import TYPE_CHECKING

from degrade.errors import DegradeError, SettingsError
from pipelines.execution.cluster import Client, InProcessClient

if TYPE_CHECKING:
    from distributed import Client as DaskClient
    from distributed import as_completed

SECONDS_FOR_WORKERS = 10.0
"""How long a first worker with the needed resources is waited for."""
SECONDS_WITHOUT_WORKERS = 60.0
"""How long a run goes on without any, in the hope of others."""
SECONDS_BETWEEN_LOOKS = 5.0


def gpu(client: Client, device: str) -> dict[str, float]:
    """Return what a task that computes on a device needs of a worker, as `stream` takes it.

    Workers of an own cluster share this machine's GPU. Of others, those that have one say so
    (``dask worker ADDRESS --resources GPU=1``); where none says so, "auto" takes any worker.
    """
    if _is_own(client) or device == "cpu":
        return {}
    return {"GPU": 1.0} if device == "cuda" or _threads(client, {"GPU": 1.0}) else {}


def sharing_gpu(client: Client) -> int:
    """Return how many processes compute on one GPU: those of an own cluster share this machine's.

    A foreign scheduler's workers have one each (``CUDA_VISIBLE_DEVICES``, as dask-cuda sets it).
    """
    return _threads(client, {}) if _is_own(client) else 1


def has_gpu_workers(client: Client) -> bool:
    """Return whether workers of a foreign scheduler declare a GPU."""
    return not _is_own(client) and _threads(client, {"GPU": 1.0}) > 0


def threads_of(client: Client) -> int:
    """Return how many tasks run at a time."""
    return _threads(client, {})


def _is_own(client: Client) -> bool:
    """Return whether a client's workers were started for it: this process, or its own cluster."""
    return isinstance(client, InProcessClient) or client.cluster is not None


def _threads(client: Client, needs: Mapping[str, float]) -> int:
    """Return the number of threads of all workers that have what a task needs.

    Raises:
        DegradeError: The scheduler is gone.
    """
    if isinstance(client, InProcessClient):
        return 1
    with scheduler_needed(client):
        known = client.scheduler_info(n_workers=-1)
    if client.status != "running":
        raise _scheduler_lost(client)
    workers = known["workers"].values()
    return sum(
        worker["nthreads"]
        for worker in workers
        if all(worker["resources"].get(name, 0) >= amount for name, amount in needs.items())
    )


def await_workers(client: Client, needs: Mapping[str, float]) -> int:
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
    return str(getattr(getattr(client, "scheduler", None), "address", ""))


@contextmanager
def scheduler_needed(client: Client) -> Iterator[None]:
    """Say that the scheduler was lost where Dask says so in one of its ways."""
    from distributed.client import ClosedClientError
    from distributed.comm.core import CommClosedError

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
def watched(
    client: "DaskClient", needs: Mapping[str, float], pending: "as_completed"
) -> Iterator[None]:
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
