"""Bicubic resizing against a slow independent implementation of MATLAB's formula."""

from fractions import Fraction
from math import ceil, floor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from degrade.images.resize import bicubic, bicubic_taps, every_nth


def cubic(x: float) -> float:
    x = abs(x)
    if x <= 1:
        return 1.5 * x**3 - 2.5 * x**2 + 1
    return -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2 if x <= 2 else 0.0


def slow_axis(line: np.ndarray, scale: float, out: int) -> np.ndarray:
    """MATLAB's imresize, literally: 1-based centres, stretched kernel, mirrored index, float64."""
    shrink = min(scale, 1.0)
    width = 4 / shrink
    mirror = [*range(len(line)), *reversed(range(len(line)))]
    result = np.empty((out, *line.shape[1:]))
    for x in range(1, out + 1):
        u = x / scale + 0.5 * (1 - 1 / scale)
        left = floor(u - width / 2)
        places = range(left, left + ceil(width) + 2)
        weights = np.array([shrink * cubic(shrink * (u - place)) for place in places])
        weights /= weights.sum()
        pixels = [line[mirror[(place - 1) % len(mirror)]] for place in places]
        result[x - 1] = np.tensordot(weights, np.array(pixels), 1)
    return result


def slow_bicubic(image: np.ndarray, scale: float) -> np.ndarray:
    rows = slow_axis(image.astype(np.float64), scale, ceil(image.shape[0] * scale))
    columns = slow_axis(rows.swapaxes(0, 1), scale, ceil(image.shape[1] * scale))
    return columns.swapaxes(0, 1)


@pytest.mark.parametrize("scale", [1 / 2, 1 / 4, 1 / 3, 2 / 3, 0.7, 1.0, 1.5, 2.0, 3.0, 4.0])
@pytest.mark.parametrize("shape", [(24, 16, 3), (17, 23, 3), (5, 40, 1)])
def test_equals_the_formula(shape: tuple[int, int, int], scale: float) -> None:
    image = np.random.default_rng(0).random(shape, dtype=np.float32)
    expected = slow_bicubic(image, scale)
    result = bicubic(image, scale)
    assert result.shape == expected.shape
    assert result.dtype == np.float32
    assert result.flags.c_contiguous
    np.testing.assert_allclose(result, expected, atol=2e-6)


def test_published_taps() -> None:
    half = [0.43359375, 0.11328125, -0.03515625, -0.01171875]
    quarter = [
        *(0.2409668, 0.1818848, 0.0974121, 0.0227051),
        *(-0.0119629, -0.0183105, -0.0109863, -0.0017090),
    ]
    np.testing.assert_allclose(bicubic_taps(2), [*half[::-1], *half], atol=1e-7)
    np.testing.assert_allclose(bicubic_taps(4), [*quarter[::-1], *quarter], atol=1e-7)


@pytest.mark.parametrize("scale", [1, 2, 3, 4, 5])
def test_taps_are_symmetric_and_sum_to_one(scale: int) -> None:
    taps = bicubic_taps(scale)
    assert len(taps) % 2 == scale % 2
    assert taps.sum() == pytest.approx(1)
    np.testing.assert_array_equal(taps, taps[::-1])


def test_size_is_rounded_up_and_a_float_is_the_fraction_it_means() -> None:
    assert bicubic(np.zeros((9, 10, 3), np.float32), 1 / 3).shape == (3, 4, 3)
    assert bicubic(np.zeros((10, 30, 3), np.float32), 0.1).shape == (1, 3, 3)
    assert bicubic(np.zeros((11, 7, 3), np.float32), Fraction(1, 2)).shape == (6, 4, 3)


def test_uint8_is_divided_by_255_and_nothing_is_clipped() -> None:
    edge = np.zeros((16, 16, 3), np.uint8)
    edge[:, 8:] = 255
    result = bicubic(edge, 2)
    np.testing.assert_array_equal(result, bicubic(edge.astype(np.float32) / 255, 2))
    assert result.min() < 0
    assert result.max() > 1


@given(st.integers(1, 8), st.integers(1, 300), st.integers(1, 90), st.integers(1, 4), st.booleans())
@settings(max_examples=40, deadline=None)
def test_every_reduction_equals_the_formula(
    factor: int, height: int, width: int, channels: int, whole: bool
) -> None:
    image = np.random.default_rng(factor).integers(0, 256, (height, width, channels))
    given_as = image.astype(np.uint8) if whole else (image / 255).astype(np.float32)
    expected = slow_bicubic(image / 255, 1 / factor)
    np.testing.assert_allclose(bicubic(given_as, Fraction(1, factor)), expected, atol=3e-6)


def test_a_wide_photo_is_reduced_as_its_parts_are() -> None:
    wide = np.random.default_rng(1).integers(0, 256, (70, 3000, 3)).astype(np.uint8)
    part = bicubic(wide[:, 1000:2000], 0.5)
    np.testing.assert_allclose(bicubic(wide, 0.5)[:, 504:996], part[:, 4:-4], atol=1e-6)


@pytest.mark.parametrize("scale", [Fraction(1, 2), Fraction(1, 3), 1.7, 3])
def test_flat_stays_flat_and_scale_one_changes_nothing(scale: float | Fraction) -> None:
    flat = np.full((13, 8, 3), 0.37, np.float32)
    np.testing.assert_allclose(bicubic(flat, scale), 0.37, atol=1e-6)
    image = np.random.default_rng(3).random((7, 9, 3), dtype=np.float32)
    np.testing.assert_allclose(bicubic(image, 1), image, atol=1e-7)


@given(st.integers(1, 130), st.integers(1, 4), st.integers(1, 4), st.booleans())
def test_every_nth_is_the_strided_view(n: int, rows: int, cols: int, whole: bool) -> None:
    rng = np.random.default_rng(n)
    image = rng.integers(0, 256, (n * rows, n * cols, 3)).astype(np.uint8)
    kind = image if whole else (image / 255).astype(np.float32)
    assert np.array_equal(every_nth(kind, n), kind[::n, ::n])
