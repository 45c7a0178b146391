"""Processes to be killed: commands, schedulers and workers, each a process of its own."""

import json
import multiprocessing
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.process import BaseProcess
from pathlib import Path

import psutil

from tests.pipelines.traced_run import command, dask_command

Target = Callable[[Sequence[str], Path, Path, Path], None]
_FORK = multiprocessing.get_context("forkserver")
_FORK.set_forkserver_preload(["tests.pipelines.traced_run"])
"""What a command imports is imported once, so that a kill finds it at work."""
PATIENCE = 120.0
"""Seconds after which a command that still runs counts as hung."""


@dataclass
class Bench:
    """A folder with photos and recipes, and what happened in it."""

    folder: Path
    kills: Counter[str] = field(default_factory=Counter)

    @property
    def trace(self) -> Path:
        return self.folder / "trace"

    @property
    def said(self) -> Path:
        return self.folder / "said"

    def output(self) -> str:
        """Return what all commands said."""
        return self.said.read_text() if self.said.exists() else ""

    def start(self, *arguments: str) -> BaseProcess:
        return self._process(command, arguments, self.said)

    def run(self, *arguments: str) -> None:
        """Run a command that is left in peace."""
        process = self.start(*arguments)
        process.join(PATIENCE)
        assert process.exitcode == 0, self.output()

    def dask(self, *arguments: str) -> BaseProcess:
        return self._process(dask_command, arguments, self.folder / "said by Dask")

    def kill(self, process: BaseProcess | psutil.Process, what: str) -> None:
        assert process.pid is not None
        os.kill(process.pid, signal.SIGKILL)
        if isinstance(process, BaseProcess):
            process.join()
        self.kills[what] += 1

    def written(self) -> Counter[str]:
        """Return how often each finished task's result was saved, but for those of checks.

        What a stage found of photos is saved before its task's result.
        """
        names = self.trace.read_text().split() if self.trace.exists() else []
        return Counter(n for n in names if "/scan-" not in n and "/found/" not in n)

    def _process(self, target: Target, arguments: Sequence[str], said: Path) -> BaseProcess:
        process = _FORK.Process(target=target, args=(arguments, self.folder, said, self.trace))
        process.start()
        return process


@dataclass
class Cluster:
    """A scheduler and two workers, each restarted when it was killed."""

    bench: Bench
    processes: dict[str, BaseProcess] = field(default_factory=dict)

    @property
    def file(self) -> Path:
        return self.bench.folder / "scheduler.json"

    def up(self) -> str:
        """Start what is not running; return the scheduler's address."""
        if not self._runs("scheduler"):
            self.file.unlink(missing_ok=True)
            self.down()
            arguments = ["--port", "0", "--no-dashboard", "--host", "127.0.0.1"]
            arguments += ["--scheduler-file", str(self.file)]
            self.processes["scheduler"] = self.bench.dask("scheduler", *arguments)
        address = str(_wait_for_json(self.file)["address"])
        for name in ("worker 0", "worker 1"):
            if not self._runs(name):
                self.processes[name] = self.bench.dask("worker", address, *WORKER)
        return address

    def _runs(self, name: str) -> bool:
        return name in self.processes and self.processes[name].is_alive()

    def down(self) -> None:
        for process in self.processes.values():
            process.kill()
            process.join()
        self.processes.clear()


WORKER = ["--nthreads", "1", "--no-nanny", "--no-dashboard", "--host", "127.0.0.1"]


@contextmanager
def cluster(bench: Bench) -> Iterator[Cluster]:
    """A scheduler and two workers while the block runs."""
    running = Cluster(bench)
    try:
        yield running
    finally:
        running.down()


def _wait_for_json(path: Path) -> dict[str, object]:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        try:
            found: dict[str, object] = json.loads(path.read_text())
            return found
        except (OSError, ValueError):
            time.sleep(0.02)
    raise AssertionError(f"{path}: no scheduler wrote it")


def workers_of(process: BaseProcess) -> list[psutil.Process]:
    """Return the worker processes that a command started."""
    try:
        children = psutil.Process(process.pid).children()
        return [child for child in children if "spawn_main" in " ".join(child.cmdline())]
    except psutil.NoSuchProcess:
        return []


def pause(rng: random.Random, longest: float, process: BaseProcess) -> bool:
    """Wait a random time; return whether the process is still there."""
    process.join(rng.uniform(0.02, longest))
    return process.exitcode is None
