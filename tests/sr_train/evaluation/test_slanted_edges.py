"""MTF50 at slanted edges: what a Gaussian blur has, and where there is no edge to measure."""

import math

import numpy as np
import pytest
from scipy.special import erf

from sr_train.evaluation.slanted_edges import SIDE, find_edge, mtf50, mtf50_ratio
from tests.photos import make_photo


def edge(sigma: float, slope: float, side: int = SIDE, low: float = 60, high: float = 180):
    """Return [side, side] levels of an edge blurred by a Gaussian, rounded."""
    away = np.arange(side) - (side - 1) / 2
    distance = (away[None] - (0.7 + slope * away[:, None])) / math.hypot(1, slope)
    return (low + (high - low) * (1 + erf(distance / sigma / math.sqrt(2))) / 2).round()


def picture(levels: np.ndarray) -> np.ndarray:
    return np.repeat(levels[..., None], 3, axis=2).astype(np.uint8)


@pytest.mark.parametrize("slope", [0.05, -0.1, 0.2, 0.3])
@pytest.mark.parametrize("sigma", [0.7, 1.0, 1.5, 2.0])
def test_it_is_what_a_gaussian_has(sigma: float, slope: float) -> None:
    window = edge(sigma, slope)
    found = find_edge(window)
    assert found is not None
    assert (found.slope, found.offset) == pytest.approx((slope, 0.7), abs=0.02)
    expected = math.sqrt(math.log(2) / 2) / (math.pi * sigma)
    assert mtf50(window, found) == pytest.approx(expected, rel=0.06)


@pytest.mark.parametrize("rotated", [False, True])
def test_softer_pictures_have_less_of_hrs(rotated: bool) -> None:
    hr, sr = (picture(edge(sigma, 0.12, 48)) for sigma in (1.0, 1.6))
    if rotated:
        hr, sr = hr.transpose(1, 0, 2), sr.transpose(1, 0, 2)
    assert mtf50_ratio(hr, hr) == 1
    assert mtf50_ratio(sr, hr) == pytest.approx(1 / 1.6, rel=0.08)
    assert mtf50_ratio(hr, sr) == pytest.approx(1.6, rel=0.08)


def test_no_edge_no_value() -> None:
    photo = make_photo(0, 96, 96)
    noise = np.random.default_rng(0).integers(0, 256, (96, 96, 3), dtype=np.uint8)
    flat = np.full((96, 96, 3), 100, np.uint8)
    for levels in (edge(1, 0, 48), edge(1, 0.9, 48), edge(1, 0.1, 48, 100, 110)):
        assert mtf50_ratio(picture(levels), picture(levels)) is None
    for image in (noise, flat, flat[:20]):
        assert mtf50_ratio(image, image) is None
    assert mtf50_ratio(photo, photo) in (None, 1)
