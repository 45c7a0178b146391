"""Running a recipe: end to end on small photos, again for nothing, and refused before any work."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from distributed import Client

from degrade.errors import SettingsError, StoreError, WeightsError
from degrade.store.reader import open_store
from pipelines.recipes.recipe import Recipe, load_recipe
from pipelines.recipes.runner import Manifest, RunOptions, run_recipe
from tests.cli.answers import one_object, refusal
from tests.conftest import Command
from tests.photos import contents, write_photos
from tests.pipelines.recipes.tiny import STAGES, standard, write

KERNELGAN = "{iterations: 40, learning_rate: 2e-3, crop: 40, shave: 2}"
BICUBIC = ("stages.kernels=null", "stages.pairs.kernels=bicubic")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Photos, a torn file among them, and recipes beside them."""
    base = tmp_path_factory.mktemp("run")
    write(base, 96, KERNELGAN)
    (base / "photos" / "torn.png").write_bytes(b"\x89PNG")
    return base


def run(base: Path, client: Client, *changes: str, **options: Any) -> Manifest:
    recipe = load_recipe(str(base / "tiny.yaml"), changes)
    return run_recipe(recipe, replace(standard(base), **options), client)


@pytest.fixture(scope="module")
def done(folder: Path, client: Client) -> Manifest:
    return run(folder, client)


def test_every_stage_of_a_recipe_runs(folder: Path, done: Manifest) -> None:
    assert [stage.stage for stage in done.stages] == STAGES
    assert not any(stage.skipped for stage in done.stages)
    assert done.stages[0].report["refused"][0][0] == "torn.png"
    store = open_store(folder / "s.zarr")
    assert len(store.kernels(2).accepted) == 4 and len(store.noise().patches) > 0
    pairs = store.pairs(2)
    assert set(pairs.split) == {"train", "valid"}
    assert set(pairs.kernel) <= set(store.kernels(2).accepted.nonzero()[0])
    assert (folder / "runs" / "tiny" / "weights.safetensors").is_file()


def test_the_manifest_says_what_was_done(folder: Path, done: Manifest) -> None:
    written = json.loads((folder / "runs" / "tiny" / "manifest.json").read_text())
    assert Recipe.model_fields.keys() == written["recipe"].keys()
    assert written["recipe"]["stages"]["pairs"]["tile"] == 24
    assert written["options"]["store"] == str(folder / "s.zarr")
    assert {"degrade", "torch", "numpy"} <= written["software"].keys()
    assert [stage["stage"] for stage in written["stages"]] == STAGES
    store = open_store(folder / "s.zarr")
    contents_of = {stage["stage"]: stage["content"] for stage in written["stages"]}
    assert contents_of["build-pairs"] == store.pairs(2).content
    assert contents_of["mine-noise"] == store.noise().content
    assert not list((folder / "runs" / "tiny").glob(".*"))


def test_a_second_run_skips_every_stage(folder: Path, done: Manifest, client: Client) -> None:
    before = contents(folder / "s.zarr")
    weights = (folder / "runs" / "tiny" / "weights.safetensors").read_bytes()
    again = run(folder, client)
    assert [stage.stage for stage in again.stages if not stage.skipped] == []
    assert contents(folder / "s.zarr") == before
    assert (folder / "runs" / "tiny" / "weights.safetensors").read_bytes() == weights
    for first, second in zip(done.stages, again.stages, strict=True):
        assert (first.content, first.report) == (second.content, second.report)


@pytest.mark.usefixtures("done")
@pytest.mark.parametrize(
    ("change", "text"),
    [
        ("stages.kernels.iterations=41", "kernels/x2: was made with iterations = 40, not 41"),
        ("stages.noise.max_variance=30", "noise: was made with max_variance = 20.0, not 30.0"),
        ("stages.pairs.tile=32", "pairs/x2: was made with tile = 24, not 32"),
        ("seed=1", "kernels/x2: was made with seed = 0, not 1"),
    ],
)
def test_a_changed_setting_is_refused(folder: Path, client: Client, change: str, text: str) -> None:
    before = contents(folder / "s.zarr")
    with pytest.raises(StoreError, match="pass --overwrite") as refused:
        run(folder, client, change)
    assert text in str(refused.value)
    assert contents(folder / "s.zarr") == before


