"""A camera's whole processor by functions: found as the command finds it, and photographed with."""

from pathlib import Path

import numpy as np
import pytest

import degrade
from degrade.camera import fit
from degrade.camera.parameters import PARAMETERS
from degrade.errors import NoStore
from tests.cli.answers import one_object
from tests.conftest import Command
from tests.photos import contents, make_photo, write_photos
from tests.short_search import shorten

CLEAN = make_photo(9, 96, 128)


@pytest.fixture(autouse=True, scope="module")
def short():
    with pytest.MonkeyPatch.context() as patch:
        shorten(patch)
        yield


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("camera")
    write_photos(folder / "photos", 6, 256, 256)
    write_photos(folder / "clean", 3, 256, 256)
    write_photos(folder / "small", 1, 40, 96)
    (folder / "photos" / "small.png").write_bytes((folder / "small" / "photo 0.png").read_bytes())
    return folder


@pytest.fixture(scope="module")
def camera(base: Path) -> degrade.Camera:
    return degrade.estimate_camera(base / "photos", target=base / "clean", seed=3)


def test_it_is_what_the_command_finds(base: Path, camera: degrade.Camera, degrade: Command) -> None:
    call = ("estimate-camera", base / "photos", "--target", base / "clean", "--seed", 3, "--json")
    reported = one_object(degrade(*call, "--store", "s.zarr"))
    assert {name: list(cuts) for name, cuts in camera.parameters.items()} == reported["parameters"]
    assert (camera.misfit, camera.explained) == (reported["misfit"], reported["explained"])
    assert (camera.photos, camera.compression) == (reported["photos"], reported["compression"])
    assert camera.refused == dict(reported["refused"])
    assert "96x40 has a side of less than" in camera.refused["small.png"]


def test_the_cameras_have_a_value_of_every_parameter(camera: degrade.Camera) -> None:
    assert list(camera.parameters) == list(PARAMETERS)
    assert camera.values.shape == (fit.CAMERAS, len(PARAMETERS))
    for column, (low, middle, high) in enumerate(camera.parameters.values()):
        assert low <= middle <= high
        assert np.percentile(camera.values[:, column], 50) == middle


def test_a_kept_camera_is_returned_at_once_and_other_settings_refused(
    base: Path, camera: degrade.Camera, tmp_path: Path
) -> None:
    store = tmp_path / "kept.zarr"
    reported: list[str] = []

    def say(name: str, done: float, total: float) -> None:
        reported.append(name)

    def estimate(seed: int) -> degrade.Camera:
        place = {"target": base / "clean", "store": store}
        return degrade.estimate_camera(base / "photos", seed=seed, progress=say, **place)

    np.testing.assert_array_equal(estimate(3).values, camera.values)
    assert "estimate-camera" in reported
    before = contents(store)
    reported.clear()
    np.testing.assert_array_equal(estimate(3).values, camera.values)
    assert contents(store) == before and "estimate-camera" not in reported
    with pytest.raises(NoStore, match=r"seed = 3, not 4.*overwrite"):
        estimate(4)


@pytest.mark.parametrize("scale", [1, 2, 4])
def test_a_photo_is_the_pictures_seeded_and_as_large_as_asked(
    camera: degrade.Camera, scale: int
) -> None:
    taken = degrade.photograph(CLEAN, camera, scale, seed=5)
    assert taken.shape == (96 // scale, 128 // scale, 3) and taken.dtype == np.uint8
    np.testing.assert_array_equal(taken, degrade.photograph(CLEAN, camera, scale, seed=5))
    assert not np.array_equal(taken, degrade.photograph(CLEAN, camera, scale, seed=6))
    reduced = 255 * degrade.degrade(CLEAN, None, scale)
    near = np.corrcoef(taken.mean(2).ravel(), reduced.mean(2).ravel())[0, 1]
    assert near > 0.6, "it shows the picture"


def test_bytes_and_units_are_one_picture_and_sides_change_places(camera: degrade.Camera) -> None:
    taken = degrade.photograph(CLEAN, camera, 2)
    unit = (CLEAN / 255).astype(np.float32)
    np.testing.assert_array_equal(taken, degrade.photograph(unit, camera, 2))
    upright = degrade.photograph(np.ascontiguousarray(CLEAN.transpose(1, 0, 2)), camera, 2)
    assert upright.shape == (64, 48, 3)
