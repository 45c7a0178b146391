"""Laws of the degradation LR = (HR * k) sampled + n."""

from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest
import torch
from scipy import ndimage

from degrade.degradation import degrade, downsample, margin
from degrade.errors import SettingsError
from degrade.images.alignment import subpixel_shift
from degrade.images.resize import bicubic, bicubic_taps
from sr_train.data.crops import degraded

RNG = np.random.default_rng(7)
SIZES = [(1, 5), (2, 16), (2, 2), (3, 13), (3, 1), (4, 32), (4, 18), (4, 2), (5, 9)]


def photo(scale: int, height: int = 9, width: int = 7) -> np.ndarray:
    return RNG.random((height * scale, width * scale, 3), dtype=np.float32)


def kernel(size: int) -> np.ndarray:
    weights = RNG.random((size, size), dtype=np.float32)
    return weights / weights.sum()


def on_batches(hr: np.ndarray, k: np.ndarray, scale: int) -> np.ndarray:
    """The operator that training applies to crops, given the surroundings that a border shows."""
    around = margin(len(k), scale)
    wide = np.pad(hr, ((around, around), (around, around), (0, 0)), mode="symmetric")
    planes = torch.from_numpy(wide.transpose(2, 0, 1).copy())[None]
    return degraded(planes, torch.from_numpy(k)[None], scale)[0].permute(1, 2, 0).numpy()


Operator = Callable[[np.ndarray, np.ndarray, int], np.ndarray]
CASES = [pytest.param(downsample, *size, id=f"numpy-{size}") for size in SIZES]
CASES += [
    pytest.param(on_batches, *size, id=f"torch-{size}") for size in SIZES if size[1] >= size[0]
]
of_both = pytest.mark.parametrize(("operator", "scale", "size"), CASES)


