"""Fixtures that more than one test file uses."""

import asyncio
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from degrade.arrays import I64, Image
from tests.photos import digest, write_photos


@dataclass(frozen=True)
class Answer:
    """What a command line printed and its exit status."""

    code: int
    out: str
    err: str


Command = Callable[..., Answer]


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder with the measuring data; the test is skipped where it is absent."""
    default = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("DEGRADE_DATA", default))
    if not folder.is_dir():
        pytest.skip(f"no measuring data at {folder}")
    return folder


@pytest.fixture(autouse=True, scope="session")
def _floors_fitted_once() -> Iterator[None]:
    """Keep fits of noise floors, a second for a set of photos: many tests mine the same ones."""
    from degrade.noise import floor

    fit, known = floor._fit_floor, {}

    def fitted(counts: I64, spread: float) -> tuple[float, float]:
        key = (counts.tobytes(), spread)
        if key not in known:
            known[key] = fit(counts, spread)
        return known[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(floor, "_fit_floor", fitted)
        yield


@pytest.fixture(autouse=True, scope="session")
def _blurs_estimated_once() -> Iterator[None]:
    """Keep estimates of photos' blurs: many tests estimate those of the same photos.

    Tests of the estimate itself import the function, not its module, and call the real one.
    """
    from degrade.kernels import spectral

    estimate, known = spectral.estimate, {}

    def estimated(photo: Image) -> spectral.SpectralEstimate | str:
        key = (photo.shape, photo.dtype.str, digest(photo.tobytes()))
        if key not in known:
            known[key] = estimate(photo)
        return known[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(spectral, "estimate", estimated)
        yield


@pytest.fixture(autouse=True, scope="session")
def _files_without_threads() -> Iterator[None]:
    """Read and write a store's files without a further thread for each.

    Zarr's loop hands every file to one, which costs more than such small files do. Processes of
    their own (`tests/fresh.py`, workers) do so still.
    """
    from zarr.codecs import zstd
    from zarr.storage import _local

    from degrade.store import backend

    async def here(call: Callable[..., Any], *given: Any, **named: Any) -> Any:
        return call(*given, **named)

    without = SimpleNamespace(**{**vars(asyncio), "to_thread": here})
    with pytest.MonkeyPatch.context() as patch:
        for module in (_local, zstd, backend):
            patch.setattr(module, "asyncio", without)
        yield


@pytest.fixture(autouse=True, scope="session")
def _commands_described_once() -> Iterator[None]:
    """Keep the command line's parser, which Typer makes anew of all verbs for every command."""
    from typer import main

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(main, "get_command", cache(main.get_command))
        yield


@pytest.fixture(autouse=True, scope="session")
def _no_waiting_for_the_disk() -> Iterator[None]:
    """Flush nothing: no test pulls the plug, and a run waits for hundreds of flushes of a disk.

    That all of a store is flushed is a test of its own, in `tests/pipelines/test_power_loss.py`.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda descriptor: None)
        yield


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of five small photos; tests must not write into it."""
    return write_photos(tmp_path_factory.mktemp("photos"), 5)


@pytest.fixture(scope="session")
def client() -> Iterator[object]:
    """What runs all in this process, shared by the tests of a session."""
    from pipelines.execution.cluster import connect

    with connect() as opened:
        yield opened


@pytest.fixture(scope="session")
def dask() -> Iterator[object]:
    """A Dask client whose scheduler and worker are in this process, shared likewise."""
    from distributed import Client, LocalCluster

    with (
        LocalCluster(
            n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None
        ) as one,
        Client(one) as opened,
    ):
        yield opened


@pytest.fixture(scope="session")
def two_workers() -> Iterator[object]:
    """A Dask client of two worker processes, shared by the tests of a session."""
    from pipelines.execution.cluster import connect

    with connect(workers=2) as opened:
        yield opened


@pytest.fixture
def degrade(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Command:
    """Run the command line in a temporary folder, as the console script does."""
    from degrade.cli.main import run

    monkeypatch.chdir(tmp_path)

    def call(*arguments: object) -> Answer:
        monkeypatch.setattr(sys, "argv", ["degrade", *map(str, arguments)])
        capsys.readouterr()
        try:
            run()
            code = 0
        except SystemExit as stop:
            code = stop.code if isinstance(stop.code, int) else 1 if stop.code else 0
        printed = capsys.readouterr()
        return Answer(code, printed.out, printed.err)

    return call


@pytest.fixture(scope="module")
def lens_photos_measured_once() -> Iterator[None]:
    """Keep what photos show of their lens, half a second each: many tests look at the same ones."""
    from pipelines.stages import estimate_lens
    from tests.simulated_lens import measured_once

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(estimate_lens, "lens_evidence", measured_once)
        yield
