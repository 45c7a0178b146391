"""A lens's effect on images: laws of kernels by place and colour, and of colours' sizes."""

from dataclasses import replace

import numpy as np
import pytest

from degrade.degradation import degrade
from degrade.errors import SettingsError
from degrade.images.alignment import fitted_shift
from degrade.kernels.lens import Lens, degrade_by_lens, relative_radii
from degrade.kernels.parametric import gaussian_kernel
from degrade.kernels.shape import canvas_size
from tests.photos import make_photo
from tests.simulated_lens import SHIFT, kernels_at, scene, true_lens

HR = make_photo(3, 96, 144)


def different(scale: int, shift: tuple[float, float] = (0.0, 0.0)) -> Lens:
    """Return a lens with another kernel at each of three radii and for each colour."""
    size = canvas_size(scale)
    widths = scale * np.array([[0.5, 0.6, 0.7], [0.8, 0.6, 0.9], [1.0, 1.1, 1.3]])
    kernels = [[gaussian_kernel((s, s), 0.0, size) for s in row] for row in widths]
    return Lens(np.array([0.0, 0.4, 1.0]), np.array(kernels), np.array(shift))


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_equal_kernels_make_the_lr_of_that_kernel(scale: int) -> None:
    kernel = gaussian_kernel((0.8 * scale, 0.6 * scale), 0.3, canvas_size(scale))
    one = Lens(np.array([0.0, 1.0]), np.broadcast_to(kernel, (2, 3, *kernel.shape)), np.zeros(2))
    expected = degrade(HR, kernel, scale)
    np.testing.assert_allclose(degrade_by_lens(HR, one, scale), expected, atol=2e-6)
    # Also where it is interpolated between radii, one of which no pixel is at.
    tilted = one.weights.copy()
    tilted[1] *= np.float32(1 + 1e-7)
    found = degrade_by_lens(HR, replace(one, weights=tilted), scale)
    np.testing.assert_allclose(found, expected, atol=2e-6)


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_a_flat_image_stays_flat_and_has_the_size(scale: int) -> None:
    flat = np.full((12 * scale, 20 * scale, 3), 100, np.uint8)
    lr = degrade_by_lens(flat, different(scale, (0.7, -0.4)), scale)
    assert lr.shape == (12, 20, 3) and lr.dtype == np.float32
    np.testing.assert_allclose(lr, 100 / 255, atol=1e-6)


def test_each_pixel_has_the_kernel_of_its_radius_and_colour() -> None:
    lens, scale = different(2), 2
    lr = degrade_by_lens(HR, lens, scale)
    radii = relative_radii(48, 72)
    assert radii.max() < 1 and radii.min() > 0
    for row, column in ((23, 35), (5, 60), (0, 0), (40, 20)):
        for colour in range(3):
            share = [np.interp(radii[row, column], lens.radii, one) for one in np.eye(3)]
            kernel = np.tensordot(share, lens.weights[:, colour], 1).astype(np.float32)
            np.testing.assert_allclose(kernel.sum(), 1, atol=1e-5)
            expected = degrade(HR, kernel, scale)[row, column, colour]
            assert lr[row, column, colour] == pytest.approx(expected, abs=2e-6)


def test_turning_the_image_turns_its_lr() -> None:
    lens = different(2, (0.6, -0.5))
    lr, turned = degrade_by_lens(HR, lens, 2), degrade_by_lens(HR[::-1, ::-1].copy(), lens, 2)
    np.testing.assert_allclose(turned[::-1, ::-1], lr, atol=2e-6)


def test_red_and_blue_lie_outwards_in_proportion_to_the_radius() -> None:
    sharp = np.repeat(scene(1)[..., :1], 3, axis=2)
    lens = replace(true_lens(), weights=np.broadcast_to(kernels_at(0), (5, 3, 16, 16)))
    lr = degrade_by_lens(sharp, lens, 2)
    height, width = lr.shape[:2]
    for row, column in ((0, 0), (0, width - 96), (height - 96, 60)):
        window = lr[row : row + 96, column : column + 96]
        place = np.array([row + 48 - height / 2, column + 48 - width / 2])
        for colour, shift in zip((0, 2), SHIFT, strict=True):
            moved, _ = fitted_shift(window[..., 1], window[..., colour], 1, np.zeros(2))
            expected = shift * place / np.hypot(height / 2, width / 2)
            np.testing.assert_allclose(moved, expected, atol=0.02)


def test_a_lens_needs_colour() -> None:
    with pytest.raises(SettingsError, match=r"HR image is \[96, 144, 1\]; give \[height, width, 3"):
        degrade_by_lens(HR[..., :1], different(2), 2)
