"""Files cut short or zeroed, as by a power loss: named, and made again to the same bytes."""

import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from distributed import Client

from degrade.errors import StoreError
from degrade.store.writer import GroupWriter
from pipelines.recipes.recipe import load_recipe
from pipelines.recipes.runner import RunOptions, run_recipe
from pipelines.stages.verify import verify
from tests.photos import contents, write_photos

RECIPE = """
name: tiny
scale: 2
stages:
  kernels: {estimator: spectral}
  noise: {patch: 16, stride: 16}
  pairs: {tile: 32, kernels: bicubic, bake_noise: true}
"""


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory, client: Client) -> Path:
    folder = tmp_path_factory.mktemp("powered")
    write_photos(folder / "photos", 3, 144, 160)
    (folder / "recipe.yaml").write_text(RECIPE)
    run_again(folder, folder / "whole", client)
    assert not verify(str(folder / "whole"), client).damaged
    return folder


def run_again(folder: Path, store: Path, client: Client) -> None:
    recipe = load_recipe(str(folder / "recipe.yaml"))
    run_recipe(recipe, RunOptions(folder / "photos", None, str(store), folder / "runs"), client)


def damage(path: Path, rng: random.Random) -> None:
    """Cut a file short, or leave zeros from some byte on."""
    data = path.read_bytes()
    kept = rng.randrange(len(data))
    path.write_bytes(data[:kept] + bytes(len(data) - kept if rng.random() < 0.5 else 0))


def is_named(store: Path, damaged: str, client: Client) -> bool:
    """Return whether `verify` names the array or group whose file was damaged."""
    place = damaged.split("/c/")[0].removesuffix("/zarr.json")
    try:
        report = verify(str(store), client)
    except StoreError as error:
        return place in str(error)
    return any(place in name or name in damaged for name in report.damaged)


def test_all_that_a_store_holds_was_flushed(
    whole: Path, tmp_path: Path, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    flushed = set()
    monkeypatch.setattr(os, "fsync", lambda descriptor: flushed.add(os.fstat(descriptor).st_ino))
    run_again(whole, tmp_path / "s", client)
    files = [tmp_path / "s" / name for name in contents(tmp_path / "s")]
    assert [file for file in files if file.stat().st_ino not in flushed] == []
    names = {file.parent for file in files}
    assert [folder for folder in names if folder.stat().st_ino not in flushed] == []


FILES = [
    "zarr.json",
    "sources/zarr.json",
    "sources/sha256/zarr.json",
    "sources/sha256/c/0",
    "kernels/zarr.json",
    "kernels/x2/zarr.json",
    "kernels/x2/weights/c/0/0/0",
    "noise/patches/c/0/0/0/0",
    "pairs/x2/lr/zarr.json",
    "pairs/x2/hr_crc32/c/0",
]


@pytest.mark.parametrize("name", FILES)
def test_a_damaged_file_of_a_finished_store(
    whole: Path, tmp_path: Path, client: Client, name: str
) -> None:
    is_named_and_made_again(whole, tmp_path / "s", client, name, random.Random(name))


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_every_file_of_a_finished_store(whole: Path, tmp_path: Path, client: Client) -> None:
    for name in contents(whole / "whole"):
        for seed in range(3):
            rng = random.Random(f"{name} {seed}")
            is_named_and_made_again(whole, tmp_path / "s", client, name, rng)


def is_named_and_made_again(
    whole: Path, store: Path, client: Client, name: str, rng: random.Random
) -> None:
    shutil.rmtree(store, ignore_errors=True)
    shutil.copytree(whole / "whole", store)
    damage(store / name, rng)
    if (store / name).read_bytes() == (whole / "whole" / name).read_bytes():
        return
    assert is_named(store, name, client), name
    try:
        verify(str(store), client, repair=True)
    except StoreError as error:
        assert "run" in str(error)
    run_again(whole, store, client)
    assert contents(store) == contents(whole / "whole"), name


def finish_all_but(group: str) -> Callable[[GroupWriter], None]:
    """Return what finishes stages, and stops where that of a group is to be finished."""
    finish = GroupWriter.finish

    def finish_or_stop(out: GroupWriter) -> None:
        if out.group == group:
            raise KeyboardInterrupt
        finish(out)

    return finish_or_stop


@pytest.mark.parametrize(
    ("group", "newest"), [("kernels/x2", 4), ("noise", 4), ("pairs/x2", 1), ("pairs/x2", 4)]
)
def test_the_newest_files_of_an_unfinished_store(
    whole: Path,
    tmp_path: Path,
    client: Client,
    monkeypatch: pytest.MonkeyPatch,
    group: str,
    newest: int,
) -> None:
    """A run that was stopped before a stage was finished, with its last files damaged."""
    store, rng = tmp_path / "s", random.Random(f"{group} {newest}")
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(GroupWriter, "finish", finish_all_but(group))
        run_again(whole, store, client)
    written = sorted(contents(store), key=lambda name: (store / name).stat().st_mtime_ns)
    for name in written[-newest:]:
        damage(store / name, rng)
    run_again(whole, store, client)
    assert contents(store) == contents(whole / "whole")