def test_overwrite_makes_the_whole_run_again(folder: Path, tmp_path: Path, client: Client) -> None:
    """What --overwrite promises holds for the trained network too."""
    places = {"store": str(tmp_path / "s.zarr"), "runs": tmp_path / "runs"}
    run(folder, client, *BICUBIC, **places)
    again = run(folder, client, *BICUBIC, "stages.pairs.tile=32", overwrite=True, **places)
    assert open_store(tmp_path / "s.zarr").pairs(2).tile == 32
    assert again.stages[-1].stage == "train"


@pytest.mark.usefixtures("done")
def test_a_changed_training_says_what_this_command_can_do(folder: Path, client: Client) -> None:
    with pytest.raises(Exception, match="batch was 2, is 3") as refused:
        run(folder, client, "stages.train.settings.batch=3")
    assert "--name" not in str(refused.value), "`degrade run` has no option --name"


def test_photos_for_the_target_are_asked_for_before_work(tmp_path: Path, client: Client) -> None:
    options = RunOptions(tmp_path, None, store=str(tmp_path / "s"), runs=tmp_path / "runs")
    with pytest.raises(SettingsError, match=r"recipe ntire2020_track1 uses clean .*\(--target\)"):
        run_recipe(load_recipe("ntire2020_track1"), options, client)
    assert list(tmp_path.iterdir()) == []


def test_vgg_is_asked_for_before_work(
    tmp_path: Path, photos: Path, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "hub"))
    options = RunOptions(photos, None, store=str(tmp_path / "s"), runs=tmp_path / "runs")
    with pytest.raises(WeightsError, match=r"--vgg-weights FILE, or .* --no-perceptual") as refused:
        run_recipe(load_recipe("ntire2020_track2"), options, client)
    assert str(tmp_path / "hub") in str(refused.value)
    assert list(tmp_path.iterdir()) == []


def test_a_missing_initial_network_is_said_before_work(
    folder: Path, tmp_path: Path, client: Client
) -> None:
    places = {"store": str(tmp_path / "s.zarr"), "runs": tmp_path / "runs"}
    with pytest.raises(WeightsError, match=r"none\.pth: no such weights file"):
        run(folder, client, *BICUBIC, init=tmp_path / "none.pth", **places)
    assert list(tmp_path.iterdir()) == []


def test_a_target_folder_gives_pairs_of_its_own(
    folder: Path, tmp_path: Path, client: Client
) -> None:
    clean = write_photos(tmp_path / "clean", 1, 50, 50)
    (clean / "photo 0.png").rename(clean / "clean.png")
    (clean / "photo 9.png").write_bytes((clean / "clean.png").read_bytes())
    (tmp_path / "two.yaml").write_text(
        "name: two\nscale: 2\ntarget: true\n"
        "stages: {pairs: {tile: 24, kernels: bicubic, valid: 0}}\n"
    )
    options = replace(standard(folder), target=clean, store=str(tmp_path / "s"))
    run_recipe(
        load_recipe(str(tmp_path / "two.yaml")), replace(options, runs=tmp_path / "r"), client
    )
    pairs = open_store(tmp_path / "s").pairs(2)
    assert (pairs.domain == "source").sum() == 4 * 4
    assert (pairs.domain == "target").sum() == 9, "as they are, without clean-up"
    assert set(pairs.split) == {"train"}


def test_run_through_the_command_line(degrade: Command, folder: Path, tmp_path: Path) -> None:
    command = ("run", folder / "tiny.yaml", folder / "photos", "--device", "cpu")
    answer = one_object(degrade(*command, "--json"))
    assert [stage["stage"] for stage in answer["stages"]] == STAGES
    shown = degrade(*command)
    assert shown.code == 0
    assert "refused torn.png: is truncated or damaged" in shown.out
    assert shown.out.count("complete before, skipped") == len(STAGES)
    assert contents(tmp_path / "runs" / "tiny")["weights.safetensors"]
    assert "--overwrite" in refusal(degrade(*command, "--set", "stages.pairs.valid=0.5"))


def test_results_that_cannot_be_written(degrade: Command, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    command = ("run", folder / "tiny.yaml", folder / "photos", "--runs", "file/runs")
    assert refusal(degrade(*command)).startswith("file/runs")
    assert not (tmp_path / "degrade.zarr").exists(), "said before work, not after hours of it"
