"""Laws of kernel shapes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from degrade.errors import SettingsError
from degrade.images.resize import bicubic
from degrade.kernels.shape import (
    bicubic_kernel,
    canvas_size,
    centre_of_mass,
    l1_distance,
    prune,
    recentre,
    x2_to_x4,
)


def gaussian(side: int, row: float, column: float, sigma: float = 1.2) -> np.ndarray:
    index = np.arange(side)
    down, across = (np.exp(-((index - c) ** 2) / (2 * sigma**2)) for c in (row, column))
    kernel = np.outer(down, across)
    return kernel / kernel.sum()


def downsampled(image: np.ndarray, kernel: np.ndarray, scale: int) -> np.ndarray:
    """Correlate at the LR pixels' centres, scale*i + (scale-1)/2, over symmetric borders."""
    margin = (kernel.shape[0] - scale) // 2
    windows = np.lib.stride_tricks.sliding_window_view(
        np.pad(image.astype(np.float64), margin, mode="symmetric"), kernel.shape
    )
    return np.einsum("ijuv,uv->ij", windows[::scale, ::scale], kernel)


def test_canvas_has_the_parity_of_the_scale() -> None:
    assert [canvas_size(s) for s in (2, 3, 4, 8)] == [16, 25, 32, 64]


@settings(max_examples=30, deadline=None)
@given(
    row=st.floats(4.5, 8.5),
    column=st.floats(4.5, 8.5),
    sigma=st.floats(0.4, 2.0),
    size=st.sampled_from([13, 16, 32]),
)
def test_recentred_kernels_sum_to_one_at_the_centre(
    row: float, column: float, sigma: float, size: int
) -> None:
    moved = recentre(gaussian(13, row, column, sigma), size)
    assert moved.shape == (size, size) and moved.dtype == np.float32
    assert moved.min() >= 0
    assert moved.sum() == pytest.approx(1, abs=1e-5)
    assert np.abs(np.array(centre_of_mass(moved)) - (size - 1) / 2).max() < 0.01


def test_a_sub_pixel_move_keeps_the_shape() -> None:
    expected = gaussian(16, 7.5, 7.5)
    assert np.abs(recentre(gaussian(13, 6.2, 5.7), 16) - expected).sum() < 0.01


def test_a_centred_kernel_is_only_padded() -> None:
    kernel = gaussian(10, 4.5, 4.5)
    np.testing.assert_allclose(recentre(kernel, 16)[3:13, 3:13], kernel, atol=1e-7)


@pytest.mark.parametrize(
    ("kernel", "text"),
    [
        (np.ones((3, 4)), "kernel of shape (3, 4): give a square one"),
        (
            np.zeros((3, 3)),
            "kernel with the sum 0: give finite weights with a positive sum",
        ),
        (
            np.full((3, 3), np.nan),
            "kernel with the sum nan: give finite weights with a positive sum",
        ),
    ],
)
def test_what_is_no_kernel_is_refused(kernel: np.ndarray, text: str) -> None:
    with pytest.raises(SettingsError) as caught:
        recentre(kernel, 16)
    assert str(caught.value) == text


def test_distance_is_zero_for_moved_copies_and_two_for_disjoint_kernels() -> None:
    assert l1_distance(gaussian(16, 7.5, 7.5), gaussian(16, 8.5, 6.5)) < 1e-5
    ring = np.zeros((16, 16))
    ring[[0, -1]] = 1
    ring[:, [0, -1]] = 1
    assert l1_distance(gaussian(16, 7.5, 7.5, 0.5), ring) == pytest.approx(2, abs=1e-4)


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_bicubic_kernel_is_the_bicubic_downscaling(scale: int) -> None:
    image = np.random.default_rng(0).random((8 * scale, 6 * scale))
    kernel = bicubic_kernel(scale)
    assert kernel.shape == (canvas_size(scale),) * 2
    expected = bicubic(image[..., None].astype(np.float32), 1 / scale)[..., 0]
    np.testing.assert_allclose(downsampled(image, kernel, scale), expected, atol=1e-5)


def test_x4_is_x2_twice() -> None:
    kernel = np.zeros((16, 16))
    kernel[4:12, 4:12] = gaussian(8, 3.5, 3.5) * np.random.default_rng(1).uniform(0.5, 1, (8, 8))
    kernel = recentre(kernel + kernel[::-1, ::-1], 16).astype(np.float64)
    kernel[kernel < 1e-9] = 0
    image = np.random.default_rng(2).random((64, 48))
    twice = downsampled(downsampled(image, kernel, 2), kernel, 2)
    inner = (slice(3, -3),) * 2
    once = downsampled(image, x2_to_x4(kernel), 4)
    np.testing.assert_allclose(once[inner], twice[inner], atol=2e-3)


def test_x4_of_the_smallest_kernel_is_four_equal_taps_twice() -> None:
    kernel = np.zeros((16, 16))
    kernel[7:9, 7:9] = 0.25
    expected = np.zeros((32, 32))
    expected[14:18, 14:18] = 1 / 16
    np.testing.assert_allclose(x2_to_x4(kernel), expected, atol=1e-7)


def test_prune_leaves_the_large_weights() -> None:
    kernel = gaussian(13, 6.5, 6.5, 2.0) - 1e-4
    pruned = prune(kernel, 40)
    assert pruned.sum() == pytest.approx(1)
    assert 40 <= (pruned > 0).sum() < 80
    with pytest.raises(SettingsError, match="kernel with the sum 0"):
        prune(np.zeros((13, 13)), 40)
