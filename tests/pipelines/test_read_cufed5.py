"""CUFED5 in the store: references in the order of the levels, cut from the group's own pictures."""

import shlex
import shutil
from pathlib import Path

import numpy as np
import pytest
from distributed import Client
from PIL import Image

from degrade.arrays import U8
from degrade.errors import DegradeError, NothingToDo, SettingsError, StoreError
from degrade.images.decode import read_image
from degrade.images.write import write_png
from degrade.references import local_features, verified_matches
from degrade.store.reader import open_store
from pipelines.report.remake import remake_body
from pipelines.stages import build_references as stage
from pipelines.stages.build_references import ReferencesReport, check_pairs
from pipelines.stages.read_cufed5 import read_cufed5
from pipelines.stages.verify import verify
from tests.cli.answers import one_object
from tests.conftest import Command
from tests.degrade.test_references import rotated, scene
from tests.photos import contents

TILE = 64
Made = tuple[Path, ReferencesReport]
"""A store, and what its stage said."""
VIEWS = {1: (0, 1.0), 2: (8, 1.0), 3: (15, 1.1)}
"""Degrees and enlargement of the levels that show the same; levels 4 and 5 show other scenes."""


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three groups of pictures of several sizes."""
    folder = tmp_path_factory.mktemp("pictures")
    for group in range(3):
        seen = scene(group, 160)
        write_png(folder / f"{group:03}_0.png", seen[16:120, 16 : 130 + group])
        for level in range(1, 6):
            view = rotated(seen, *VIEWS[level]) if level in VIEWS else scene(50 + 9 * group + level)
            write_png(folder / f"{group:03}_{level}.png", view[:150, : 150 - 2 * level])
    return folder


@pytest.fixture
def cufed5(pictures: Path, tmp_path: Path) -> Path:
    """The pictures, to be changed."""
    return shutil.copytree(pictures, tmp_path / "cufed5")


@pytest.fixture(scope="module")
def one(pictures: Path, tmp_path_factory: pytest.TempPathFactory, client: Client) -> Made:
    place = tmp_path_factory.mktemp("one") / "s.zarr"
    return place, read_cufed5(str(place), client, pictures, tile=TILE, valid=0.3)


def has_tile(picture: U8, tile: U8) -> bool:
    """Return whether a tile was cut from a picture."""
    windows = np.lib.stride_tricks.sliding_window_view(picture, tile.shape)[:, :, 0]
    return bool((windows == tile).all(axis=(2, 3, 4)).any())


def test_each_level_is_a_tile_of_its_own_picture(pictures: Path, one: Made) -> None:
    store, report = open_store(one[0]), one[1]
    pairs, found, paths = store.pairs(4), store.references(4), store.sources().path
    assert (report.pairs, report.count, report.refused) == (3 * 4, 5, ())
    assert set(paths) == {f"{group:03}_0.png" for group in range(3)}
    assert pairs.lr.shape[1:] == (16, 16, 3) and set(pairs.split) == {"train", "valid"}
    check_pairs(store, 4)
    for pair, level in np.ndindex(12, 5):
        name = str(paths[pairs.source[pair]]).replace("_0", f"_{level + 1}")
        assert has_tile(read_image(pictures / name), found.hr.tile(5 * pair + level))
    for pair in range(12):
        name = str(paths[pairs.source[pair]])
        assert has_tile(read_image(pictures / name), pairs.hr.tile(pair))
    levels = found.score.mean(axis=0)
    assert report.verified > 8 and levels[:3].min() > 2 * levels[3:].max()
    assert found.similarity[:, 0].mean() > found.similarity[:, 3].mean()


def test_of_the_picture_it_is_the_tile_that_matches_most(one: Made) -> None:
    store = open_store(one[0])
    pairs, found, library = store.pairs(4), store.references(4), store.library(4)
    paths = store.column("references/x4/library_path")
    for pair in range(4):  # of 000_0.png
        own = local_features(pairs.hr.tile(pair), 256)
        for level in range(1, 6):
            tiles = np.flatnonzero(paths == f"000_{level}.png")
            matches = [
                verified_matches(own, local_features(library.tile(int(t)), 256)) for t in tiles
            ]
            assert found.score[pair, level - 1] == max(matches)
            assert found.library_tile[pair, level - 1] in tiles[np.array(matches) == max(matches)]


def test_same_bytes_with_two_workers_and_after_a_stop(
    pictures: Path,
    one: Made,
    tmp_path: Path,
    client: Client,
    two_workers: Client,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def read(name: str, workers: Client) -> None:
        read_cufed5(str(tmp_path / name), workers, pictures, tile=TILE, valid=0.3)

    read("two", two_workers)
    with monkeypatch.context() as patched:
        patched.setattr(stage, "_write_found", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            read("stopped", client)
    with pytest.raises(StoreError, match="unfinished"):
        open_store(tmp_path / "stopped").references(4)
    read("stopped", client)
    assert contents(one[0]) == contents(tmp_path / "two")
    assert contents(one[0]) == contents(tmp_path / "stopped")


def test_damage_is_repaired_and_other_settings_need_overwrite(
    cufed5: Path, tmp_path: Path, client: Client
) -> None:
    place = str(tmp_path / "s")
    first = read_cufed5(place, client, cufed5, tile=TILE)
    before = contents(tmp_path / "s")
    for array in ("references/x4/hr/c/0/0/0/0/0", "pairs/x4/hr/c/0/0/0/0"):
        path = tmp_path / "s" / array
        path.write_bytes(path.read_bytes()[:-100])
    assert len(verify(place, client, repair=True).repaired) == 2
    assert contents(tmp_path / "s") == before
    assert read_cufed5(place, client, cufed5, tile=TILE) == first
    with pytest.raises(StoreError, match="tile = 64, not 48; pass --overwrite"):
        read_cufed5(place, client, cufed5, tile=48)
    assert read_cufed5(place, client, cufed5, tile=48, overwrite=True).pairs > first.pairs
    write_png(cufed5 / "000_2.png", scene(90, 160))
    with pytest.raises(StoreError, match="other cufed5 than now; pass --overwrite"):
        read_cufed5(place, client, cufed5, tile=48)


def test_groups_with_a_bad_picture_are_left_out_by_name(
    cufed5: Path, tmp_path: Path, client: Client
) -> None:
    write_png(cufed5 / "000_3.png", scene(3, 60))
    (cufed5 / "001_2.png").write_bytes((cufed5 / "001_0.png").read_bytes())
    report = read_cufed5(str(tmp_path / "s"), client, cufed5, tile=TILE)
    assert report.pairs == 4 and dict(report.refused) == {
        "000_3.png": "60x60 has a side of less than 64 pixels, too small to use; "
        "group 000 is left out",
        "001_2.png": "has the same bytes as 001_0.png; group 001 is left out",
    }
    (cufed5 / "002_0.png").write_bytes(b"no picture")
    with pytest.raises(
        NothingToDo,
        match=r"none of 3 groups can be used, the first because 000_3.png: 60x60 .*tile",
    ):
        read_cufed5(str(tmp_path / "t"), client, cufed5, tile=TILE)


def test_what_is_refused(cufed5: Path, tmp_path: Path, client: Client) -> None:
    place = str(tmp_path / "s")
    with pytest.raises(SettingsError, match="tile 62 is no multiple of scale 4; 60 would be one"):
        read_cufed5(place, client, cufed5, tile=62)
    with pytest.raises(NothingToDo, match="holds no CUFED5 pictures"):
        read_cufed5(place, client, tmp_path)
    (cufed5 / "001_3.png").unlink()
    with pytest.raises(DegradeError, match=r"group 001 lacks 001_3.png; add it"):
        read_cufed5(place, client, cufed5, tile=TILE)
    same = scene(7, TILE)
    write_png(cufed5 / "001_0.png", same)
    write_png(cufed5 / "001_3.png", np.ascontiguousarray(np.pad(same, ((0, 1), (0, 0), (0, 0)))))
    assert read_cufed5(place, client, cufed5, tile=TILE).pairs == 4 + 1 + 4
    (cufed5 / "001_3.png").unlink()
    Image.fromarray(same).save(cufed5 / "001_3.bmp")
    with pytest.raises(NothingToDo, match=r"001_3: has the same pixels as pair 4 of 001_0 and"):
        read_cufed5(place, client, cufed5, tile=TILE, overwrite=True)
    with pytest.raises(StoreError, match="has no references/x4"):
        open_store(place).references(4)


def test_through_the_command_line(degrade: Command, cufed5: Path, tmp_path: Path) -> None:
    place = ["--store", str(tmp_path / "s.zarr")]
    read = ["build-references", *place, "--cufed5", str(cufed5)]
    found = one_object(degrade(*read, "--tile", 64, "--json"))
    assert (found["pairs"], found["count"]) == (12, 5)
    text = degrade(*read, "--tile", 64).out
    assert text.startswith("references x4: 5 for each of 12 pairs; ") and "verified one" in text
    (remake,) = remake_body(open_store(tmp_path / "s.zarr"), tmp_path / "runs").remakes
    assert not remake.recipe and degrade(*shlex.split(remake.commands)[1:]).out == text
    assert degrade("export", "pairs", tmp_path / "pairs", *place).code == 0
    assert len(list((tmp_path / "pairs").rglob("*.png"))) == 2 * 12
    for options, said in {
        ("--cufed", str(cufed5)): "--cufed and --cufed5 need a store each",
        ("--from", str(cufed5)): "--cufed5 has its own references and scale 4",
        ("--scale", 2): "--cufed5 has its own references and scale 4",
        ("--count", 3): "--cufed5 has 5 references of each picture",
    }.items():
        answer = degrade(*read, *options)
        assert answer.code == 2 and said in " ".join(answer.err.replace("│", "").split())
    answer = degrade("build-references", *place, "--tile", 64)
    assert answer.code == 2 and "--tile is for --cufed5" in answer.err
