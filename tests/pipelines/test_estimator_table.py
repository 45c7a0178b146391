"""The table of estimators: its laws, and an estimator that is added by one file and one line."""

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from degrade.images.write import write_png
from degrade.kernels.estimator_settings import settings_model, with_estimator
from degrade.kernels.estimator_table import ESTIMATORS, estimator_of
from degrade.store.reader import open_store
from tests import fresh
from tests.photos import write_photos

RECIPE = """
name: fixed
scale: 2
images: {keep: ""}
stages:
  kernels: {sigma: 1.25}
  pairs: {tile: 24, valid: 0.3}
"""
TOY = """
from degrade.kernels import estimator_table
from tests.degrade.kernels.fixed_blur import FIXED
estimator_table.ESTIMATORS = (*estimator_table.ESTIMATORS, FIXED)
"""
"""Puts the toy estimator at the end, as a line of the table would."""


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda one: one.name)
def test_an_estimator_is_found_by_its_settings(estimator) -> None:
    settings = settings_model({"estimator": estimator.name})(estimator=estimator.name)
    assert estimator_of(settings) is estimator
    assert estimator.photos_per_task(settings) >= 1 and estimator.min_side(settings) >= 16


def test_fields_choose_the_estimator_that_has_them() -> None:
    for fields, name in (
        ({}, "spectral"),
        ({"seed": 3}, "spectral"),
        ({"pool": "none"}, "spectral"),
        ({"iterations": 99, "seed": 3}, "kernelgan"),
        ({"nobody_has_this": 1}, "kernelgan"),
        ({"iterations": 99, "estimator": "combined"}, "combined"),
    ):
        assert with_estimator(fields)["estimator"] == name


def degrade(base: Path, *lines: Sequence[object]) -> "list[subprocess.CompletedProcess[str]]":
    """Run command lines in a process whose table has the toy estimator."""
    return fresh.commands(TOY, lines, base)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Photos, a flat one among them, and a recipe whose fields only the toy has."""
    base = tmp_path_factory.mktemp("fixed")
    write_photos(base / "photos", 4, 96, 96)
    write_png(base / "photos" / "flat.png", np.full((96, 96, 3), 99, np.uint8))
    (base / "recipe.yaml").write_text(RECIPE)
    return base


def test_a_new_estimator_is_planned_and_runs_in_a_recipe(folder: Path) -> None:
    recipe = ("recipe.yaml", "photos", "--json")
    plan, done = degrade(folder, ("plan", *recipe), ("run", *recipe, "--store", "s"))
    planned = json.loads(plan.stdout)
    assert (planned["stages"][1]["stage"], planned["stages"][1]["gives"]) == ("estimate-kernels", 4)
    report = json.loads(done.stdout)["stages"][1]["report"]
    assert (report["kernels"], report["accepted"]) == (5, 4)
    assert report["refused"] == [["flat.png", "is flat"]]
    assert report["sigma_major"] == pytest.approx(1.25, rel=0.01)
    store = open_store(folder / "s")
    assert store.stages()["kernels/x2"]["parameters"]["estimator"] == "fixed"
    assert set(store.pairs(2).kernel) <= set(store.kernels(2).accepted.nonzero()[0])


def test_its_settings_are_a_recipes_and_the_commands(folder: Path) -> None:
    estimate = ("estimate-kernels", "photos", "--store", "alone", "--json", "--estimator")
    printed, wrong, other, alone = degrade(
        folder,
        ("run", "recipe.yaml", "photos", "--print"),
        ("run", "recipe.yaml", "photos", "--set", "stages.kernels.sigma=-1"),
        (*estimate, "no"),
        (*estimate, "fixed"),
    )
    assert "    estimator: fixed\n    sigma: 1.25\n" in printed.stdout
    assert "stages.kernels.sigma: input should be greater than 0, not -1" in wrong.stderr
    assert "'fixed'" in other.stderr
    assert json.loads(alone.stdout)["accepted"] == 4
