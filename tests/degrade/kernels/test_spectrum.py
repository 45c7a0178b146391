"""A photo's mean periodograms are those of its windows, however they are gone through."""

import cv2
import numpy as np
import pytest

from degrade.images.colour import luma
from degrade.kernels import spectrum
from degrade.kernels.spectrum import ROUNDING, WINDOW, polar_bins, spectra
from tests.photos import make_photo


@pytest.mark.parametrize(("height", "width", "most"), [(200, 270, 2000), (300, 260, 6)])
def test_they_are_the_means_over_all_windows(
    height: int, width: int, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spectrum, "MAX_WINDOWS", most)  # few: steps wider than a window
    photo = make_photo(1, height, width)
    found = spectra(photo)
    step = max(WINDOW // 2, int(np.sqrt(height * width / most)))
    taper = np.outer(*(np.hanning(WINDOW + 2)[1:-1],) * 2)
    taper /= np.sqrt((taper**2).mean())
    grey = luma(photo).astype(np.float64)
    rows, cols = (range(0, side - WINDOW + 1, step) for side in (height, width))
    power = np.empty((len(rows), len(cols), WINDOW, WINDOW // 2 + 1))
    for i, row in enumerate(rows):
        for j, col in enumerate(cols):
            part = grey[row : row + WINDOW, col : col + WINDOW]
            mean = (part * taper).sum() / taper.sum()
            power[i, j] = np.abs(np.fft.rfft2((part - mean) * taper)) ** 2 / WINDOW**2
    down, across = (len(rows) + 1) // 2, (len(cols) + 1) // 2
    parts = (power[:down], power[-down:], power[:, :across], power[:, -across:])
    expected = [part.mean(axis=(0, 1)) for part in (power, *parts)]
    for one, other in zip([found.whole, *found.halves], expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-4)
    x, y = np.fft.rfftfreq(WINDOW) > 0.35, np.abs(np.fft.fftfreq(WINDOW)) > 0.35
    corners = power[:, :, y][..., x].mean(axis=(2, 3))
    white = max(ROUNDING, np.quantile(corners, 0.1))
    np.testing.assert_allclose(found.floor, np.full(len(found.floor), white), rtol=1e-3)
    same = spectra((photo / 255).astype(np.float32)).whole
    np.testing.assert_allclose(same, found.whole, rtol=1e-3, atol=1e-4)


def power_of(noise: np.ndarray) -> np.ndarray:
    """Return the power of noise in each bin."""
    return polar_bins().members @ spectra(noise).whole.ravel()


def test_the_floor_is_the_noises_own_spectrum_where_that_falls() -> None:
    """Of a blurred scene whose flat places show it."""
    rng = np.random.default_rng(0)
    picture = np.full((512, 512, 3), 120.0)
    for row, col in rng.integers(0, (512, 380), size=(3000, 2)):
        picture[row : row + int(rng.integers(4, 40)), col : col + 12] = rng.integers(20, 235)
    picture[:, 400:] = 120
    noise = cv2.GaussianBlur(rng.normal(0, 1, picture.shape), (0, 0), 0.7)
    noise *= 3 / noise.std()
    blurred = cv2.GaussianBlur(picture, (0, 0), 2.0)
    flat = np.full_like(blurred, 120)
    alone, both = (
        np.clip(np.round(each + noise), 0, 255).astype(np.uint8) for each in (flat, blurred)
    )
    floor, truth = (by_ring(power)[4:] for power in (spectra(both).floor, power_of(alone)))
    assert floor.max() > 3 * floor.min()
    np.testing.assert_allclose(floor, truth, rtol=0.2)


def by_ring(power: np.ndarray) -> np.ndarray:
    ring = polar_bins().ring
    return np.array([power[ring == number].mean() for number in range(ring.max() + 1)])
