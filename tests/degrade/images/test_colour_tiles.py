"""Grey images, value ranges, windows and crops."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from degrade.errors import DegradeError
from degrade.images.colour import luma, to_uint8, unit_float, y_channel
from degrade.images.windows import crop_to_multiple, window_starts


def test_y_of_black_white_and_primaries() -> None:
    colours = np.array([[[0, 0, 0], [255, 255, 255], [255, 0, 0], [0, 255, 0]]], np.uint8)
    expected = [[16, 235, 81.481, 144.553]]
    np.testing.assert_allclose(y_channel(colours), expected, atol=1e-9)
    np.testing.assert_allclose(y_channel(colours.astype(np.float32) / 255), expected, atol=1e-5)
    assert y_channel(colours).dtype == np.float64


def test_luma_keeps_the_range_and_the_weights() -> None:
    colours = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255]]], np.uint8)
    np.testing.assert_allclose(luma(colours), [[76.245, 149.685, 29.07, 255]], rtol=1e-6)
    np.testing.assert_allclose(luma(unit_float(colours)), luma(colours) / 255, rtol=1e-6)
    assert luma(colours).dtype == np.float32


def test_unit_float_refuses_types_of_unknown_range() -> None:
    with pytest.raises(DegradeError, match=r"^image array is uint16; give uint8, or float32 in"):
        unit_float(np.zeros((2, 2, 3), np.uint16))  # type: ignore[arg-type]


def test_to_uint8_inverts_unit_float_and_rounds_half_up() -> None:
    levels = np.arange(256, dtype=np.uint8).reshape(16, 16, 1)
    np.testing.assert_array_equal(to_uint8(unit_float(levels)), levels)
    assert to_uint8(levels) is levels
    halves = (np.arange(255, dtype=np.float64) + 0.5) / 255
    near = np.float32([0.25 / 255, 0.75 / 255, -0.1, 1.2])
    np.testing.assert_array_equal(to_uint8(near), [0, 1, 0, 255])
    above = np.nextafter(halves.astype(np.float32), np.float32(2))
    np.testing.assert_array_equal(to_uint8(above), np.arange(1, 256))


def test_to_uint8_refuses_other_ranges() -> None:
    with pytest.raises(DegradeError, match=r"^image values run from 0 to 255; .*divide by 255"):
        to_uint8(np.array([0, 255], np.float32))
    with pytest.raises(DegradeError, match="run from nan to nan"):
        to_uint8(np.array([0, np.nan], np.float32))


@pytest.mark.parametrize(
    ("length", "size", "stride", "starts"),
    [
        (256, 256, 256, [0]),
        (512, 256, 256, [0, 256]),
        (300, 256, 256, [0, 44]),
        (255, 256, 64, []),
        (10, 4, 3, [0, 3, 6]),
    ],
)
def test_window_starts(length: int, size: int, stride: int, starts: list[int]) -> None:
    assert window_starts(length, size, stride) == starts


@given(st.integers(1, 300), st.integers(1, 100), st.integers(1, 100))
def test_windows_cover_the_axis_without_leaving_it(length: int, size: int, stride: int) -> None:
    starts = window_starts(length, size, min(stride, size))
    covered = {pixel for start in starts for pixel in range(start, start + size)}
    assert covered == (set(range(length)) if size <= length else set())
    assert starts == sorted(set(starts))


def test_crop_to_multiple_keeps_the_top_left() -> None:
    image = np.arange(7 * 10 * 3, dtype=np.uint8).reshape(7, 10, 3)
    np.testing.assert_array_equal(crop_to_multiple(image, 4), image[:4, :8])
    assert crop_to_multiple(image, 1).shape == image.shape
