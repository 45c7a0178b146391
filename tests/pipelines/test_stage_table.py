"""The table of stages: its laws, and a stage that is added by one file and one line."""

import json
import shutil
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from degrade.store.schema import DOMAINS
from pipelines.recipes.recipe import Stages
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
import os, signal
from pipelines import stage_table
from tests.pipelines import sharpness
stage_table.STAGES = (*stage_table.STAGES[:4], sharpness.SHARPNESS, *stage_table.STAGES[4:])
"""
"""Puts the toy stage between cameras and pairs, as a line of the table would."""
RUN = ("run", "recipe.yaml", "photos", "--store")
KILL = """
from degrade.store.task_results import TaskResults
save, saved = TaskResults.save, []
def save_and_die(parts, *part):
    save(parts, *part)
    if parts.group == sharpness.GROUP:
        saved.append(part)
    if len(saved) == 2:
        os.kill(os.getpid(), signal.SIGKILL)
TaskResults.save = save_and_die
"""


def test_every_stage_is_listed_once() -> None:
    for of in (lambda s: s.name, lambda s: s.key, lambda s: s.group):
        reported = [of(stage) for stage in STAGES]
        assert len(set(reported)) == len(reported)


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
    (done,) = degrade(base, (*RUN, "whole"))
    assert done.returncode == 0, done.stderr
    return base


def degrade(base: Path, *lines: Sequence[object]) -> "list[subprocess.CompletedProcess[str]]":
    """Run command lines in a process whose table has the toy stage."""
    return fresh.commands(TOY, lines, base)


def test_a_run_has_the_new_stage(folder: Path) -> None:
    manifest = json.loads((folder / "runs/toy/manifest.json").read_text())
    names = [stage["stage"] for stage in manifest["stages"]]
    assert names == ["check", "estimate-kernels", "measure-sharpness", "build-pairs"]
    assert manifest["recipe"]["stages"]["sharpness"] == {"kernel": 3, "seed": 3}
    (again,) = degrade(folder, (*RUN, "whole", "--json"))
    assert all(stage["skipped"] for stage in json.loads(again.stdout)["stages"])
    left = {path.name for path in (folder / "whole/.parts").iterdir()}
    assert left == {"kernels", "pairs"}, "what was left for it was taken"


def test_the_recipes_model_knows_it(folder: Path) -> None:
    printed, refused, schema = degrade(
        folder,
        (*RUN, "whole", "--print"),
        (*RUN, "whole", "--set", "stages.sharpness.kernel=9"),
        ("schema",),
    )
    assert "  sharpness:\n    kernel: 3\n  pairs:" in printed.stdout
    wrong = "stages.sharpness.kernel: input should be less than or equal to 7, not 9"
    assert wrong in refused.stderr
    assert '"side of the Laplacian, pixels"' in schema.stdout


def test_plan_estimates_what_it_will_take(folder: Path) -> None:
    call = ("plan", "recipe.yaml", "photos", "--json", "--store")
    said = degrade(folder, (*call, "none"), (*call, "whole"))
    planned, done = (json.loads(each.stdout) for each in said)
    row = planned["stages"][2]
    assert (row["stage"], row["state"], row["gives"]) == ("measure-sharpness", "to do", 5)
    assert {stage["state"] for stage in done["stages"]} == {"done"}


def test_info_report_and_verify_show_it(folder: Path) -> None:
    store = ("--store", "whole")
    info, report, verified = degrade(
        folder,
        ("info", *store),
        ("report", *store, "--out", "report.html", "--json"),
        ("verify", *store),
    )
    assert "  sharpness: sharpness [5], source [5]" in info.stdout
    assert json.loads(report.stdout)["sections"]["Sharpness"] == "5 photos measured"
    page = (folder / "report.html").read_text()
    assert "  sharpness:\n    kernel: 3\n" in page, "in the recipe that makes it again"
    assert verified.returncode == 0


def test_verify_finds_and_mends_damage_in_it(folder: Path) -> None:
    shutil.copytree(folder / "whole", folder / "torn")
    (chunk,) = (folder / "torn/sharpness/sharpness/c").iterdir()
    chunk.write_bytes(chunk.read_bytes()[:-1] + b"!")
    found, again = degrade(folder, ("verify", "--repair", "--store", "torn"), (*RUN, "torn"))
    for word in ("damaged sharpness/sharpness", "unfinished sharpness"):
        assert word in found.stdout
    assert again.returncode == 0
    assert contents(folder / "torn") == contents(folder / "whole")


def test_photos_that_it_was_made_from_must_stay(folder: Path, tmp_path: Path) -> None:
    write_photos(tmp_path / "photos", 4, 160, 160)
    (refused,) = degrade(folder, ("check", tmp_path / "photos", "--store", "whole"))
    assert refused.returncode == 1
    assert "since kernels, sharpness, pairs were made from them" in refused.stderr


def test_a_killed_run_goes_on_in_it(folder: Path) -> None:
    program = f"{TOY}{KILL}\nfrom degrade.cli.main import run\nrun()"
    killed = fresh.run(program, *RUN, "killed", cwd=folder)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert len(list((folder / "killed/.parts/sharpness").glob("*.npz"))) == 2
    (again,) = degrade(folder, (*RUN, "killed"))
    assert again.returncode == 0, again.stderr
    assert contents(folder / "killed") == contents(folder / "whole")
