"""Scores in the store: written, judged by, obeyed by every stage, and absent in older stores."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import zarr
from distributed import Client

from degrade.errors import SettingsError, StoreError
from degrade.images.keep import SCORES, rounded
from degrade.images.policy import KEEP
from degrade.images.scores import OF_TILE, scores_of
from degrade.images.write import write_png
from degrade.kernels.estimator_settings import SpectralSettings
from degrade.noise.mining import NoiseSettings
from degrade.pairs import PairSettings
from degrade.store.contents import Sources
from degrade.store.reader import open_store
from pipelines.stages import check as stage
from pipelines.stages.build_pairs import build_pairs
from pipelines.stages.check import check_photos
from pipelines.stages.estimate_kernels import estimate_kernels
from pipelines.stages.mine_noise import mine_noise
from tests.cli.answers import one_object, refusal
from tests.conftest import Command
from tests.photos import contents, make_photo, write_photos

NOISE = NoiseSettings(patch=16)
PAIRS = PairSettings(scale=2, tile=32, kernels="bicubic", valid=0)


def screenshot() -> np.ndarray:
    page = np.full((160, 200, 3), 230, np.uint8)
    for line in range(20, 150, 24):
        cv2.putText(page, "settings", (10, line), cv2.FONT_HERSHEY_PLAIN, 1, (20, 40, 40))
    return page


def blurred(photo: np.ndarray) -> np.ndarray:
    return np.asarray(cv2.GaussianBlur(photo, (0, 0), 4))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three sharp photos, a blurred one and a screenshot."""
    folder = write_photos(tmp_path / "photos", 3, 160, 200)
    write_png(folder / "blurred.png", blurred(make_photo(9, 160, 200)))
    write_png(folder / "screenshot.png", screenshot())
    return folder


@pytest.fixture
def look(tmp_path: Path, folder: Path, client: Client) -> Callable[..., Sources]:
    def call(**options: Any) -> Sources:
        check_photos(str(tmp_path / "s"), client, **{"source": folder, **options})
        return open_store(tmp_path / "s").sources()

    return call


def used(sources: Sources) -> list[str]:
    return [str(path) for path in sources.path[sources.usable("source")]]


SHARP = [f"photo {n}.png" for n in range(3)]


def test_the_scores_of_every_decoded_photo_are_columns(
    look: Callable[..., Sources], folder: Path
) -> None:
    (folder / "torn.png").write_bytes(b"\x89PNG")
    sources = look()
    assert list(sources.scores) == list(SCORES)
    rows = {
        str(path): rounded({name: column[row] for name, column in sources.scores.items()})
        for row, path in enumerate(sources.path)
    }
    assert rows["photo 0.png"] == scores_of(make_photo(0, 160, 200))
    assert rows["screenshot.png"]["flat"] > 0.7, "what is left out by its scores has them, too"
    assert all(np.isnan(value) for value in rows["torn.png"].values())


def test_limits_are_obeyed_and_remembered(look: Callable[..., Sources]) -> None:
    assert used(look()) == ["blurred.png", *SHARP]
    sources = look(keep="sharpness>.2 and flat<.7")
    assert used(sources) == SHARP and sources.selection.keep == "sharpness > 0.2 and flat < 0.7"
    reasons = dict(zip(map(str, sources.path), map(str, sources.reason), strict=True))
    sharpness = scores_of(blurred(make_photo(9, 160, 200)))["sharpness"]
    assert reasons["blurred.png"] == (
        f"is left out by its scores (sharpness {sharpness:g}, not > 0.2)"
    )
    assert used(look()) == SHARP, "without an option the store's limits hold"


