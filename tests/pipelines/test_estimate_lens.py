"""From photos through a lens to the store's lens, and to pairs made with it."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from distributed import Client
from pydantic import ValidationError

from degrade.degradation import degrade as degrade_by_kernel
from degrade.degradation import to_uint8
from degrade.errors import NothingToDo, SettingsError, StoreError
from degrade.images.decode import read_image
from degrade.images.write import write_png
from degrade.kernels.estimator_settings import SpectralSettings
from degrade.kernels.lens import degrade_by_lens
from degrade.kernels.lens_settings import FEWEST_PHOTOS, LensSettings
from degrade.pairs import PairSettings
from degrade.store.reader import open_store
from degrade.store.schema import BY_LENS
from pipelines.execution.cluster import connect
from pipelines.stages import estimate_lens as stage
from pipelines.stages.build_pairs import build_pairs, rebuild_pairs
from pipelines.stages.check import check_photos
from pipelines.stages.estimate_kernels import estimate_kernels
from pipelines.stages.estimate_lens import estimate_lens
from sr_train.data.training_data import served
from sr_train.settings.psnr import PsnrSettings
from tests.cli.answers import one_object, refusal
from tests.conftest import Command
from tests.photos import contents
from tests.simulated_lens import write_photos

pytestmark = pytest.mark.usefixtures("lens_photos_measured_once")

PHOTOS = FEWEST_PHOTOS
SETTINGS = LensSettings(scale=2)
PAIRS = PairSettings(scale=2, tile=64, cleanup=1, kernels="lens", valid=0.2)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_photos(tmp_path_factory.mktemp("lens") / "photos", PHOTOS, even=False)


@pytest.fixture(scope="module")
def estimated(folder: Path, client: Client) -> Path:
    """A store with kernels."""
    location = folder.parent / "estimated"
    check_photos(str(location), client, source=folder)
    estimate_kernels(str(location), client, SpectralSettings(scale=2))
    return location


@pytest.fixture(scope="module")
def whole(estimated: Path, client: Client) -> Path:
    """A store with a lens, whose photos were looked at one task after the other, and pairs."""
    location = estimated.parent / "whole"
    shutil.copytree(estimated, location)
    estimate_lens(str(location), client, SETTINGS)
    build_pairs(str(location), client, PAIRS)
    return location


@pytest.fixture
def copied(whole: Path, tmp_path: Path) -> Iterator[str]:
    shutil.copytree(whole, tmp_path / "degrade.zarr")
    yield str(tmp_path / "degrade.zarr")


def test_the_store_holds_the_lens_and_what_speaks_for_it(whole: Path) -> None:
    store = open_store(whole)
    lens, said = store.lens(2), store.recorded("lens/x2")
    assert lens.weights.shape == (4, 3, 16, 16) and lens.weights.dtype == np.float32
    assert lens.radii.tolist() == pytest.approx([0, 1 / 3, 2 / 3, 1])
    assert said["complete"] and said["photos"] == PHOTOS and said["refused"] == []
    assert set(said["inputs"]) == {"photos", "kernels"}
    assert {name for name, test in said["tests"].items() if test["supported"]} == {
        "place",
        "colour",
        "red",
        "blue",
    }


def test_workers_and_a_stop_change_no_byte(
    estimated: Path, whole: Path, tmp_path: Path, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    by_two, stopped = tmp_path / "two", tmp_path / "stopped"
    for place in (by_two, stopped):
        shutil.copytree(estimated, place)
    with connect(2) as two_workers:
        estimate_lens(str(by_two), two_workers, SETTINGS)
        build_pairs(str(by_two), two_workers, PAIRS)
    assert contents(by_two) == contents(whole)

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(stage, "fit_lens", stop)
        with pytest.raises(KeyboardInterrupt):
            estimate_lens(str(stopped), client, SETTINGS)
    with pytest.raises(StoreError, match="lens/x2 is unfinished; run `degrade estimate-lens"):
        open_store(stopped).lens(2)
    monkeypatch.setattr(stage, "lens_evidence", stop)  # what the photos showed is known
    estimate_lens(str(stopped), client, SETTINGS)
    build_pairs(str(stopped), client, PAIRS)
    assert contents(stopped) == contents(whole)


def test_pairs_are_cut_from_the_lr_of_the_whole_photo(whole: Path, folder: Path) -> None:
    store = open_store(whole)
    pairs, lens, paths = store.pairs(2), store.lens(2), store.sources().path
    assert (pairs.kernel == BY_LENS).all()
    for row in range(0, len(pairs.source), 7):
        hr = read_image(folder / str(paths[pairs.source[row]]))
        lr = to_uint8(degrade_by_lens(hr, lens, 2))
        top, left = pairs.row[row] // 2, pairs.col[row] // 2
        assert (pairs.lr.tile(row) == lr[top : top + 32, left : left + 32]).all()


def test_chunks_of_pairs_are_made_again_the_same(copied: str, whole: Path, client: Client) -> None:
    (chunk,) = (Path(copied) / "pairs/x2/lr/c").glob("0/0/0/0")
    chunk.write_bytes(bytes(len(chunk.read_bytes())))
    rebuild_pairs(open_store(copied), client, "pairs/x2", [0])
    assert contents(Path(copied)) == contents(whole)


def test_without_variation_pairs_have_the_one_kernel(tmp_path: Path, client: Client) -> None:
    photos = write_photos(tmp_path / "photos", FEWEST_PHOTOS, even=True)
    location = str(tmp_path / "store")
    check_photos(location, client, source=photos)
    estimate_kernels(location, client, SpectralSettings(scale=2))
    report = estimate_lens(location, client, SETTINGS)
    assert report.verdict.startswith("one kernel, no colour shifted (believed with p below 0.01")
    assert not report.by_place and not report.by_colour and report.shift == (0, 0)
    build_pairs(location, client, PAIRS)
    store = open_store(location)
    pairs, kernel = store.pairs(2), store.lens(2).weights[0, 0]
    hr = read_image(photos / str(store.sources().path[pairs.source[0]]))
    expected = to_uint8(degrade_by_kernel(hr, kernel, 2))
    assert (pairs.lr.tile(0) == expected[:32, :32]).all()


def test_a_lens_of_other_kernels_is_refused(
    copied: str, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    estimate_kernels(copied, client, SpectralSettings(scale=2, pool="none"), overwrite=True)
    again = "lens/x2: was made from other kernels than the store holds now; run its command again"
    with pytest.raises(StoreError, match=again):
        build_pairs(copied, client, PAIRS)
    with pytest.raises(StoreError, match="lens/x2: was made with other kernels than now; pass"):
        estimate_lens(copied, client, SETTINGS)

    def look(*_: object) -> None:
        raise AssertionError("what the photos showed is known")

    monkeypatch.setattr(stage, "lens_evidence", look)
    estimate_lens(copied, client, SETTINGS, overwrite=True)
    build_pairs(copied, client, PAIRS, overwrite=True)


def test_training_takes_the_stored_lr_alone(whole: Path) -> None:
    fields = {"crop": 32, "batch": 2, "noise": False}
    data = served(open_store(whole), 2, PsnrSettings(**fields, degradation="stored"))
    assert len(data.train)
    with pytest.raises(SettingsError, match="has a lens's kernel of each place, crops on the fly"):
        served(open_store(whole), 2, PsnrSettings(**fields, degradation="on-the-fly"))


def test_a_lens_goes_with_no_camera_and_no_jitter() -> None:
    with pytest.raises(ValidationError, match="kernels lens needs degradation linear"):
        PairSettings(scale=2, tile=64, kernels="lens", degradation="camera")
    with pytest.raises(ValidationError, match="kernel_jitter needs degradation linear and kernels"):
        PairSettings(scale=2, tile=64, kernels="lens", kernel_jitter=True)


def test_few_photos_and_cut_ones_are_named(folder: Path, tmp_path: Path, client: Client) -> None:
    photos, location = tmp_path / "photos", str(tmp_path / "store")
    shutil.copytree(folder, photos)
    for name in ("00.png", "01.png"):
        write_png(photos / name, read_image(photos / name)[:280])
    check_photos(location, client, source=photos)
    estimate_kernels(location, client, SpectralSettings(scale=2))
    few = (
        rf"^{PHOTOS - 2} photos tell of the lens, 2 were left out \(00.png: 384x280 is not the "
        rf"usual 384x288: cut or resized\); give {FEWEST_PHOTOS} or more whole photos of one "
        "camera, or build pairs with --kernels estimated$"
    )
    with pytest.raises(NothingToDo, match=few):
        estimate_lens(location, client, SETTINGS)
    assert "lens/x2" not in open_store(location).stages()


def test_the_command_shows_figures_and_a_picture(degrade: Command, copied: str) -> None:
    shown = degrade("estimate-lens", "--scale", 2, "--picture", "lens.png")
    assert shown.code == 0, shown.err
    lines = shown.out.splitlines()
    head = f"lens x2 from {PHOTOS} photos: kernels differ by place and by colour, red and blue "
    assert lines[0].startswith(head + "shifted")
    assert lines[1].split() == ["radius", "red", "green", "blue", "sigma,", "photo", "pixels"]
    assert lines[5].split()[0] == "1.00" and lines[6].startswith("by place: F ")
    assert read_image(Path("lens.png")).shape[2] == 3
    answer = one_object(degrade("estimate-lens", "--scale", 2, "--json"))
    assert answer["by_place"] and len(answer["sigma"]) == 4 and answer["shift"][0] > 0.4
    assert "  lens/x2: radii [4], shift [2]" in degrade("info").out


def test_the_command_names_what_is_missing(degrade: Command, folder: Path, estimated: Path) -> None:
    assert "run `degrade estimate-kernels --scale 2` first" in refusal(
        degrade("estimate-lens", folder, "--scale", 2)
    )
    shutil.rmtree("degrade.zarr")
    shutil.copytree(estimated, "degrade.zarr")
    said = refusal(degrade("build-pairs", "--scale", 2, "--tile", 64, "--kernels", "lens"))
    assert "has no lens/x2; run `degrade estimate-lens --scale 2` first" in said
    said = refusal(degrade("estimate-lens", "--scale", 2, "--only", "A Phone"))
    assert said.startswith("--only A Phone: no photos are of that camera or in that subfolder")
