"""Scores say what was done to a photo, and follow from nothing but its pixels."""

import io
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from degrade.images.keep import SCORES
from degrade.images.scores import OF_TILE, scores_of
from degrade.images.source_record import check_file
from degrade.images.write import write_png
from tests.photos import make_photo

PHOTO = make_photo(1, 480, 640)


def without_noise() -> np.ndarray:
    """A scene of natural spectrum, sharp to the pixel, without noise."""
    rng = np.random.default_rng(3)
    picture = np.zeros((512, 640, 3), np.uint8)
    for radius in 3 / np.sqrt(rng.uniform(1e-3, 1, 3000)):
        centre = (int(rng.integers(640)), int(rng.integers(512)))
        cv2.circle(picture, centre, int(radius), tuple(map(int, rng.integers(20, 235, 3))), -1)
    return picture


SCENE = without_noise()


def blurred(sigma: float) -> np.ndarray:
    return cv2.GaussianBlur(SCENE, (0, 0), sigma)


def enlarged(factor: float) -> np.ndarray:
    small = cv2.resize(SCENE, None, fx=1 / factor, fy=1 / factor, interpolation=cv2.INTER_AREA)
    return cv2.resize(small, SCENE.shape[1::-1], interpolation=cv2.INTER_CUBIC)


def jpeg(quality: int) -> np.ndarray:
    file = io.BytesIO()
    Image.fromarray(SCENE).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file))


def noisy(deviation: float) -> np.ndarray:
    noise = np.random.default_rng(0).normal(0, deviation, SCENE.shape[:2])[..., None]
    return np.clip(SCENE + noise + 0.5, 0, 255).astype(np.uint8)


def test_all_are_there_in_their_order_and_range() -> None:
    found = scores_of(PHOTO)
    assert list(found) == list(SCORES)
    assert all(np.isfinite(value) and value >= 0 for value in found.values())
    within_one = set(SCORES) - {"blockiness", "noise_level"}
    assert all(found[name] <= 1 for name in within_one) and found["blockiness"] >= 1


def test_they_follow_from_the_pixels_alone() -> None:
    found = scores_of(PHOTO)
    assert scores_of(PHOTO) == found
    assert scores_of(np.asfortranarray(PHOTO)) == found
    assert scores_of((PHOTO / 255).astype(np.float32)) == found
    assert scores_of(PHOTO[:, ::-1][:, ::-1]) == found


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (16, 16), (17, 23), (64, 20), (2000, 65)])
def test_any_shape_has_them(shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    found = scores_of(rng.integers(0, 256, (*shape, 3), np.uint8))
    assert all(np.isfinite(value) for value in found.values())


def test_blur_makes_edges_less_sharp_and_detail_less_fine() -> None:
    by_sigma = [scores_of(blurred(sigma)) for sigma in (0.8, 1.2, 2, 3, 5)]
    sharp, fine = ([its[name] for its in by_sigma] for name in ("sharpness", "resolution"))
    assert sorted(sharp, reverse=True) == sharp and sorted(fine, reverse=True) == fine
    # The steepest step of a Gaussian edge is 1 / (sigma * sqrt(2 pi)) of its height.
    for sigma, its in zip((1.2, 2), by_sigma[1:3], strict=True):
        assert its["sharpness"] == pytest.approx(1 / (sigma * np.sqrt(2 * np.pi)), rel=0.2)


def test_an_enlarged_photo_has_the_resolution_that_it_had() -> None:
    assert scores_of(SCENE)["resolution"] == 1
    for factor in (2, 3, 4):
        assert scores_of(enlarged(factor))["resolution"] == pytest.approx(1 / factor, abs=0.15)


def test_noise_is_measured_and_makes_no_sharpness() -> None:
    for deviation in (2, 5, 10):
        found = scores_of(noisy(deviation))
        assert found["noise_level"] == pytest.approx(deviation, rel=0.25)
    soft = np.clip(blurred(2) + np.random.default_rng(0).normal(0, 4, SCENE.shape), 0, 255)
    assert scores_of(soft.astype(np.uint8))["sharpness"] < 0.35


def test_compression_leaves_blocks() -> None:
    strength = [scores_of(jpeg(quality))["blockiness"] for quality in (50, 20, 8)]
    assert sorted(strength) == strength and strength[0] < 1.2 and strength[-1] > 1.5
    assert scores_of(noisy(3))["blockiness"] < 1.2


def test_shares_are_shares() -> None:
    photo = PHOTO.copy()
    photo[:240] = 255
    found = scores_of(photo)
    assert found["clipped"] == pytest.approx(0.5, abs=0.01)
    assert found["flat"] == pytest.approx(0.5, abs=0.1)
    assert found["uniform"] == pytest.approx(scores_of(PHOTO)["uniform"] / 2 + 0.25, abs=0.3)
    assert scores_of(np.full((99, 99, 3), 77, np.uint8)) == {
        "sharpness": 0.0,
        "blockiness": 1.0,
        "clipped": 0.0,
        "flat": 1.0,
        "uniform": 1.0,
        "noise_level": 0.0,
        "resolution": 0.0,
        "brightness": round(77 / 255, 4),
    }


def test_a_tile_has_them_of_fewer_windows() -> None:
    tile = SCENE[:256, :256]
    few, all_ = scores_of(tile, most=OF_TILE), scores_of(tile)
    assert few["clipped"] == all_["clipped"] and few["brightness"] == all_["brightness"]
    assert few["sharpness"] == pytest.approx(all_["sharpness"], abs=0.1)


def test_a_checked_file_has_those_of_its_pixels(tmp_path: Path) -> None:
    write_png(tmp_path / "a.png", PHOTO)
    (tmp_path / "b.png").write_bytes(b"")
    assert check_file(tmp_path, "a.png").scores == scores_of(PHOTO)
    assert check_file(tmp_path, "b.png").scores == {}
