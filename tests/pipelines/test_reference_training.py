"""A recipe with references: planned, run, run again; both methods trained from it; refusals."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from distributed import Client

from degrade.errors import SettingsError, StoreError, WeightsError
from degrade.images.decode import read_image
from degrade.images.write import write_png
from degrade.pairs import PairSettings
from degrade.references import ReferenceSettings
from degrade.store.reader import open_store
from pipelines.recipes.plan import plan_run
from pipelines.recipes.recipe import load_recipe
from pipelines.recipes.runner import RunOptions, run_recipe
from pipelines.stages.build_pairs import build_pairs
from pipelines.stages.build_references import build_references
from pipelines.stages.train import train_method
from sr_train.networks.vgg19 import random_vgg19
from sr_train.settings.ttsr import TtsrSettings
from tests.cli.answers import one_object, refusal
from tests.conftest import Command
from tests.degrade.test_references import rotated, scene

SETTINGS = {
    "network": {"features": 4, "shallow": 1, "first": 1, "second": 1, "third": 1},
    "crop": 32,
    "batch": 2,
    "device": "cpu",
    "threads": 1,
    "references": 2,
    "reconstruction": {"steps": 2},
    "all": {"steps": 0},
}
RECIPE = f"""
name: reference
scale: 4
stages:
  pairs: {{tile: 48, cleanup: 1, kernels: bicubic, valid: 0.3}}
  references: {{count: 2, candidates: 4, features: 64}}
  train: {{method: ttsr, settings: {SETTINGS}}}
"""
STAGES = ["check", "build-pairs", "build-references", "train"]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Photos of two scenes, each seen twice, a recipe, and VGG19's weights, random ones."""
    folder = tmp_path_factory.mktemp("reference")
    for seed in range(2):
        (folder / "photos").mkdir(exist_ok=True)
        write_png(folder / "photos" / f"{seed}a.png", scene(seed, 96))
        write_png(folder / "photos" / f"{seed}b.png", rotated(scene(seed, 96), 12, 1.1))
    (folder / "reference.yaml").write_text(RECIPE)
    torch.save(random_vgg19(("relu3_1",), 0).state_dict(), folder / "vgg.pth")
    return folder


def options(base: Path) -> RunOptions:
    found = RunOptions(base / "photos", None, str(base / "s.zarr"), base / "runs", device="cpu")
    return replace(found, vgg_weights=base / "vgg.pth")


@pytest.fixture(scope="module")
def weights(base: Path, client: Client) -> Path:
    """What the recipe's run trained, after its plan."""
    recipe = load_recipe(str(base / "reference.yaml"))
    planned = plan_run(recipe, options(base), threads=1)
    assert [stage.stage for stage in planned.stages] == STAGES
    assert {stage.state for stage in planned.stages} == {"to do"}
    done = run_recipe(recipe, options(base), client)
    assert [stage.stage for stage in done.stages] == STAGES
    found = open_store(base / "s.zarr").references(4)
    row = planned.stages[2]
    assert row.gives == len(found.hr) and row.disk == found.hr.shape[0] * 48 * 48 * 3
    return base / "runs" / "reference" / "weights.safetensors"


def test_a_second_run_skips_every_stage(base: Path, weights: Path, client: Client) -> None:
    recipe = load_recipe(str(base / "reference.yaml"))
    again = run_recipe(recipe, options(base), client)
    assert all(stage.skipped for stage in again.stages)
    after = plan_run(recipe, options(base), threads=1)
    assert {stage.state for stage in after.stages} == {"done"}


def test_train_and_upscale_through_the_command_line(
    degrade: Command, base: Path, weights: Path, tmp_path: Path
) -> None:
    sets = [f"--set={name}={value}" for name, value in SETTINGS.items()]
    places = ["--store", str(base / "s.zarr"), "--runs", str(tmp_path / "runs")]
    vgg = ["--vgg-weights", str(base / "vgg.pth")]
    given = ["train", "ttsr", *places, *vgg, *sets, "--json"]
    report = one_object(degrade(*given, "--set=precision=bfloat16", "--init", str(weights)))
    assert report["steps"] == 2
    assert one_object(degrade(*given, "--set=precision=bfloat16", "--resume")) == report
    source = base / "photos"
    out = ["upscale", str(weights), str(source / "0a.png"), str(tmp_path / "out")]
    assert "TTSR takes references" in refusal(degrade(*out))
    write_png(tmp_path / "ref" / "0a_1.png", read_image(source / "0b.png"))
    done = one_object(degrade(*out, "--references", str(tmp_path / "ref"), "--json"))
    assert len(done["written"]) == 1
    assert read_image(tmp_path / "out" / "0a.png").shape == (384, 384, 3)


