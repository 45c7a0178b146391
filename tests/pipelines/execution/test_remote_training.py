"""Training on a worker that has a GPU: the same results, seen from here, ended with its command."""

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from distributed import Client, LocalCluster

from pipelines.execution import progress, remote_training
from pipelines.execution.cluster import connect
from pipelines.execution.remote_training import RemoteTraining, train_on_worker
from pipelines.recipes.recipe import load_recipe
from pipelines.recipes.runner import RunOptions, run_recipe
from tests.photos import write_photos

RECIPE = """
name: tiny
scale: 2
stages:
  pairs: {tile: 24, kernels: bicubic}
  train:
    method: esrgan
    settings:
      network: {features: 4, blocks: 1, growth: 2}
      crop: 24
      batch: 2
      noise: false
      psnr: {steps: 6}
      gan: {steps: 0}
      loss: {perceptual: 0}
      threads: 1
"""


@pytest.fixture(scope="module")
def gpu_worker() -> Iterator[str]:
    """A scheduler whose worker says that it has a GPU; torch then takes what there is."""
    resources = {"GPU": 1}
    options = {"n_workers": 1, "threads_per_worker": 1, "dashboard_address": None}
    with LocalCluster(processes=False, resources=resources, **options) as local:
        yield local.scheduler_address


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, client: Client) -> Path:
    """Photos, a recipe and what it leaves when all of it runs in this process."""
    base = tmp_path_factory.mktemp("remote")
    write_photos(base / "photos", 3, 96, 96)
    (base / "recipe.yaml").write_text(RECIPE)
    run(base, base / "here", client)
    return base


def run(folder: Path, place: Path, client: Client) -> None:
    options = RunOptions(folder / "photos", None, store=str(place / "s.zarr"), runs=place / "runs")
    run_recipe(load_recipe(str(folder / "recipe.yaml")), options, client)


def test_the_same_results_with_progress_seen_here(
    folder: Path,
    tmp_path: Path,
    gpu_worker: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(remote_training, "SECONDS_BETWEEN_NEWS", 0.0)
    monkeypatch.setattr(progress, "SECONDS_BETWEEN_LINES", 0.0)
    trained = []

    def noting(client: Client, task: RemoteTraining) -> remote_training.TrainReport:
        trained.append(task)
        return train_on_worker(client, task)

    monkeypatch.setattr("pipelines.execution.remote_training.train_on_worker", noting)
    monkeypatch.chdir(tmp_path)
    with connect(scheduler=gpu_worker) as client:
        run(folder, tmp_path, client)
    assert len(trained) == 1
    ours, theirs = (place / "runs" / "tiny" for place in (tmp_path, folder / "here"))
    name = "weights.safetensors"
    assert (ours / name).read_bytes() == (theirs / name).read_bytes()
    one, other = (torch.load(f / "checkpoint.pt", weights_only=True) for f in (ours, theirs))
    torch.testing.assert_close(one["networks"], other["networks"], rtol=0, atol=0)
    assert one["settings"] == other["settings"]
    said = capsys.readouterr().err
    assert "train esrgan: 6 of 6 steps" in said and "train esrgan: 6 steps in" in said
    assert any(f"train esrgan: {step} of 6 steps" in said for step in range(1, 6))


OPTIONS = (None, False, None, None, False)
"""No further weights, and nothing that is overwritten."""


def test_it_ends_when_its_command_is_gone(
    folder: Path, tmp_path: Path, gpu_worker: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote_training, "SECONDS_BETWEEN_NEWS", 0.0)
    recipe = load_recipe(str(folder / "recipe.yaml"), ["stages.train.settings.psnr.steps=1000000"])
    assert recipe.stages.train
    store = str(folder / "here" / "s.zarr")
    task = RemoteTraining(store, recipe.stages.train, 2, tmp_path / "run", *OPTIONS)
    with Client(gpu_worker) as watching:
        with Client(gpu_worker) as client:
            future = client.submit(remote_training._train, task, resources={"GPU": 1})
            wait_until(lambda: bool(list(tmp_path.rglob("settings.yaml"))))
            assert future.status == "pending"
        wait_until(lambda: watching.run(is_idle) == dict.fromkeys(watching.nthreads(), True))


def is_idle(dask_worker: object) -> bool:
    state = dask_worker.state  # type: ignore[attr-defined]
    return not state.executing and not state.long_running and not state.tasks


def wait_until(holds: object) -> None:
    deadline = time.monotonic() + 30
    while not holds():  # type: ignore[operator]
        assert time.monotonic() < deadline, "did not end"
        time.sleep(0.05)


def test_paths_are_made_independent_of_the_working_folder(tmp_path: Path) -> None:
    recipe = load_recipe("ntire2020_track2")
    assert recipe.stages.train
    task = RemoteTraining(
        "s", recipe.stages.train, 4, Path("r"), Path("v"), False, Path("d"), None, False
    )
    assert remote_training._absolute(task) == replace(
        task,
        run_folder=Path("r").absolute(),
        vgg_weights=Path("v").absolute(),
        dists_weights=Path("d").absolute(),
    )
