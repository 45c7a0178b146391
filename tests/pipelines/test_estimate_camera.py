"""Cameras from a folder of photos to pairs, training and files; with a search that is short."""

import html
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from distributed import Client
from PIL import Image as Pillow

from degrade.camera import fit
from degrade.camera.camera_samples import taken_tile
from degrade.camera.parameters import PARAMETERS
from degrade.camera.search_settings import CameraSettings
from degrade.errors import NothingToDo, SettingsError, StoreError
from degrade.images.decode import read_image
from degrade.pairs import PairSettings
from degrade.store.reader import open_store
from degrade.store.schema import BY_CAMERA, CAMERA
from pipelines import camera_report
from pipelines.pair_plan import camera_draw
from pipelines.photos.reading import usable_photos
from pipelines.report.page import write_report
from pipelines.stages import estimate_camera as stage
from pipelines.stages.build_pairs import build_pairs
from pipelines.stages.check import check_photos
from pipelines.stages.estimate_camera import estimate_camera
from pipelines.stages.exchange_camera import export_camera, import_camera, read_camera
from pipelines.stages.train import train_method
from pipelines.stages.verify import verify
from sr_train.settings.psnr import PsnrSettings
from tests.cli.answers import one_object, refusal
from tests.conftest import Command
from tests.photos import contents, make_photo, write_photos
from tests.short_search import shorten

PAIRS = PairSettings(scale=2, tile=64, degradation="camera")


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    shorten(monkeypatch)


@pytest.fixture(scope="module")
def jpegs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six photos, compressed at two qualities."""
    folder = tmp_path_factory.mktemp("jpegs")
    for index in range(6):
        quality = 90 if index < 4 else 80
        Pillow.fromarray(make_photo(index)).save(folder / f"{index}.jpg", quality=quality)
    return folder


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three other pictures."""
    folder = tmp_path_factory.mktemp("clean")
    for index in range(3):
        Pillow.fromarray(make_photo(90 + index, 200, 220)).save(folder / f"{index}.png")
    return folder


@pytest.fixture(scope="module")
def found(
    tmp_path_factory: pytest.TempPathFactory, jpegs: Path, clean: Path, client: Client
) -> Path:
    """A store with cameras that were found; tests take a copy of it."""
    place = tmp_path_factory.mktemp("found") / "s.zarr"
    check_photos(str(place), client, source=jpegs, target=clean)
    with pytest.MonkeyPatch.context() as patch:
        shorten(patch)
        estimate_camera(str(place), client, CameraSettings())
    return place


@pytest.fixture
def store(tmp_path: Path, found: Path) -> str:
    return str(shutil.copytree(found, tmp_path / "s.zarr"))


def test_the_report_shows_each_parameter_and_photos_beside_simulated_ones(
    store: str, tmp_path: Path
) -> None:
    page = tmp_path / "report.html"
    write_report(store, page, tmp_path / "runs")
    shown = page.read_text(encoding="utf-8").split('id="camera"')[1].split("</section>")[0]
    for name, parameter in PARAMETERS.items():
        assert f"<code>{name}</code>" in shown
        assert parameter.meaning in html.unescape(shown)
    assert shown.count("data:image/webp") == 2
    assert "6 JPEG files, compressed in 2 ways" in shown


def test_cameras_of_files_from_before_a_parameter_do_without_its_step(
    store: str, tmp_path: Path
) -> None:
    file = tmp_path / "camera.json"
    export_camera(open_store(store), file)
    data = json.loads(file.read_text())
    for camera in data["cameras"]:
        del camera["smooth_luma"], camera["smooth_chroma"]
    file.write_text(json.dumps(data))
    cameras = read_camera(file).cameras
    assert (cameras["smooth_luma"] == 0).all() and np.allclose(cameras["smooth_chroma"], 0.2)
    assert np.array_equal(cameras["blur"], open_store(store).camera().cameras["blur"])
    del data["cameras"][0]["blur"]
    file.write_text(json.dumps(data))
    with pytest.raises(SettingsError, match="holds no cameras"):
        read_camera(file)


def test_the_store_holds_likely_cameras_and_how_files_are_compressed(store: str) -> None:
    bank = open_store(store).camera()
    assert bank.cameras.values.shape == (fit.CAMERAS, len(PARAMETERS))
    for name, parameter in PARAMETERS.items():
        assert (bank.cameras[name] >= np.float32(parameter.low)).all()
        assert (bank.cameras[name] <= np.float32(parameter.high)).all()
    assert [lossy.subsampling for lossy in bank.lossy] == ["4:2:0", "4:2:0"]
    assert bank.frequency.tolist() == pytest.approx([4 / 6, 2 / 6])
    assert bank.lossy[0].tables.mean() < bank.lossy[1].tables.mean()
    assert bank.scenes == "target"


