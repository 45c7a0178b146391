"""Laws of second-order degradation: kernels of sum 1, nothing moves, draws decide all."""

import numpy as np
import pytest

from degrade.images.colour import luma
from degrade.randomness import stream
from degrade.second_order import SHAPES, blur_kernel, degraded, sinc_kernel


def blob(scale: int, side: int = 24) -> tuple[np.ndarray, float, float]:
    """Return a picture with a bright blob off its middle, and where it is, in LR pixels."""
    row, col = 0.4 * side, 0.6 * side
    places = (np.arange(side * scale) - (scale - 1) / 2) / scale
    rows, cols = np.meshgrid(places, places, indexing="ij")
    light = np.exp(-((rows - row) ** 2 + (cols - col) ** 2) / (2 * 2.5**2))
    return np.asarray(0.3 + 0.5 * light, np.float32)[..., None].repeat(3, 2), row, col


@pytest.mark.parametrize("scale", [1, 2, 3, 4, 8])
def test_nothing_moves_and_brightness_stays(scale: int) -> None:
    """Of many degradations the mean is the picture, blurred where it was."""
    hr, row, col = blob(scale)
    made = [degraded(hr, scale, stream(0, "mean", number)) for number in range(60)]
    assert {lr.shape for lr in made} == {(24, 24, 3)} and {lr.dtype for lr in made} == {
        np.dtype(np.uint8)
    }
    mean = luma(np.mean(made, axis=0))
    assert mean.mean() == pytest.approx(255 * luma(hr).mean(), abs=4)
    light = np.clip(mean - 255 * 0.3 - 12, 0, None)
    place = np.arange(24)
    found = (light.sum(1) @ place / light.sum(), light.sum(0) @ place / light.sum())
    assert found == pytest.approx((row, col), abs=0.3)


def test_draws_decide_all() -> None:
    hr, *_ = blob(2)
    first, again = (degraded(hr, 2, stream(3, "a")) for _ in "ab")
    others = [degraded(hr, 2, stream(3, key)) for key in "bcde"]
    assert np.array_equal(first, again)
    assert len({lr.tobytes() for lr in (first, *others)}) == 5
    eight = degraded((hr * 255 + 0.5).astype(np.uint8), 2, stream(3, "a"))
    assert np.abs(eight.astype(int) - first).mean() < 3, "levels of 8 bits are taken, too"


@pytest.mark.parametrize("shape", SHAPES)
def test_blurs_have_sum_one_and_turn_with_their_axes(shape) -> None:
    kernel = blur_kernel(shape.profile, (2.0, 0.7), 0.3, shape.exponent[1], 15)
    assert kernel.sum() == pytest.approx(1, abs=1e-5) and kernel.min() >= 0
    rotated = blur_kernel(shape.profile, (2.0, 0.7), 0.3 + np.pi / 2, shape.exponent[1], 15)
    np.testing.assert_allclose(rotated, np.rot90(kernel, -1), atol=1e-6)
    swapped = blur_kernel(shape.profile, (0.7, 2.0), 0.3, shape.exponent[1], 15)
    np.testing.assert_allclose(swapped, rotated, atol=1e-6)
    round_one = blur_kernel(shape.profile, (1.2, 1.2), 0.9, 1.0, 9)
    np.testing.assert_allclose(round_one, round_one.T, atol=1e-6)


@pytest.mark.parametrize("cutoff", [np.pi / 3, np.pi / 2, 0.8 * np.pi])
def test_a_sinc_passes_what_is_below_its_cutoff(cutoff: float) -> None:
    kernel = sinc_kernel(cutoff, 61)
    assert kernel.sum() == pytest.approx(1, abs=1e-5)
    place = np.arange(61) - 30

    def passed(frequency: float) -> float:
        return float(kernel.sum(0) @ np.cos(frequency * place))

    assert passed(0.7 * cutoff) == pytest.approx(1, abs=0.12)
    assert passed(min(1.25 * cutoff, np.pi)) == pytest.approx(0, abs=0.12)


def test_probabilities_of_blurs_are_whole() -> None:
    assert sum(shape.round + shape.oval for shape in SHAPES) == pytest.approx(1)
