"""What a process that may be killed runs: the command line or Dask's, with small tasks, traced."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import degrade.kernels.estimators.spectral
import degrade.store.task_results
import degrade.store.writer
import pipelines.pair_plan
import pipelines.stages.check
import pipelines.stages.estimate_kernels
import pipelines.stages.mine_noise
import pipelines.stages.train  # loaded once, before processes are forked
from degrade.cli.main import run

TRACE = "DEGRADE_TEST_TRACE"
"""Names the file that gets a line for every task result that was saved."""

_write = degrade.store.task_results._write


def _traced_write(location: str, name: str, data: bytes) -> None:
    _write(location, name, data)
    if name.endswith(".npz"):
        trace = os.open(os.environ[TRACE], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(trace, f"{name}\n".encode())
        os.close(trace)


def _begin(folder: Path, said: Path, trace: Path) -> None:
    """Write what is said to a file, make tasks and chunks small, and trace task results."""
    os.chdir(folder)
    os.environ[TRACE] = str(trace)
    file = os.open(said, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    for stream in (1, 2):
        os.dup2(file, stream)
    sys.stdout = os.fdopen(1, "w", buffering=1, closefd=False)
    sys.stderr = os.fdopen(2, "w", buffering=1, closefd=False)
    degrade.store.writer.RAW_CHUNK_BYTES = 16 * 24 * 24 * 3
    pipelines.stages.check.FILES_PER_TASK = 3
    degrade.kernels.estimators.spectral.PHOTOS_PER_TASK = 2
    pipelines.stages.mine_noise.PHOTOS_PER_TASK = 2
    pipelines.pair_plan.PHOTOS_PER_TASK = 2
    dask_setup(None)


def dask_setup(worker: object) -> None:
    """Trace results in this process; Dask calls it in workers that this file is a preload of."""
    degrade.store.task_results._write = _traced_write


def command(arguments: Sequence[str], folder: Path, said: Path, trace: Path) -> None:
    """Run a verb as the console script does."""
    _begin(folder, said, trace)
    # Workers that the verb starts are traced by the same file.
    os.environ["DASK_DISTRIBUTED__WORKER__PRELOAD"] = __file__
    sys.argv = ["degrade", *arguments]
    run()


def dask_command(arguments: Sequence[str], folder: Path, said: Path, trace: Path) -> None:
    """Run `dask scheduler` or `dask worker`."""
    from distributed.cli import dask_scheduler, dask_worker

    _begin(folder, said, trace)
    verb = dask_scheduler.main if arguments[0] == "scheduler" else dask_worker.main
    verb(list(arguments[1:]), standalone_mode=True)