def test_any_number_of_workers_and_a_kill_give_the_same_bytes(
    tmp_path: Path,
    jpegs: Path,
    clean: Path,
    found: Path,
    two_workers: Client,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    other = str(tmp_path / "other.zarr")
    check_photos(other, two_workers, source=jpegs, target=clean)
    with monkeypatch.context() as patched:
        patched.setattr(stage, "write_bank", _killed)
        with pytest.raises(KeyboardInterrupt):
            estimate_camera(other, two_workers, CameraSettings())
    assert not open_store(other).stages()[CAMERA]["complete"]
    estimate_camera(other, two_workers, CameraSettings())
    left, right = (contents(Path(place, CAMERA)) for place in (found, other))
    assert left == right


def _killed(*_: object) -> None:
    raise KeyboardInterrupt


def test_pairs_are_photos_by_the_cameras_and_know_which(store: str, client: Client) -> None:
    report = build_pairs(store, client, PAIRS)
    opened = open_store(store)
    pairs, bank = opened.pairs(2), opened.camera()
    assert report.photos == 3, "clean photos alone"
    assert set(pairs.domain) == {"target"}
    assert set(pairs.kernel.tolist()) == set(pairs.noise.tolist()) == {BY_CAMERA}
    assert pairs.camera is not None and pairs.phase is not None and pairs.bayer is not None
    assert pairs.camera.max() < len(bank.cameras) and len(set(pairs.camera.tolist())) > 3
    assert pairs.phase.shape == (len(pairs.hr), 2) and pairs.bayer.max() == 1
    photos = {photo.row: photo for photo in usable_photos(opened.sources(), "target")}
    for index in (0, len(pairs.hr) - 1):
        photo = photos[int(pairs.source[index])]
        place = (int(pairs.row[index]), int(pairs.col[index]))
        rng = camera_draw(PAIRS, photo, *place)
        hr, lr = taken_tile(np.asarray(photo.read(), np.uint8), place, 64, 2, bank, rng)
        assert np.array_equal(hr, pairs.hr.tile(index))
        assert np.array_equal(lr, pairs.lr.tile(index))


def test_fidelity_judges_what_cameras_took(
    degrade: Command, tmp_path: Path, jpegs: Path, client: Client
) -> None:
    location, more = str(tmp_path / "s.zarr"), tmp_path / "more"
    more.mkdir()
    for index in range(6):
        Pillow.fromarray(make_photo(70 + index)).save(more / f"{index}.png")
    check_photos(location, client, source=jpegs, target=more)
    estimate_camera(location, client, CameraSettings())
    build_pairs(location, client, PairSettings(scale=2, tile=96, degradation="camera"))
    asked = ("fidelity", "--store", location, "--scale", 2, "--pairs", "target")
    found = one_object(degrade(*asked, "--steps", 5, "--splits", 1, "--patches", 8, "--json"))
    columns = ["real against real", "bicubic", "cameras"]
    assert [score["column"] for score in found["scores"]] == columns
    of_photos, of_bicubic, of_cameras = (score["gain"] for score in found["scores"])
    assert of_photos is None and of_cameras > max(0, of_bicubic), "judged by the very cameras"
    assert found["compared"] == "cameras"


def test_damaged_pairs_are_taken_again_to_the_same_bytes(store: str, client: Client) -> None:
    build_pairs(store, client, PAIRS)
    before = contents(Path(store))
    chunk = Path(store) / "pairs/x2/lr/c/0/0/0/0"
    chunk.write_bytes(bytes(len(chunk.read_bytes())))
    assert verify(store, client, repair=True).repaired == ("pairs/x2/lr/c/0/0/0/0",)
    assert contents(Path(store)) == before


def test_linear_pairs_say_nothing_of_cameras(store: str, client: Client) -> None:
    settings = PairSettings(scale=2, tile=64, kernels="bicubic")
    build_pairs(store, client, settings)
    group = open_store(store).stages()["pairs/x2"]
    assert "degradation" not in group["parameters"]
    assert "camera" not in group["arrays"]
    assert open_store(store).pairs(2).camera is None


def test_without_clean_photos_the_photos_are_reduced(
    tmp_path: Path, jpegs: Path, client: Client
) -> None:
    location = str(tmp_path / "own.zarr")
    check_photos(location, client, source=jpegs)
    assert estimate_camera(location, client, CameraSettings()).scenes == "source"
    build_pairs(location, client, PairSettings(scale=2, tile=32, degradation="camera"))
    assert set(open_store(location).pairs(2).domain) == {"source"}


def test_training_takes_lr_on_the_fly_and_needs_no_noise_bank(
    store: str, client: Client, tmp_path: Path
) -> None:
    build_pairs(store, client, PAIRS)
    weights = {}
    for degradation in ("auto", "on-the-fly", "stored"):
        settings = PsnrSettings.model_validate(
            {
                "network": {"features": 4, "blocks": 1, "growth": 4},
                "crop": 32,
                "batch": 4,
                "degradation": degradation,
                "psnr": {"steps": 3, "milestones": []},
                "device": "cpu",
                "threads": 1,
            }
        )
        run = tmp_path / degradation
        train_method(store, "psnr", settings, run, scale=2)
        weights[degradation] = (run / "weights.safetensors").stat().st_size
    assert len(set(weights.values())) <= 2


def test_too_few_photos_are_refused_in_one_line(
    degrade: Command, tmp_path: Path, jpegs: Path
) -> None:
    few = tmp_path / "few"
    few.mkdir()
    for index in range(3):
        (few / f"{index}.jpg").write_bytes((jpegs / f"{index}.jpg").read_bytes())
    Pillow.fromarray(make_photo(0)).convert("L").save(few / "gray.jpg")
    Pillow.fromarray(make_photo(1)[:40]).save(few / "low.png")
    said = refusal(degrade("estimate-camera", few))
    assert "3 photos to tell a camera from" in said
    assert "give 5 or more in colour, or build pairs with --degradation linear" in said
    said = refusal(degrade("build-pairs", "--degradation", "camera", "--scale", 2, "--tile", 32))
    assert "has no camera; run `degrade estimate-camera` first" in said


def test_gray_and_small_photos_are_named(tmp_path: Path, jpegs: Path, client: Client) -> None:
    folder = tmp_path / "mixed"
    folder.mkdir()
    for path in jpegs.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    Pillow.fromarray(make_photo(7)).convert("L").save(folder / "gray.jpg")
    Pillow.fromarray(make_photo(8)[:40]).save(folder / "low.png")
    location = str(tmp_path / "s.zarr")
    check_photos(location, client, source=folder)
    report = estimate_camera(location, client, CameraSettings())
    assert report.photos == 6
    assert dict(report.refused) == {
        "gray.jpg": "has no colour, which shows nothing of a mosaic",
        "low.png": "160x40 has a side of less than 48 pixels",
    }


def test_photos_that_are_no_jpegs(tmp_path: Path, client: Client) -> None:
    folder = write_photos(tmp_path / "png", 6)
    location = str(tmp_path / "s.zarr")
    check_photos(location, client, source=folder)
    report = estimate_camera(location, client, CameraSettings())
    assert report.compressions == 0 and "none is simulated (--jpeg QUALITY" in report.compression
    with pytest.raises(StoreError, match="made with jpeg = None, not 85"):
        estimate_camera(location, client, CameraSettings(jpeg=85))
    report = estimate_camera(location, client, CameraSettings(jpeg=85), overwrite=True)
    assert report.compressions == 1 and "quality 85 given" in report.compression


def test_from_the_command_line(
    degrade: Command, tmp_path: Path, jpegs: Path, clean: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(camera_report, "POOR", 1e9)  # a search this short explains nothing
    shown = one_object(degrade("estimate-camera", jpegs, "--json"))
    assert shown["cameras"] == fit.CAMERAS and set(shown["parameters"]) == set(PARAMETERS)
    built = degrade("build-pairs", "--target", clean, "--scale", 2, "--tile", 64)
    assert built.code == 0
    assert "likely cameras, found again on the clean photos" in built.out
    assert open_store(tmp_path / "degrade.zarr").camera().scenes == "target"
    said = degrade("camera", "--picture", "camera.png", "--export", "camera.json")
    assert said.code == 0
    for name, parameter in PARAMETERS.items():
        assert name in said.out and parameter.meaning in said.out
    assert read_image(tmp_path / "camera.png").shape[1] > 500
    bank = open_store(tmp_path / "degrade.zarr").camera()
    read = read_camera(Path("camera.json")).bank
    assert np.allclose(bank.cameras.values, read.cameras.values)
    assert np.array_equal(bank.lossy[0].tables, read.lossy[0].tables)
    assert json.loads(Path("camera.json").read_text())["format"] == "degrade-camera"
    assert np.allclose(bank.frequency, read.frequency)


def test_cameras_of_a_file_photograph_another_stores_pictures(
    degrade: Command, jpegs: Path, clean: Path, found: Path
) -> None:
    """Pairs by imported cameras are those of the store that they were exported from."""
    alike = ("build-pairs", "--scale", 2, "--tile", 64, "--degradation", "camera")
    shutil.copytree(found, "degrade.zarr")
    assert degrade(*alike).code == 0
    assert degrade("camera", "--export", "camera.json").code == 0
    assert degrade("check", jpegs, "--target", clean, "--store", "other.zarr").code == 0
    said = degrade("camera", "--import", "camera.json", "--store", "other.zarr")
    assert said.code == 0 and "as camera.json says" in said.out
    assert degrade(*alike, "--store", "other.zarr").code == 0
    first, second = (open_store(place).pairs(2) for place in ("degrade.zarr", "other.zarr"))
    assert np.array_equal(np.stack(list(first.lr)), np.stack(list(second.lr)))
    assert degrade("camera", "--import", "camera.json").code == 1, "has cameras of its own"
    assert degrade("camera", "--import", "camera.json", "--overwrite").code == 0


FAULTS: dict[str, Callable[[dict[str, Any]], object]] = {
    "of another format": lambda data: data.update(version=2),
    "without cameras": lambda data: data.update(cameras=[]),
    "'blur'": lambda data: data["cameras"][0].pop("blur"),
    "blur is not between": lambda data: data["cameras"][0].update(blur=float("nan")),
    "clamp is not between": lambda data: data["cameras"][0].update(clamp=-1),
    "unknown subsampling": lambda data: data["compressions"][0].update(subsampling="5:5:5"),
    "without steps": lambda data: data["compressions"][0].update(tables=[[1]]),
    "found on no scenes": lambda data: data.update(scenes="elsewhere"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_files_that_hold_no_cameras(store: str, tmp_path: Path, fault: str) -> None:
    path = tmp_path / "camera.json"
    export_camera(open_store(store), path)
    data = json.loads(path.read_text())
    FAULTS[fault](data)
    path.write_text(json.dumps(data))
    with pytest.raises(SettingsError, match=f"holds no cameras .*{fault}"):
        read_camera(path)
    with pytest.raises(SettingsError, match="holds no cameras"):
        read_camera(tmp_path / "nowhere.json")


def test_cameras_that_explain_nothing_are_not_the_default(
    degrade: Command, jpegs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(camera_report, "POOR", 0.0)
    said = degrade("estimate-camera", jpegs)
    assert "no camera of this kind explains the photos" in said.out
    said = refusal(degrade("build-pairs", "--scale", 2, "--tile", 32))
    assert "kernels" in said, "the linear way asks for kernels"


@pytest.mark.parametrize(
    ("kept", "tone", "reason"),
    [
        (1, 0, ""),
        (0, 0, "without any trace of JPEG"),
        (1, 1, "as no camera's tone curve leaves it"),
    ],
)
def test_cameras_are_the_default_where_photos_show_a_processor(
    found: Path, tmp_path: Path, degrade: Command, kept: int, tone: int, reason: str
) -> None:
    store = str(shutil.copytree(found, tmp_path / "copy.zarr"))
    path = tmp_path / "camera.json"
    export_camera(open_store(store), path)
    data = json.loads(path.read_text())
    data["compressions"] = data["compressions"][:kept]
    data["misfit"] = 0.5
    for one in data["cameras"]:
        one["tone"] = tone
    path.write_text(json.dumps(data))
    import_camera(store, path, overwrite=True)
    assert camera_report.best_degradation(store) == ("linear" if reason else "camera")
    said = degrade("camera", "--store", store).out
    assert reason in said
    assert ("uses --degradation linear" in said) == bool(reason)


def test_no_photos_at_all_in_colour(tmp_path: Path, client: Client) -> None:
    folder = tmp_path / "gray"
    folder.mkdir()
    for index in range(6):
        Pillow.fromarray(make_photo(index)).convert("L").save(folder / f"{index}.png")
    location = str(tmp_path / "s.zarr")
    check_photos(location, client, source=folder)
    with pytest.raises(NothingToDo, match=r"0 photos to tell a camera from .*no colour"):
        estimate_camera(location, client, CameraSettings())
    assert CAMERA not in open_store(location).stages()
