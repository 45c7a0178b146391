"""`degrade fidelity` from the command line: its table, its reasons and its refusals."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import zarr
from distributed import Client

from degrade.cli.fidelity import _text
from degrade.fidelity.classifier_settings import FidelitySettings
from degrade.kernels.matfile import write_mat
from degrade.kernels.parametric import gaussian_kernel
from degrade.noise.mining import NoiseSettings
from degrade.pairs import PairSettings
from degrade.store.reader import open_store
from pipelines.stages.build_pairs import build_pairs
from pipelines.stages.check import check_photos
from pipelines.stages.exchange_kernels import import_kernels
from pipelines.stages.fidelity import CONTROL, FidelityReport, Score, fidelity
from pipelines.stages.mine_noise import mine_noise
from pipelines.synthetic_lr import LrKind
from tests.cli.answers import one_object, refusal
from tests.conftest import Command
from tests.photos import write_photos

FAST = ("--scale", 2, "--splits", 1, "--steps", 2, "--patches", 16, "--json")


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory, client: Client) -> Path:
    """A store of six photos with noise, an imported kernel, and pairs; tests take a copy of it."""
    base = tmp_path_factory.mktemp("fidelity")
    store, mats = str(base / "degrade.zarr"), base / "mats" / "photo 0"
    check_photos(store, client, source=write_photos(base / "photos", 6))
    mine_noise(store, client, NoiseSettings(patch=32, stride=16))
    mats.mkdir(parents=True)
    write_mat(mats / "photo 0_kernel_x2.mat", gaussian_kernel((1.5, 1.2), 0.3, 16), 2)
    import_kernels(store, mats.parent, 2)
    build_pairs(store, client, PairSettings(scale=2, tile=64, cleanup=1))
    return Path(store)


@pytest.fixture
def store(prepared: Path, tmp_path: Path) -> str:
    return str(shutil.copytree(prepared, tmp_path / "degrade.zarr"))


def test_all_columns_and_reasons_are_reported(degrade: Command, store: str) -> None:
    models = ("--noise-model", "patch", "--noise-model", "synthesised")
    found = one_object(degrade("fidelity", *FAST, *models))
    assert [score["column"] for score in found["scores"]] == [
        "real against real",
        "bicubic",
        "kernels",
        "bicubic and patch noise",
        "kernels and patch noise",
        "bicubic and synthesised noise",
        "kernels and synthesised noise",
    ]
    assert all(0 <= score["auc"] <= 1 for score in found["scores"])
    assert all(score["distance"] is None for score in found["scores"]), "of LR tiles of 32 pixels"
    assert found["differences"][0]["name"] in found["finding"]
    assert all(score["gain"] is None for score in found["scores"]), "without cameras"
    assert open_store(store).noise().sensor.curve.shape == (3, 16)


def test_chosen_columns_are_judged_as_among_all(store: str, client: Client) -> None:
    settings = FidelitySettings(scale=2, splits=1, steps=2, patches=16)
    every = fidelity(store, client, settings).scores
    chosen = fidelity(store, client, settings, columns=[LrKind(True, "patch")]).scores
    assert [score.column for score in chosen] == [CONTROL, "kernels and patch noise"]
    assert set(chosen) < set(every)


def test_a_search_of_cameras_that_was_stopped_is_none(store: str, client: Client) -> None:
    begun = zarr.open_group(store, mode="a").create_group("camera")
    begun.attrs.update({"stage": "estimate-camera", "complete": False})
    settings = FidelitySettings(scale=2, splits=1, steps=2, patches=16)
    scores = fidelity(store, client, settings, columns=[LrKind(False, None)]).scores
    assert [score.gain for score in scores] == [None, None]


def test_the_table_says_what_a_missing_figure_is() -> None:
    one = Score("kernels", 0.6, 0.0, (0.6,), 1.234, 0.5)
    with_all = FidelityReport(6, 16, (one,), "kernels", (), "A finding.")
    assert "1.23  +0.50  0.600" in _text(with_all) and "-:" not in _text(with_all)
    without = replace(with_all, scores=(one, replace(one, distance=None)))
    assert "-: LR tiles, or all but a few photos, are smaller than 48 pixels" in _text(without)
    without = replace(with_all, scores=(replace(one, gain=None),))
    assert "-: no cameras were found; run `degrade estimate-camera`" in _text(without)


def test_tiles_that_are_large_enough_have_a_distance_from_the_photos(
    degrade: Command, store: str
) -> None:
    """Noise patches may be smaller than they are."""
    assert (
        degrade("build-pairs", "--scale", 2, "--tile", 96, "--cleanup", 1, "--overwrite").code == 0
    )
    found = one_object(degrade("fidelity", *FAST))
    far = {score["column"]: score["distance"] for score in found["scores"]}
    assert far["real against real"] < min(far["bicubic"], far["kernels"])


@pytest.mark.slow
def test_two_workers_find_the_same(degrade: Command, store: str) -> None:
    found = one_object(degrade("fidelity", *FAST))
    assert one_object(degrade("fidelity", *FAST, "--workers", 2)) == found
    text = degrade("fidelity", *FAST[:-1])
    assert text.code == 0 and "kernels and patch noise" in text.out and "follows" in text.out


def test_what_is_missing_is_one_line(degrade: Command, tmp_path: Path) -> None:
    photos = write_photos(tmp_path / "photos", 3)
    assert degrade("check", photos).code == 0
    assert "has no pairs/x2; run `degrade build-pairs" in refusal(degrade("fidelity", *FAST[:-1]))
    bicubic = ("--kernels", "bicubic", "--cleanup", 1)
    assert degrade("build-pairs", "--scale", 2, "--tile", 64, *bicubic).code == 0
    said = refusal(degrade("fidelity", *FAST[:-1]))
    assert "3 source photos have x2 pairs, too few to train on some and judge on others" in said
    write_photos(tmp_path / "photos", 6)
    assert degrade("check", photos, "--overwrite").code == 0
    again = ("--scale", 2, "--tile", 32, *bicubic, "--overwrite")
    assert degrade("build-pairs", *again).code == 0
    assert "has no noise; run `degrade mine-noise` first" in refusal(
        degrade("fidelity", *FAST[:-1])
    )


@pytest.mark.parametrize("model", ["scaled", "synthesised"])
def test_baked_noise_follows_the_model(degrade: Command, tmp_path: Path, model: str) -> None:
    photos = write_photos(tmp_path / "photos", 2)
    mined = ("--patch", 32, "--stride", 16)
    made = []
    for store, more in (("a", ()), ("b", ("--noise-model", model))):
        where = ("--store", tmp_path / store)
        assert degrade("mine-noise", photos, *mined, *where).code == 0
        common = ("--scale", 2, "--tile", 32, "--kernels", "bicubic", "--bake-noise", *where)
        assert degrade("build-pairs", *common, *more).code == 0
        made.append(open_store(tmp_path / store).pairs(2))
    assert (made[0].lr.tile(0) != made[1].lr.tile(0)).any()
    assert (made[0].hr.tile(0) == made[1].hr.tile(0)).all()
    assert (made[1].noise == -2).all() if model == "synthesised" else (made[1].noise >= 0).all()
    alone = ("--scale", 2, "--noise-model", model, "--store", tmp_path / "a")
    assert "needs bake_noise here" in refusal(degrade("build-pairs", *alone))


def test_a_bank_without_a_sensor_says_so_and_is_mined_again(
    degrade: Command, tmp_path: Path
) -> None:
    """Banks of earlier versions have patches alone."""
    photos, mined = write_photos(tmp_path / "photos", 2), ("--patch", 32, "--stride", 16)
    assert degrade("mine-noise", photos, *mined).code == 0
    noise = tmp_path / "degrade.zarr" / "noise"
    for name in ("curve", "autocorrelation", "channels"):
        shutil.rmtree(noise / name)
    assert "has no variance curve" in refusal(degrade("mine-noise", *mined))
    assert degrade("mine-noise", *mined, "--overwrite").code == 0
    assert (noise / "curve").is_dir()


def test_clean_target_photos_are_compared_with_the_photos(
    degrade: Command, store: str, tmp_path: Path
) -> None:
    said = refusal(degrade("fidelity", *FAST, "--pairs", "target"))
    assert said.endswith(
        "has no target photos; give some to `degrade check` (--target) and build their pairs, or "
        "compare --pairs source"
    )
    clean = write_photos(tmp_path / "clean", 7, 136, 176)
    again = ("--scale", 2, "--tile", 64, "--cleanup", 1, "--target", clean, "--overwrite")
    assert degrade("build-pairs", *again).code == 0
    ours, theirs = (
        one_object(degrade("fidelity", *FAST, "--pairs", domain)) for domain in ("source", "target")
    )
    assert ours["photos"] == theirs["photos"] == 6, "as many of each, the fewer"
    assert ours["differences"] != theirs["differences"]
    assert [s["column"] for s in ours["scores"]] == [s["column"] for s in theirs["scores"]]
