"""The table of noise models: its laws, and a model that is added by one file and one line."""

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from degrade.degradation import degrade as linear
from degrade.noise.model import NoiseModel
from degrade.noise.model_table import MODELS, model_of
from degrade.store.reader import open_store
from sr_train.data.noise import BATCHES
from tests import fresh
from tests.photos import write_photos

RECIPE = """
name: shot
scale: 2
stages:
  kernels: {}
  noise: {patch: 32}
  pairs: {tile: 64, cleanup: 1, valid: 0.3, bake_noise: true, noise_model: shot}
"""
TOY = """
from degrade.noise import model_table
from tests.degrade.noise.shot import SHOT
model_table.MODELS = (*model_table.MODELS, SHOT)
"""
"""Puts the toy model at the end, as a line of the table would."""
TRAINING = {"crop": 32, "batch": 2, "network.blocks": 1, "network.features": 4, "threads": 1}


def degrade(base: Path, *lines: Sequence[object]) -> "list[subprocess.CompletedProcess[str]]":
    """Run command lines in a process whose table has the toy model."""
    return fresh.commands(TOY, lines, base)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Photos, and stores of their pairs: with the toy's noise, and without any."""
    base = tmp_path_factory.mktemp("shot")
    write_photos(base / "photos", 6, 160, 160)
    (base / "recipe.yaml").write_text(RECIPE)
    plain = ("--set", "stages.pairs.bake_noise=false", "--set", "stages.pairs.noise_model=patch")
    calls = (
        ("run", "recipe.yaml", "photos", "--store", store, "--runs", f"{store}.runs", *changes)
        for store, changes in (("baked", ()), ("plain", plain))
    )
    for done in degrade(base, *calls):
        assert done.returncode == 0, done.stderr
    return base


@pytest.mark.parametrize("model", MODELS, ids=lambda one: one.name)
def test_a_model_is_found_by_its_name(model: NoiseModel) -> None:
    assert model_of(model.name) is model and model.meaning
    assert set(BATCHES) <= {one.name for one in MODELS}


def test_pairs_are_baked_with_a_new_model_and_exported(folder: Path) -> None:
    baked, plain = open_store(folder / "baked").pairs(2), open_store(folder / "plain").pairs(2)
    assert (baked.noise == -2).all() and (plain.noise == -1).all()
    added = np.stack([baked.lr.tile(i) for i in range(len(baked.lr))]).astype(float)
    added -= np.stack([plain.lr.tile(i) for i in range(len(plain.lr))])
    lr = linear(
        baked.hr.tile(0), open_store(folder / "baked").kernels(2).weights[baked.kernel[0]], 2
    )
    expected = 255 * 0.05 * np.sqrt(lr.mean())
    assert added.std() == pytest.approx(expected, rel=0.3)
    call = ("export", "pairs", "out", "--store", "baked", "--scale", 2, "--json")
    (done,) = degrade(folder, call)
    assert done.returncode == 0, done.stderr
    assert len(list((folder / "out").rglob("*.png"))) >= 2 * len(baked.lr)


def test_networks_are_trained_with_it(folder: Path) -> None:
    changes = [f"--set={name}={value}" for name, value in TRAINING.items()]
    train = ("train", "psnr", "--store", "plain", "--steps", 2, *changes, "--set=log_every=1")
    models = ("shot", "patch")
    calls = ((*train, "--name", model, f"--set=noise_model={model}") for model in models)
    losses = {}
    for model, done in zip(models, degrade(folder, *calls), strict=True):
        assert done.returncode == 0, done.stderr
        losses[model] = (folder / "runs" / model / "log/metrics.jsonl").read_text()
        assert f"noise_model: {model}" in (folder / "runs" / model / "settings.yaml").read_text()
    assert losses["shot"] != losses["patch"]


def test_fidelity_judges_it(folder: Path) -> None:
    call = ("fidelity", "--store", "plain", "--scale", 2, "--noise-model", "shot", "--json")
    (done,) = degrade(folder, (*call, "--steps", 5, "--splits", 1, "--patches", 8))
    assert done.returncode == 0, done.stderr
    columns = [score["column"] for score in json.loads(done.stdout)["scores"]]
    assert columns[-2:] == ["bicubic and shot noise", "kernels and shot noise"]


def test_choices_help_and_messages_have_it(folder: Path) -> None:
    schema, help_of_pairs, help_of_fidelity, refused, wrong = degrade(
        folder,
        ("schema",),
        ("build-pairs", "--help"),
        ("fidelity", "--help"),
        ("run", "recipe.yaml", "photos", "--set=stages.pairs.noise_model=grain"),
        ("build-pairs", "--noise-model", "no"),
    )
    assert "shot: the light's own" in schema.stdout
    assert "shot" in help_of_pairs.stdout
    assert "patch|scaled|synthesised|shot" in help_of_fidelity.stdout
    assert "'patch', 'scaled', 'synthesised' or 'shot', not 'grain'" in refused.stderr
    assert "'shot'" in wrong.stderr
