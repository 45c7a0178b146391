"""The measurement of a displacement recovers displacements that are known."""

import numpy as np
import pytest

from degrade.degradation import degrade, to_uint8
from degrade.errors import DegradeError, SettingsError
from degrade.images.alignment import subpixel_shift

RNG = np.random.default_rng(5)


def scene(side: int = 240) -> np.ndarray:
    """A photo-like image: a 1/f background with sharp-edged discs on it."""
    frequency = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.fftfreq(side)) + 1 / side
    cloud = np.fft.ifft2(np.fft.fft2(RNG.standard_normal((side, side))) / frequency**1.3).real
    image = np.repeat(((cloud - cloud.min()) / np.ptp(cloud))[..., None], 3, axis=2)
    y, x = np.mgrid[:side, :side]
    for _ in range(60):
        cy, cx, radius = *RNG.uniform(0, side, 2), RNG.uniform(3, side / 8)
        image[np.hypot(y - cy, x - cx) < radius] = RNG.random(3)
    return image.astype(np.float32)


def gaussian(size: int, sigma: float, dy: float = 0.0, dx: float = 0.0) -> np.ndarray:
    offset = np.arange(size) - (size - 1) / 2
    kernel = np.outer(
        np.exp(-0.5 * ((offset - dy) / sigma) ** 2),
        np.exp(-0.5 * ((offset - dx) / sigma / 1.5) ** 2),
    )
    return (kernel / kernel.sum()).astype(np.float32)


@pytest.mark.parametrize(("scale", "size"), [(2, 16), (3, 23), (4, 32)])
@pytest.mark.parametrize("moved", [(0.0, 0.0), (0.25, -0.6), (-1.5, 2.0)])
def test_recovers_known_shifts(scale: int, size: int, moved: tuple[float, float]) -> None:
    hr = scene()
    dy, dx = subpixel_shift(hr, degrade(hr, gaussian(size, 0.6 * scale, *moved), scale), scale)
    assert dy == pytest.approx(-moved[0], abs=0.005)  # reading lower moves the content up
    assert dx == pytest.approx(-moved[1], abs=0.005)


def test_whole_pixels_brightness_and_contrast_do_not_matter() -> None:
    hr = scene()
    lr = np.roll(degrade(hr, gaussian(16, 1.2), 2), (3, -2), axis=(0, 1)) * 0.5 + 0.2
    dy, dx = subpixel_shift(hr, lr, 2)
    assert (dy, dx) == pytest.approx((6, -4), abs=0.02)


def test_noise_and_rounding_leave_it_near() -> None:
    hr = scene()
    noise = RNG.normal(0, 0.02, (120, 120, 3)).astype(np.float32)
    lr = to_uint8(degrade(hr, gaussian(16, 1.2), 2, noise))
    assert subpixel_shift(hr, lr, 2) == pytest.approx((0, 0), abs=0.03)


def test_what_cannot_be_aligned_is_refused() -> None:
    flat = np.full((64, 64, 3), 0.5, np.float32)
    with pytest.raises(DegradeError, match=r"^flat image: there is nothing to align"):
        subpixel_shift(flat, flat[::2, ::2], 2)
    with pytest.raises(SettingsError, match=r"LR image \[32, 32\] is not HR image .* over scale 4"):
        subpixel_shift(flat, flat[::2, ::2], 4)
    with pytest.raises(SettingsError, match=r"LR image \[16, 16\] is too small to align; give 24"):
        subpixel_shift(flat, flat[::4, ::4], 4)