SRNTT = {
    "network": {"features": 4, "content": 1, "blocks": 4},
    "crop": 32,
    "batch": 2,
    "device": "cpu",
    "threads": 1,
    "references": 2,
    "content": {"steps": 1},
    "reconstruction": {"steps": 1},
    "all": {"steps": 1},
    "loss": {"adversarial": 0, "perceptual": 0},
    "texture_weighting": "paper",
}


def test_srntt_through_the_command_line(
    degrade: Command, base: Path, weights: Path, tmp_path: Path
) -> None:
    sets = [f"--set={name}={value}" for name, value in SRNTT.items()]
    places = ["--store", str(base / "s.zarr"), "--runs", str(tmp_path / "runs")]
    given = ["train", "srntt", *places, *sets, "--json"]
    assert "absent.pth" in refusal(degrade(*given, "--vgg-weights", str(tmp_path / "absent.pth")))
    assert not (tmp_path / "runs").exists()
    report = one_object(degrade(*given, "--vgg-weights", str(base / "vgg.pth")))
    assert report["steps"] == 3
    trained, source = report["weights"], base / "photos"
    write_png(tmp_path / "ref" / "0a.png", read_image(source / "0b.png"))
    out = ["upscale", trained, str(source / "0a.png"), str(tmp_path / "out")]
    one_object(degrade(*out, "--references", str(tmp_path / "ref"), "--json"))
    assert read_image(tmp_path / "out" / "0a.png").shape == (384, 384, 3)


def test_cufed5_through_the_command_line(degrade: Command, weights: Path, tmp_path: Path) -> None:
    for rank in range(6):
        write_png(tmp_path / f"000_{rank}.png", rotated(scene(0, 40), 5 * rank, 1))
    found = one_object(degrade("evaluate", str(weights), "--cufed5", str(tmp_path), "--json"))
    assert found["protocol"]["name"] == "ttsr" and "released" in found["protocol"]["references"]
    text = degrade("evaluate", str(weights), "--cufed5", str(tmp_path))
    assert "one reference (NNN_1)" in text.out and "bicubic mean" in text.out
    both = degrade("evaluate", str(weights), "--lr", str(tmp_path), "--hr", str(tmp_path))
    assert "TTSR takes references: score it on CUFED5" in refusal(both)


def train(base: Path, place: Path, **fields: object) -> None:
    settings = TtsrSettings.model_validate(SETTINGS | fields)
    vgg = random_vgg19(settings.vgg_layers, 0)
    train_method(str(base / "s.zarr"), "ttsr", settings, place, vgg=vgg)


def test_what_training_refuses_before_any_work(
    base: Path, weights: Path, tmp_path: Path, client: Client
) -> None:
    with pytest.raises(SettingsError, match="references is 3, the store has 2 of each pair"):
        train(base, tmp_path / "run", references=3)
    place = str(tmp_path / "s.zarr")
    (tmp_path / "s.zarr").mkdir()
    from pipelines.stages.check import check_photos

    check_photos(place, client, source=base / "photos")
    small = PairSettings(scale=2, tile=48, cleanup=1, kernels="bicubic", valid=0.3)
    build_pairs(place, client, small)
    with pytest.raises(SettingsError, match=r"the pairs are x2: methods with references are .* x4"):
        train(tmp_path, tmp_path / "run")
    build_pairs(place, client, small.model_copy(update={"scale": 4}))
    settings = TtsrSettings.model_validate(SETTINGS)
    vgg = random_vgg19(settings.vgg_layers, 0)
    with pytest.raises(StoreError, match=r"has no references/x4; run `degrade build-references --"):
        train_method(place, "ttsr", settings, tmp_path / "run", scale=4, vgg=vgg)
    build_references(place, client, ReferenceSettings(count=2, candidates=4, features=64))
    build_pairs(place, client, small.model_copy(update={"scale": 4, "tile": 32}), overwrite=True)
    with pytest.raises(StoreError, match="references/x4"):
        train_method(place, "ttsr", settings, tmp_path / "run", scale=4, vgg=vgg)
    assert not (tmp_path / "run").exists()


def test_vgg_is_asked_for_before_any_stage(base: Path, tmp_path: Path, client: Client) -> None:
    recipe = load_recipe(str(base / "reference.yaml"))
    places = replace(
        options(base), store=str(tmp_path / "s.zarr"), runs=tmp_path / "runs",
        vgg_weights=tmp_path / "absent.pth",
    )  # fmt: skip
    with pytest.raises(WeightsError, match=r"absent.pth"):
        run_recipe(recipe, places, client)
    assert not (tmp_path / "s.zarr").exists()