@of_both
def test_equals_full_correlation_then_subsampling(
    operator: Operator, scale: int, size: int
) -> None:
    hr, k = photo(scale), kernel(size)
    full = np.stack([ndimage.correlate(hr[..., c], k, mode="reflect") for c in range(3)], axis=2)
    lr = operator(hr, k, scale)
    assert lr.dtype == np.float32
    assert lr.shape == (9, 7, 3)
    np.testing.assert_allclose(lr, full[scale // 2 :: scale, scale // 2 :: scale], atol=1e-6)


@of_both
def test_delta_kernel_is_subsampling_at_the_stated_phase(
    operator: Operator, scale: int, size: int
) -> None:
    """A tap at offset o from the kernel's centre reads HR at scale*i + (scale-1)/2 + o."""
    hr, delta = photo(scale), np.zeros((size, size), np.float32)
    row, column = size // 2, max(0, size // 2 - 1)
    delta[row, column] = 1
    first = [int((scale - 1) / 2 + tap - (size - 1) / 2) for tap in (row, column)]
    inside = operator(hr, delta, scale)[1:-1, 1:-1]
    expected = hr[first[0] + scale :: scale, first[1] + scale :: scale][:7, :5]
    np.testing.assert_array_equal(inside, expected)


@of_both
def test_flat_stays_flat_and_images_are_added_linearly(
    operator: Operator, scale: int, size: int
) -> None:
    k = kernel(size)
    flat = operator(np.full((4 * scale, 6 * scale, 3), 0.4, np.float32), k, scale)
    np.testing.assert_allclose(flat, 0.4, atol=1e-6)
    one, two = photo(scale), photo(scale)
    mixed = operator(0.3 * one + 0.5 * two, k, scale)
    np.testing.assert_allclose(
        mixed, 0.3 * operator(one, k, scale) + 0.5 * operator(two, k, scale), atol=1e-6
    )


def test_a_symmetric_kernel_of_sum_one_keeps_the_mean() -> None:
    """With mirrored borders each HR pixel is then read with total weight 1 over all phases."""
    hr, k = photo(1, 24, 30), kernel(7)
    k = (k + k[::-1] + k[:, ::-1] + k[::-1, ::-1]) / 4
    assert downsample(hr, k, 1).mean() == pytest.approx(hr.mean(), abs=1e-6)


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_bicubic_kernel_is_the_resize(scale: int) -> None:
    hr, taps = photo(scale), bicubic_taps(scale)
    resized = bicubic(hr, Fraction(1, scale))
    np.testing.assert_allclose(downsample(hr, np.outer(taps, taps), scale), resized, atol=1e-6)
    np.testing.assert_array_equal(degrade(hr, None, scale), resized.clip(0, 1))


def test_uint8_is_divided_by_255_and_one_channel_is_kept() -> None:
    hr = RNG.integers(0, 256, (12, 8, 1), dtype=np.uint8)
    k = kernel(16)
    expected = downsample(hr.astype(np.float32) / 255, k, 2)
    np.testing.assert_allclose(downsample(hr, k, 2), expected, atol=1e-6)
    assert expected.shape == (6, 4, 1)


def test_noise_is_added_before_the_clip_and_hr_is_left_alone() -> None:
    hr, k = photo(2), kernel(16)
    before = hr.copy()
    noise = RNG.normal(0, 1, (9, 7, 3)).astype(np.float32)
    lr = degrade(hr, k, 2, noise)
    np.testing.assert_array_equal(lr, (downsample(hr, k, 2) + noise).clip(0, 1))
    assert (lr.min(), lr.max(), lr.dtype) == (0, 1, np.float32)
    np.testing.assert_array_equal(hr, before)


@pytest.mark.parametrize(("scale", "size"), [(2, 16), (3, 13), (4, 32)])
def test_a_symmetric_kernel_moves_nothing(scale: int, size: int) -> None:
    y, x = np.mgrid[: 60 * scale, : 60 * scale] / scale
    hr = np.full((*y.shape, 3), 0.5, np.float32)
    for cy, cx, radius, level in RNG.uniform([0, 0, 1, 0], [60, 60, 12, 1], (80, 4)):
        hr[np.hypot(y - cy, x - cx) < radius] = level
    offset = np.arange(size) - (size - 1) / 2
    across = offset[:, None] - 0.6 * offset
    line = np.exp(-0.5 * (across / 0.7) ** 2 - 0.5 * (offset / scale) ** 2)
    k = (line + line[::-1, ::-1]).astype(np.float32)
    for symmetric in (k / k.sum(), None):
        dy, dx = subpixel_shift(hr, degrade(hr, symmetric, scale), scale)
        assert max(abs(dy), abs(dx)) < 0.02


@pytest.mark.parametrize(
    ("shape", "size", "scale", "text"),
    [
        ((8, 8, 3), 15, 2, "kernel side 15 and scale 2 differ in parity, so the kernel has no "),
        ((9, 9, 3), 16, 3, "on the LR grid; give an odd side"),
        ((9, 8, 3), 16, 2, "HR image of 9 rows and 8 columns is no multiple of scale 2; crop it"),
        ((0, 8, 3), 16, 2, "HR image of 0 rows and 8 columns is no multiple of scale 2"),
        ((8, 8), 16, 2, r"HR image is \[8, 8\]; give \[height, width, channels\]"),
        ((8, 8, 3), 16, 0, "scale is 0; give 1 or more"),
    ],
)
def test_what_does_not_fit_is_refused(
    shape: tuple[int, ...], size: int, scale: int, text: str
) -> None:
    with pytest.raises(SettingsError, match=text):
        downsample(np.zeros(shape, np.float32), kernel(size), scale)


def test_other_misfits_are_refused() -> None:
    hr = photo(2)
    with pytest.raises(SettingsError, match=r"kernel is \[2, 4\]; give a square one"):
        downsample(hr, np.ones((2, 4), np.float32), 2)
    with pytest.raises(
        SettingsError, match=r"noise is \[2, 2, 3\] but the LR image is \[9, 7, 3\]"
    ):
        degrade(hr, None, 2, np.zeros((2, 2, 3), np.float32))
