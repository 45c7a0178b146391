"""The spectral estimate finds blurs, pools what is one camera's, refuses what is no scene."""

import cv2
import numpy as np
import pytest

from degrade.degradation import degrade
from degrade.images.colour import to_uint8
from degrade.kernels.parametric import (
    gaussian_kernel,
    gaussian_parameters,
    generalised_kernel,
    shape_exponent,
)
from degrade.kernels.pooling import pool, single
from degrade.kernels.shape import canvas_size, centre_of_mass, l1_distance
from degrade.kernels.spectral import Blur, SpectralEstimate, estimate


def scene(seed: int, height: int = 768, width: int = 768) -> np.ndarray:
    """Return occluding discs whose sizes fall off as natural scenes' do: a 1/f spectrum."""
    rng = np.random.default_rng(seed)
    picture = np.zeros((height, width, 3), np.float32)
    radii = 3 / np.sqrt(rng.uniform((3 / 200) ** 2, 1, 6000))
    for radius in radii:
        centre = (int(rng.integers(width)), int(rng.integers(height)))
        colour = tuple(float(c) for c in rng.uniform(0.05, 0.95, 3))
        cv2.circle(picture, centre, int(radius), colour, -1)
    return picture


def photo(seed: int, kernel: np.ndarray, scale: int = 2, noise: float = 0.0) -> np.ndarray:
    lr = degrade(scene(seed), kernel, scale)
    grain = np.random.default_rng(seed).normal(0, noise / 255, lr.shape)
    return to_uint8(np.clip(lr + grain, 0, 1).astype(np.float32))


def fitted(seed: int, kernel: np.ndarray, noise: float = 0.0) -> SpectralEstimate:
    found = estimate(photo(seed, kernel, noise=noise))
    assert not isinstance(found, str), found
    return found


@pytest.mark.parametrize("sigmas", [(1.2, 1.2), (2.0, 1.3)])
@pytest.mark.parametrize("noise", [0.0, 3.0])
def test_a_known_blur_is_found(sigmas: tuple[float, float], noise: float) -> None:
    truth = gaussian_kernel(sigmas, 0.6, 16)
    kernel = fitted(1, truth, noise).blur.kernel(2)
    assert l1_distance(kernel, truth) < 0.3
    assert kernel.sum() == pytest.approx(1, abs=1e-5)
    np.testing.assert_allclose(centre_of_mass(kernel), 7.5, atol=1e-3)


def test_parameters_and_kernel_agree_at_every_scale() -> None:
    blur = Blur(np.array([np.log(0.4), 0.3, -0.2, 0]), np.ones(4))
    for scale in (2, 3, 4):
        major, minor, angle = blur.parameters(scale)
        kernel = gaussian_kernel((major, minor), angle, 8 * canvas_size(scale))
        found = gaussian_parameters(kernel)
        np.testing.assert_allclose(found, (major, minor, angle), rtol=0.02)
        assert major == pytest.approx(scale / 2 * blur.parameters(2)[0])


def test_pooling_brings_one_cameras_photos_together_and_leaves_others_apart() -> None:
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 0.2, (12, 4))
    variance = np.full(4, 0.2**2)
    one = [Blur(np.array([-1.0, 0.1, 0.0, 0.0]) + n, variance) for n in noise]
    spread = np.std([blur.values for blur in pool(one)], axis=0)
    assert np.all(spread < 0.5 * np.std(noise, axis=0))
    many = [Blur(np.array([m, 0.0, 0.0, 0.0]), variance) for m in np.linspace(-3, 3, 12)]
    apart = np.array([blur.values[0] for blur in pool(many)])
    np.testing.assert_allclose(apart, np.linspace(-3, 3, 12), atol=0.15)
    assert pool(one[:2]) == one[:2]
    same = single(one)
    assert len(same) == 12 and all(np.array_equal(b.values, same[0].values) for b in same)
    np.testing.assert_allclose(same[0].values, np.mean([b.values for b in one], 0), atol=1e-6)


def test_the_same_photo_gives_the_same_estimate_whatever_came_before() -> None:
    kernel = gaussian_kernel((1.5, 1.1), 0.2, 16)
    first = fitted(2, kernel)
    fitted(3, kernel)
    again = fitted(2, kernel)
    assert np.array_equal(first.blur.values, again.blur.values)


@pytest.mark.parametrize(
    ("picture", "reason"),
    [
        (np.random.default_rng(0).integers(0, 256, (200, 200, 3), dtype=np.uint8), "no"),
        (np.full((200, 200, 3), 9, np.uint8), "flat"),
        (photo(1, gaussian_kernel((1.2, 1.2), 0, 16))[:100], "384x100 pixels, too small"),
    ],
)
def test_what_is_no_scene_is_refused(picture: np.ndarray, reason: str) -> None:
    found = estimate(picture)
    assert isinstance(found, str) and found.startswith(reason)


def soft(seed: int, sigma: float, smoothed: float) -> np.ndarray:
    """Return a blurred scene beside a flat place, with 2 levels of noise that is smoothed."""
    picture = scene(seed)
    picture[:, 500:] = 0.5
    small = degrade(picture, gaussian_kernel((2 * sigma, 2 * sigma), 0, 32), 2)
    noise = np.random.default_rng(seed).normal(0, 1, small.shape)
    noise = cv2.GaussianBlur(noise, (0, 0), smoothed) if smoothed else noise
    return to_uint8(np.clip(small + 2 / 255 / noise.std() * noise, 0, 1).astype(np.float32))


@pytest.mark.parametrize("smoothed", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("sigma", [1.2, 1.6, 2.4])
def test_smooth_noise_is_not_taken_for_the_scenes_fall(sigma: float, smoothed: float) -> None:
    """As denoising leaves it: right to a fifth, or refused where it hides the blur."""
    found = estimate(soft(1, sigma, smoothed))
    if isinstance(found, str):
        assert sigma > 2
    else:
        assert np.sqrt(found.blur.covariance(1)[0, 0]) == pytest.approx(sigma, rel=0.2)


@pytest.mark.parametrize("interpolation", [cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_LANCZOS4])
@pytest.mark.parametrize("sigma", [1.2, 2.4])
def test_enlarged_photos_are_refused(sigma: float, interpolation: int) -> None:
    """Interpolation repeats the spectrum, and the noise falls as steeply as the scene."""
    enlarged = cv2.resize(soft(1, sigma, 0.0), None, fx=2, fy=2, interpolation=interpolation)
    assert isinstance(estimate(enlarged), str)


def test_the_shape_exponent_is_recovered_from_a_kernel_at_every_scale() -> None:
    for scale in (2, 3, 4, 8):
        for exponent in (0.6, 1.0, 2.0):
            sigmas = (0.8 * scale, 0.6 * scale)
            kernel = generalised_kernel(sigmas, 0.4, exponent, 16 * scale)
            assert shape_exponent(kernel) == pytest.approx(exponent, rel=0.25)
            np.testing.assert_allclose(gaussian_parameters(kernel)[:2], sigmas, rtol=0.03)
    assert shape_exponent(np.zeros((16, 16), np.float32)) == 0


def test_a_defocus_disc_is_distinguished_from_a_gaussian() -> None:
    disc = generalised_kernel((1.5, 1.5), 0, 8.0, 16)
    found = fitted(1, disc).blur
    assert found.values[3] > 0.3
    nearest = gaussian_kernel((1.5, 1.5), 0, 16)
    assert l1_distance(found.kernel(2), disc) < l1_distance(nearest, disc)
    assert fitted(1, nearest).blur.values[3] == 0
