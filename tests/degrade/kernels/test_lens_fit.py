"""Lenses found on simulated photos, and the tests that decide whether there is one."""

import re

import numpy as np
import pytest

from degrade.kernels.lens import Lens
from degrade.kernels.lens_evidence import FEWEST_WINDOWS, LensEvidence, lens_evidence
from degrade.kernels.lens_fit import (
    LEAST_SHIFT,
    LEVEL,
    FittedLens,
    colour_shift,
    fit_lens,
    hotelling,
)
from degrade.kernels.lens_settings import FEWEST_PHOTOS
from degrade.kernels.shape import l1_distance
from tests.photos import make_photo
from tests.simulated_lens import SCALE, SHIFT, even_lens, kernels_at, measured_once, photo

PHOTOS = FEWEST_PHOTOS
PLACES = np.linspace(0.05, 0.95, 7)


def found_on(*, even: bool) -> tuple[list[LensEvidence], FittedLens]:
    seen = [measured_once(photo(seed, even=even), 4) for seed in range(PHOTOS)]
    told = [one for one in seen if isinstance(one, LensEvidence)]
    assert len(told) == PHOTOS, [one for one in seen if isinstance(one, str)]
    return told, fit_lens(told, SCALE)


@pytest.fixture(scope="module")
def uneven() -> tuple[list[LensEvidence], FittedLens]:
    return found_on(even=False)


@pytest.fixture(scope="module")
def even() -> tuple[list[LensEvidence], FittedLens]:
    return found_on(even=True)


def distances(lens: Lens) -> np.ndarray:
    """Return the L1 distances to the truth by place and colour."""
    found = []
    for radius in PLACES:
        share = [np.interp(radius, lens.radii, one) for one in np.eye(len(lens.radii))]
        kernels = np.tensordot(share, lens.weights, 1)
        both = zip(kernels, kernels_at(radius), strict=True)
        found.append([l1_distance(mine, truth) for mine, truth in both])
    return np.array(found)


def test_a_lens_is_found_by_place_and_colour(uneven: tuple[object, FittedLens]) -> None:
    found = uneven[1]
    assert found.place.supported and found.colour.supported
    assert distances(found.lens).mean() <= 0.12
    one = Lens(np.array([0.0, 1.0]), np.broadcast_to(found.lens.mean, (2, 3, 16, 16)), np.zeros(2))
    assert distances(one).mean() >= 0.28
    assert distances(one)[[0, -1]].mean() >= 0.4
    np.testing.assert_allclose(found.lens.weights.sum(axis=(2, 3)), 1, atol=1e-5)
    assert (np.diff(found.sigma, axis=0) > 0).all(), "blur grows outwards"
    np.testing.assert_allclose(found.lens.shift, SHIFT, atol=0.06)


def test_a_camera_without_variation_keeps_one_kernel(even: tuple[object, FittedLens]) -> None:
    found = even[1]
    assert not found.place.supported and not found.colour.supported
    assert not any(shift.supported for shift in found.shifts)
    assert (found.lens.weights == found.lens.weights[0, 0]).all() and not found.lens.shift.any()
    assert l1_distance(found.lens.mean, even_lens().mean) < 0.15


def test_place_alone_and_colour_alone(uneven: tuple[list[LensEvidence], FittedLens]) -> None:
    def fit(change: object) -> FittedLens:
        seen = uneven[0]
        assert callable(change)
        return fit_lens(
            [LensEvidence(change(e.blur), e.variance, e.radius, 0 * e.shift) for e in seen], SCALE
        )

    by_place = fit(lambda blur: np.repeat(blur[:, 1:2], 3, axis=1))
    assert by_place.place.supported and not by_place.colour.supported
    assert (by_place.lens.weights == by_place.lens.weights[:, :1]).all()
    by_colour = fit(lambda blur: np.repeat(blur[1:2], 4, axis=0))
    assert by_colour.colour.supported and not by_colour.place.supported
    assert (by_colour.lens.weights == by_colour.lens.weights[:1]).all()
    assert not by_colour.lens.shift.any()


def test_hotelling_is_believed_by_chance_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    mixing = rng.standard_normal((3, 3))
    found = [hotelling(rng.standard_normal((12, 3)) @ mixing)[1] for _ in range(2000)]
    for level in (LEVEL, 0.1, 0.5):
        assert np.mean(np.array(found) < level) == pytest.approx(level, abs=0.035 * level**0.5)


def test_hotelling_does_not_depend_on_units_and_sees_a_difference() -> None:
    rng = np.random.default_rng(1)
    rows = rng.standard_normal((15, 3)) + 1
    statistic, probability = hotelling(rows)
    other = hotelling(rows @ np.array([[2.0, 0.3, 0], [0, 5, 1], [0, 0, 0.1]]))
    assert other == pytest.approx((statistic, probability)) and probability < LEVEL
    assert hotelling(np.zeros((15, 3))) == (0.0, 1.0)


def test_a_colours_shift_is_believed_if_sure_and_large() -> None:
    rng = np.random.default_rng(2)
    large = colour_shift(0.4 + 0.1 * rng.standard_normal(20))
    assert large.supported and large.pixels == pytest.approx(0.4, abs=3 * large.error)
    assert not colour_shift(0.5 * LEAST_SHIFT + 0.01 * rng.standard_normal(20)).supported
    assert not colour_shift(np.where(np.arange(20) % 2, 0.9, -0.6)).supported
    few = colour_shift(np.array([np.nan, 0.5, np.nan]))
    assert (few.photos, few.pixels, few.probability) == (1, 0.0, 1.0)


def with_grain_in_the_middle() -> np.ndarray:
    picture = photo(0, even=True).copy()
    picture[64:224, 112:272] = np.random.default_rng(0).integers(90, 110, (160, 160, 3))
    return picture


@pytest.mark.parametrize(
    ("picture", "text"),
    [
        (np.zeros((100, 300, 3), np.uint8), "300x100 pixels, too small: each side needs 128 or"),
        (make_photo(1, 144, 160), rf"0 windows in ring \d of 4, fewer than {FEWEST_WINDOWS}"),
        (np.repeat(photo(0, even=True)[..., :1], 3, axis=2), "has no colour"),
        (with_grain_in_the_middle(), "ring 1 of 4, red: no"),
    ],
)
def test_photos_that_do_not_tell_say_why(picture: np.ndarray, text: str) -> None:
    found = lens_evidence(picture, 4)
    assert isinstance(found, str) and re.search(text, found), found