def test_other_limits_decode_nothing_again(
    look: Callable[..., Sources], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    look()
    first = contents(tmp_path / "s")
    monkeypatch.setattr(stage, "inspect_file", None)
    look(keep="sharpness > 0.2")
    assert len(used(look(keep=""))) == 5
    look(keep=KEEP)
    assert contents(tmp_path / "s") == first


def test_each_domain_has_limits_of_its_own(
    look: Callable[..., Sources], tmp_path: Path, folder: Path
) -> None:
    clean = tmp_path / "clean"
    shutil.copytree(folder, clean)
    both = look(target=clean)
    assert len(both.usable("target")) == 5 and len(both.usable("source")) == 4
    both = look(target=clean, keep_target="sharpness > 0.2 and flat < 0.5")
    assert len(both.usable("target")) == 3 and len(both.usable("source")) == 4


def test_what_is_left_out_is_no_near_duplicate(look: Callable[..., Sources], folder: Path) -> None:
    """The largest of a group may be the worst of it."""
    large = cv2.resize(make_photo(0, 160, 200), None, fx=4, fy=4, interpolation=cv2.INTER_CUBIC)
    write_png(folder / "enlarged.png", large)
    assert "photo 0.png" not in used(look(near_duplicates="one"))
    kept = look(near_duplicates="one", keep="resolution > 0.5")
    assert "photo 0.png" in used(kept) and "enlarged.png" not in used(kept)


def test_every_later_stage_obeys(
    look: Callable[..., Sources], tmp_path: Path, client: Client
) -> None:
    store, sources = str(tmp_path / "s"), look(keep="sharpness > 0.2")
    estimate_kernels(store, client, SpectralSettings(scale=2))
    mine_noise(store, client, NOISE)
    build_pairs(store, client, PAIRS)
    made, rows = open_store(store), set(sources.usable("source").tolist())
    assert set(made.kernels(2).source.tolist()) == rows
    assert set(made.noise().source.tolist()) <= rows
    assert set(made.pairs(2).source.tolist()) == rows
    with pytest.raises(StoreError, match=r"2 photos changed .* pass --overwrite"):
        look(keep=KEEP)
    assert "blurred.png" in used(look(keep=KEEP, overwrite=True))


def test_a_screenshot_serves_no_stage_unless_asked(
    look: Callable[..., Sources], tmp_path: Path, client: Client
) -> None:
    store, sources = str(tmp_path / "s"), look()
    row = sources.path.tolist().index("screenshot.png")
    assert "flat" in str(sources.reason[row])
    build_pairs(store, client, PAIRS)
    assert row not in open_store(store).pairs(2).source
    row = look(keep="", overwrite=True).path.tolist().index("screenshot.png")
    build_pairs(store, client, PAIRS, overwrite=True)
    estimate_kernels(store, client, SpectralSettings(scale=2))
    made = open_store(store)
    assert row in made.pairs(2).source
    assert not made.kernels(2).accepted[made.kernels(2).source == row].any()


def test_tiles_have_scores_too(
    look: Callable[..., Sources], tmp_path: Path, client: Client
) -> None:
    look()
    build_pairs(str(tmp_path / "s"), client, PAIRS)
    pairs = open_store(tmp_path / "s").pairs(2)
    assert list(pairs.scores) == list(SCORES)
    for row in (0, len(pairs.source) - 1):
        its = rounded({name: column[row] for name, column in pairs.scores.items()})
        assert its == scores_of(pairs.hr.tile(row), most=OF_TILE)


def as_of_an_earlier_version(store: Path) -> None:
    """Take the scores, and what goes with them, out of a store."""
    group = zarr.open_group(str(store), path="sources")
    for name in SCORES:
        del group[name]
    metadata = store / "sources" / "zarr.json"
    plain = json.loads(metadata.read_text())
    for name in ("keep", "keep_target"):
        del plain["attributes"][name]
    metadata.write_text(json.dumps(plain))


def test_older_stores_open_and_are_not_judged_unasked(
    look: Callable[..., Sources], tmp_path: Path, client: Client
) -> None:
    look(keep="")
    mine_noise(str(tmp_path / "s"), client, NOISE)
    as_of_an_earlier_version(tmp_path / "s")
    old = open_store(tmp_path / "s").sources()
    assert old.scores == {} and old.selection.keep == ""
    before = contents(tmp_path / "s")
    assert len(used(look())) == 5 and len(used(look(keep=KEEP))) == 5
    assert contents(tmp_path / "s") == before
    with pytest.raises(
        StoreError, match=r"blurred\.png: has no scores yet, which --keep needs; pass"
    ):
        look(keep="sharpness > 0.2")
    assert used(look(keep="sharpness > 0.2", overwrite=True)) == [*SHARP, "screenshot.png"]


def test_an_older_check_alone_is_made_anew(look: Callable[..., Sources], tmp_path: Path) -> None:
    look(keep="")
    as_of_an_earlier_version(tmp_path / "s")
    assert list(look().scores) == list(SCORES)


def test_the_command_reports(degrade: Command, folder: Path) -> None:
    reported = degrade("check", folder, "--keep", "sharpness>0.2")
    assert "scores of 5 source photos:" in reported.out
    lines = reported.out.splitlines()
    assert all(any(line.startswith(f"  {name} ") for line in lines) for name in SCORES)
    assert "refused blurred.png: is left out by its scores (sharpness 0" in reported.out
    assert "stands out screenshot.png: a screenshot, drawing or text" in reported.out
    answer = one_object(degrade("check", "--json"))
    assert ["source", "screenshot.png"] in [one[:2] for one in answer["outliers"]]
    table = answer["scores"]["source"]
    assert set(table) == {"path", *SCORES} and len(table["path"]) == 5
    assert dict(answer["refused"])["blurred.png"].startswith("is left out by its scores")


def test_a_wrong_expression_is_one_line(degrade: Command, folder: Path) -> None:
    said = refusal(degrade("check", folder, "--keep", "sharp>1"))
    assert "keep: 'sharp' is no score; known are sharpness, blockiness" in said
    assert not Path("degrade.zarr").exists()


def test_the_function_refuses_it_too(look: Callable[..., Sources]) -> None:
    with pytest.raises(SettingsError, match="'x' is no score; known are"):
        look(keep="x > 1")
