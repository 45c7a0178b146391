"""The table of stages: its laws, and a stage that is added by one file and one line."""

import json
import signal
import subprocess
from pathlib import Path

import pytest

from degrade.store.schema import DOMAINS
from pipelines.recipe import Stages
from pipelines.stage_table import STAGES
from tests import fresh
from tests.photos import contents, write_photos

RECIPE = """
name: toy
scale: 2
seed: 3
stages:
  kernels: {}
  sharpness: {kernel: 3}
  pairs: {tile: 24, valid: 0.3}
"""
TOY = """
import os, signal, sys
from pipelines import stage_table
from tests.pipelines import sharpness
stage_table.STAGES = (*stage_table.STAGES[:4], sharpness.SHARPNESS, *stage_table.STAGES[4:])
"""
"""Puts the toy stage between cameras and pairs, as a line of the table would."""
RUN = "from degrade.cli.main import run; run()"
KILL = """
from degrade.store.parts import Parts
save, saved = Parts.save, []
def save_and_die(parts, *part):
    save(parts, *part)
    if parts.group == sharpness.GROUP:
        saved.append(part)
    if len(saved) == 2:
        os.kill(os.getpid(), signal.SIGKILL)
Parts.save = save_and_die
"""


def test_every_stage_is_listed_once() -> None:
    for of in (lambda s: s.name, lambda s: s.key, lambda s: s.group):
        told = [of(stage) for stage in STAGES]
        assert len(set(told)) == len(told)


@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.name)
def test_a_description_is_of_one_piece(stage) -> None:
    assert bool(stage.group) != (stage.result is not None), "its results are somewhere, once"
    assert set(stage.reads) <= set(DOMAINS)
    assert bool(stage.tiles) == bool(stage.rebuild)
    assert stage.name in stage.rebuild or not stage.rebuild
    assert stage.key in Stages.model_fields or stage is STAGES[0]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Photos, a recipe with the toy stage, and the store of a run that nobody stopped."""
    base = tmp_path_factory.mktemp("toy")
    write_photos(base / "photos", 5, 160, 160)
    (base / "recipe.yaml").write_text(RECIPE)
    assert degrade(base, "run", "recipe.yaml", "photos", "--store", "whole").returncode == 0
    return base


def degrade(base: Path, *arguments: str, before: str = "") -> "subprocess.CompletedProcess[str]":
    """Run the command line in a process whose table has the toy stage."""
    program = f"{TOY}{before}\nsys.argv = ['degrade', *{list(arguments)!r}]\n{RUN}"
    return fresh.run(program, cwd=base)


def test_a_run_has_the_new_stage(folder: Path) -> None:
    manifest = json.loads((folder / "runs/toy/manifest.json").read_text())
    names = [stage["stage"] for stage in manifest["stages"]]
    assert names == ["check", "estimate-kernels", "measure-sharpness", "build-pairs"]
    assert manifest["recipe"]["stages"]["sharpness"] == {"kernel": 3, "seed": 3}
    again = json.loads(
        degrade(folder, "run", "recipe.yaml", "photos", "--store", "whole", "--json").stdout
    )
    assert all(stage["skipped"] for stage in again["stages"])
    left = {path.name for path in (folder / "whole/.parts").iterdir()}
    assert left == {"kernels", "pairs"}, "what was left for it was taken"


def test_the_recipes_model_knows_it(folder: Path) -> None:
    printed = degrade(folder, "run", "recipe.yaml", "photos", "--print").stdout
    assert "  sharpness:\n    kernel: 3\n  pairs:" in printed
    wrong = "stages.sharpness.kernel=9"
    refused = degrade(folder, "run", "recipe.yaml", "photos", "--set", wrong).stderr
    assert "stages.sharpness.kernel: input should be less than or equal to 7, not 9" in refused
    assert '"side of the Laplacian, pixels"' in degrade(folder, "schema").stdout


def test_plan_tells_what_it_will_take(folder: Path) -> None:
    call = ("plan", "recipe.yaml", "photos", "--json", "--store")
    planned, done = (json.loads(degrade(folder, *call, s).stdout) for s in ("none", "whole"))
    row = planned["stages"][2]
    assert (row["stage"], row["state"], row["gives"]) == ("measure-sharpness", "to do", 5)
    assert {stage["state"] for stage in done["stages"]} == {"done"}


def test_info_report_and_verify_tell_of_it(folder: Path) -> None:
    assert (
        "  sharpness: sharpness [5], source [5]"
        in degrade(folder, "info", "--store", "whole").stdout
    )
    told = json.loads(
        degrade(folder, "report", "--store", "whole", "--out", "report.html", "--json").stdout
    )
    assert told["sections"]["Sharpness"] == "5 photos measured"
    page = (folder / "report.html").read_text()
    assert "  sharpness:\n    kernel: 3\n" in page, "in the recipe that makes it again"
    assert degrade(folder, "verify", "--store", "whole").returncode == 0


def test_verify_finds_and_mends_damage_in_it(folder: Path) -> None:
    call = ("run", "recipe.yaml", "photos", "--store", "torn")
    assert degrade(folder, *call).returncode == 0
    whole = contents(folder / "torn")
    (chunk,) = (folder / "torn/sharpness/sharpness/c").iterdir()
    chunk.write_bytes(chunk.read_bytes()[:-1] + b"!")
    found = degrade(folder, "verify", "--repair", "--store", "torn").stdout
    assert "damaged sharpness/sharpness" in found and "unfinished sharpness" in found
    assert degrade(folder, *call).returncode == 0
    assert contents(folder / "torn") == whole


def test_photos_that_it_was_made_from_must_stay(folder: Path, tmp_path: Path) -> None:
    write_photos(tmp_path / "photos", 4, 160, 160)
    refused = degrade(folder, "check", str(tmp_path / "photos"), "--store", "whole")
    assert refused.returncode == 1
    assert "since kernels, sharpness, pairs were made from them" in refused.stderr


def test_a_killed_run_goes_on_in_it(folder: Path) -> None:
    call = ("run", "recipe.yaml", "photos", "--store", "killed")
    assert degrade(folder, *call, before=KILL).returncode == -signal.SIGKILL
    assert len(list((folder / "killed/.parts/sharpness").glob("*.npz"))) == 2
    assert degrade(folder, *call).returncode == 0
    assert contents(folder / "killed") == contents(folder / "whole")
