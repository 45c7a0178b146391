"""Kernels as a caller of functions has them."""

import dataclasses

import numpy as np
import pytest
from scipy import ndimage, signal

import degrade
from degrade.kernels.expected_error import as_score
from degrade.kernels.parametric import gaussian_kernel
from degrade.kernels.shape import canvas_size
from tests.api.conftest import Workplace
from tests.photos import make_photo

PHOTO = make_photo(3, 256, 320)


def test_a_photo_alone_gives_what_it_gives_among_others_without_pooling(
    place: Workplace,
) -> None:
    """The function of an array and the stage over a folder are one operation."""
    found = degrade.estimate_kernels(place.photos, 4, pool="none")
    assert len(found.kernels) == 4 and not found.refused
    for name, of_folder in found.kernels.items():
        alone = degrade.estimate_kernel(degrade.read_image(place.photos / name), 4)
        np.testing.assert_array_equal(alone.weights, of_folder.weights)
        assert alone.sigmas == of_folder.sigmas and alone.angle == of_folder.angle
        assert alone.error == pytest.approx(of_folder.error, abs=1e-6)
        assert (of_folder.source, of_folder.estimator, of_folder.scale) == (name, "spectral", 4)


@pytest.mark.parametrize("scale", [2, 3, 4, 8])
def test_a_kernel_is_normalised_centred_and_described_by_its_numbers(scale: int) -> None:
    kernel = degrade.estimate_kernel(PHOTO, scale)
    assert kernel.weights.shape == (canvas_size(scale),) * 2
    assert kernel.weights.dtype == np.float32
    assert kernel.weights.sum() == pytest.approx(1, abs=1e-5)
    assert kernel.sigmas[0] >= kernel.sigmas[1] > 0 and 0 <= kernel.angle <= np.pi
    assert kernel.score == pytest.approx(as_score(kernel.error))
    with pytest.raises(dataclasses.FrozenInstanceError):
        kernel.score = 1.0


@pytest.mark.parametrize("estimator", ["kernelgan", "combined"])
def test_a_trained_kernel_is_a_function_of_photo_and_seed(estimator: str) -> None:
    reported = []
    first = degrade.estimate_kernel(
        PHOTO,
        2,
        estimator,
        seed=3,
        iterations=60,
        device="cpu",
        progress=lambda done, total: reported.append((done, total)),
    )
    second = degrade.estimate_kernel(PHOTO, 2, estimator, seed=3, iterations=60, device="cpu")
    np.testing.assert_array_equal(first.weights, second.weights)
    assert reported[-1] == (60, 60) and reported == sorted(reported)
    assert first.estimator == estimator and first.weights.shape == (16, 16)


@pytest.mark.parametrize(
    ("photo", "reason"),
    [
        (np.full((256, 256, 3), 90, np.uint8), "flat: all pixels have one value"),
        (PHOTO[:100], "320x100 pixels, too small: each side needs 128 or more"),
        (PHOTO // 255 * 255, "saturated"),
        (np.repeat(PHOTO[:1], 256, axis=0), "constant along one axis"),
    ],
)
def test_a_photo_that_shows_no_blur_is_refused_with_the_reason(
    photo: np.ndarray, reason: str
) -> None:
    with pytest.raises(degrade.PhotoRefused) as caught:
        degrade.estimate_kernel(photo)
    assert caught.value.reason.startswith(reason)
    assert str(caught.value).startswith("image: ")
    assert str(caught.value).endswith(
        "give a larger, sharper or less compressed photo of the same camera"
    )


def test_refused_photos_of_a_folder_have_their_reasons(place: Workplace) -> None:
    found = degrade.estimate_kernels(place.folder / "hr", 4)
    assert found.kernels == {}
    assert set(found.refused) == {"photo 0.png", "photo 1.png"}
    assert all("too small" in reason for reason in found.refused.values())


@pytest.mark.parametrize(("scale", "size"), [(1, 5), (2, 16), (2, 6), (3, 13), (3, 25), (4, 32)])
def test_a_convolution_with_the_turned_kernel_is_the_degradation(scale: int, size: int) -> None:
    rng = np.random.default_rng(size)
    hr = rng.random((16 * scale, 12 * scale, 3), dtype=np.float32)
    weights = rng.random((size, size), dtype=np.float32)
    weights /= weights.sum()
    rotated = degrade.as_convolution(weights)
    assert rotated.shape[0] % 2 and rotated.sum() == pytest.approx(1, abs=1e-5)
    expected = degrade.downsample(hr, weights, scale)
    for channel in range(3):
        plane = hr[..., channel]
        for blurred in (
            ndimage.convolve(plane, rotated, mode="reflect"),
            signal.convolve2d(plane, rotated, mode="same", boundary="symm"),
        ):
            lr = blurred[scale // 2 :: scale, scale // 2 :: scale]
            np.testing.assert_allclose(lr, expected[..., channel], atol=1e-5)


def test_the_blur_that_made_a_photo_is_found() -> None:
    """A scene twice as large, blurred by a known Gaussian and sampled, shows its sigmas."""
    rng = np.random.default_rng(5)
    scene = make_photo(8, 1024, 1024)
    scene[:, 512:] = scene[:, :512]
    truth = gaussian_kernel((2.4, 2.4), 0.0, 16)
    photo = degrade.degrade(scene, truth, 2) + rng.normal(0, 0.002, (512, 512, 3))
    found = degrade.estimate_kernel(photo.clip(0, 1).astype(np.float32), 2)
    assert found.sigmas == pytest.approx((2.4, 2.4), rel=0.3)
