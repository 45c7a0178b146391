"""How a pair is aligned is found to 0.02 LR pixels, whatever blur, noise and gain it has."""

from fractions import Fraction
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pytest
from scipy.ndimage import fourier_shift

from degrade.degradation import to_uint8
from degrade.images.decode import read_image
from degrade.images.pair_alignment import UNKNOWN, pair_alignment
from degrade.images.resize import bicubic
from tests.degrade.images.test_alignment import scene

WIDE = to_uint8(np.clip(scene(720) * 0.8, 0, 1))
HR = WIDE[60:-60, 60:-60]
RNG = np.random.default_rng(3)
ACCURACY = 0.02


@cache
def displaced(down: float, right: float) -> np.ndarray:
    """HR with its content moved by Fourier's shift theorem, without borders of its own."""
    spectra = [np.fft.fft2(WIDE[..., channel] / 255) for channel in range(3)]
    moved = [np.fft.ifft2(fourier_shift(spectrum, (down, right))).real for spectrum in spectra]
    return np.stack(moved, axis=-1)[60:-60, 60:-60].astype(np.float32)


def reduced(hr: np.ndarray, scale: int, blur: float, noise: float, gain: float) -> np.ndarray:
    lr = bicubic(hr, Fraction(1, scale)) * gain
    lr = cv2.GaussianBlur(lr, (0, 0), blur) if blur else lr
    return to_uint8(np.clip(lr + RNG.normal(0, 1, lr.shape).astype(np.float32) * noise, 0, 1))


MOVES = [(0, 0), (0.3, -0.7), (1.4, 2.3), (-13.25, 22.5)]
WORST = (0.8, 0.02, 1.1)
"""The largest blur, noise and gain: all moves are tried with these, and one without each."""


@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize(
    ("moved", "blur", "noise", "gain"),
    [
        *((moved, *WORST) for moved in MOVES),
        *((MOVES[2], *their) for their in ((0, 0, 1), (0.8, 0, 1), (0, 0.02, 1.1))),
    ],
)
def test_known_shifts_are_found(
    scale: int, moved: tuple[float, float], blur: float, noise: float, gain: float
) -> None:
    its = pair_alignment(HR, reduced(displaced(*moved), scale, blur, noise, gain), scale)
    assert its.shift is not None
    assert np.array(its.shift) * scale == pytest.approx(np.array(moved), abs=ACCURACY * scale)
    assert its.drift < 3 * ACCURACY
    assert its.gain == pytest.approx((gain,) * 3, abs=0.01)
    assert not its.unlike


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_lr_that_was_sampled_and_not_blurred_counts_as_any_other(scale: int) -> None:
    """Its aliasing moves nothing."""
    for first in range(scale):
        its = pair_alignment(HR, HR[first::scale, first::scale], scale)
        assert its.shift is not None
        expected = ((scale - 1) / 2 - first) / scale
        assert its.shift == pytest.approx((expected, expected), abs=ACCURACY)


def test_scale_and_turn_are_found_from_the_quarters() -> None:
    centre = (HR.shape[1] - 1) / 2
    warp = cv2.getRotationMatrix2D((centre, centre), -0.4, 1.006)  # OpenCV turns the other way
    large = cv2.warpAffine(HR, warp, HR.shape[1::-1], flags=cv2.INTER_CUBIC, borderMode=4)
    its = pair_alignment(HR, reduced(large / np.float32(255), 2, 0, 0, 1), 2)
    larger, rotated = its.warp()
    assert larger == pytest.approx(0.006, abs=0.0005)
    assert rotated == pytest.approx(0.4, abs=0.02)
    place = np.array(its.places)
    rate = np.array([[0.006, np.radians(0.4)], [-np.radians(0.4), 0.006]])
    assert np.array(its.windows) == pytest.approx(place @ rate.T, abs=0.1)
    assert its.drift > 0.3


def test_gains_are_measured_by_channel() -> None:
    lr = bicubic(HR, Fraction(1, 2)) * np.array([1.1, 1.0, 0.9], np.float32)
    its = pair_alignment(HR, to_uint8(np.clip(lr, 0, 1)), 2)
    assert its.gain == pytest.approx((1.1, 1.0, 0.9), abs=0.01)


def test_what_cannot_be_measured_is_not_reported() -> None:
    flat = np.full((128, 128, 3), 90, np.uint8)
    assert pair_alignment(flat, flat[::2, ::2], 2) == UNKNOWN
    assert pair_alignment(HR[:40, :40], HR[:40:2, :40:2], 2) == UNKNOWN
    other = pair_alignment(HR, np.rot90(HR)[::2, ::2], 2)
    assert other.unlike and other.shift is None and other.windows == ()


def test_flat_quarters_leave_it_to_the_others() -> None:
    hr = HR.copy()
    hr[: len(hr) // 2] = 128
    its = pair_alignment(hr, reduced(hr / np.float32(255), 2, 0, 0, 1), 2)
    assert len(its.windows) == 2
    assert its.shift == pytest.approx((0, 0), abs=ACCURACY)


@pytest.mark.data
def test_aliasing_of_real_photos_moves_no_quarter(shared_data: Path) -> None:
    """Every 4th pixel of leaves and bricks: fits that stop at wrong places are made again."""
    for path in sorted((shared_data / "clean").glob("*.png")):
        hr = read_image(path)
        hr = hr[: len(hr) // 4 * 4, : hr.shape[1] // 4 * 4]
        its = pair_alignment(hr, hr[::4, ::4], 4)
        assert its.shift == pytest.approx((0.375, 0.375), abs=ACCURACY), path.name
        assert its.drift < 2 * ACCURACY, path.name
