"""Noise and the degradation as a caller of functions has them."""

import logging

import numpy as np
import pytest

import degrade
from degrade import degradation
from degrade.noise.injection import zero_mean
from degrade.store.reader import open_store
from tests.api.conftest import Workplace
from tests.photos import make_photo

PHOTO = make_photo(3, 256, 320)


def test_patches_are_cut_from_the_photos_where_they_say(place: Workplace) -> None:
    reported = []
    noise = degrade.mine_noise(place.photos, patch=32, progress=lambda *said: reported.append(said))
    assert noise.names == tuple(f"photo {i}.png" for i in range(4)) and noise.refused == {}
    assert reported == [(i + 1, name) for i, name in enumerate(noise.names)]
    photos = [degrade.read_image(place.photos / name) for name in noise.names]
    for patch, photo, row, col in zip(
        noise.patches, noise.photo, noise.row, noise.col, strict=True
    ):
        np.testing.assert_array_equal(patch, photos[photo][row : row + 32, col : col + 32])


def test_a_folder_its_photos_and_the_stage_give_the_same_noise(place: Workplace) -> None:
    of_folder = degrade.mine_noise(place.photos, patch=32)
    photos = [degrade.read_image(place.photos / name) for name in of_folder.names]
    of_arrays = degrade.mine_noise(iter(photos), patch=32)
    bank = open_store(place.store.location).noise()
    for name in ("patches", "row", "col", "mean", "variance", "photo"):
        np.testing.assert_array_equal(getattr(of_folder, name), getattr(of_arrays, name))
    np.testing.assert_array_equal(of_folder.patches, np.stack(list(bank.patches)))
    np.testing.assert_array_equal(of_folder.variance, bank.variance)
    np.testing.assert_allclose(of_folder.curve.deviation**2, bank.curve)
    curve = degrade.noise_curve(photos, patch=32)
    np.testing.assert_array_equal(curve.deviation, of_folder.curve.deviation)
    np.testing.assert_array_equal(curve.brightness, np.arange(8, 256, 16))


def test_the_curve_is_the_noise_that_was_added(place: Workplace) -> None:
    """`make_photo` adds noise of 2.5 levels around grey."""
    curve = degrade.noise_curve(place.photos)
    assert curve.deviation[:, 7] == pytest.approx(2.5, rel=0.1)
    assert curve.autocorrelation[4, 4] == pytest.approx(1)


def test_a_file_that_is_no_photo_is_reported_and_left_out(
    place: Workplace, tmp_path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "letter.png").write_text("Dear photo,\n")
    (tmp_path / "photo.png").write_bytes((place.photos / "photo 0.png").read_bytes())
    with caplog.at_level(logging.WARNING, "degrade"):
        noise = degrade.mine_noise(tmp_path, patch=32)
    reason = "contains no PNG, JPEG, WebP, TIFF, BMP, AVIF, HEIC, JPEG XL or raw image"
    assert noise.refused == {"letter.png": reason} and set(noise.photo.tolist()) == {1}
    assert reason in caplog.text


def test_degrading_takes_a_kernel_its_weights_or_the_bicubic_one() -> None:
    kernel = degrade.estimate_kernel(PHOTO, 4)
    lr = degrade.degrade(PHOTO, kernel)
    np.testing.assert_array_equal(lr, degrade.degrade(PHOTO, kernel.weights, 4))
    np.testing.assert_array_equal(lr, degradation.degrade(PHOTO, kernel.weights, 4))
    np.testing.assert_array_equal(degrade.downsample(PHOTO, kernel).clip(0, 1), lr)
    bicubic = degrade.degrade(PHOTO, None, 4)
    assert bicubic.shape == lr.shape == (64, 80, 3) and not np.array_equal(bicubic, lr)


def test_mined_noise_is_injected_as_published_and_by_the_seed() -> None:
    noise = degrade.mine_noise(PHOTO, patch=64)
    hr = np.full((64, 64, 3), 128, np.uint8)
    noisy = [degrade.degrade(hr, None, 2, noise, seed=seed) for seed in (0, 0, 1)]
    np.testing.assert_array_equal(noisy[0], noisy[1])
    assert not np.array_equal(noisy[0], noisy[2])
    np.testing.assert_array_equal(noisy[0], degrade.degrade(hr, None, 2, noise.patches))
    added = noisy[2] - degrade.degrade(hr, None, 2)
    crops = (
        zero_mean(patch[row : row + 32, col : col + 32])
        for patch in noise.patches
        for row in range(33)
        for col in range(33)
    )
    assert any(np.allclose(added, crop, atol=1e-6) for crop in crops)
    own = np.full((32, 32, 3), 0.1, np.float32)
    np.testing.assert_allclose(degrade.degrade(hr, None, 2, own), 128 / 255 + 0.1, atol=1e-6)
