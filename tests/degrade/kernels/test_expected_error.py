"""The expected error and the score rank kernels by what they are worth."""

from dataclasses import replace

import numpy as np
import pytest

from degrade.images.colour import to_uint8
from degrade.kernels.expected_error import as_score, expected_error, score
from degrade.kernels.parametric import gaussian_kernel
from degrade.kernels.spectral import SpectralEstimate, estimate
from tests.degrade.kernels.test_spectral import fitted, photo


@pytest.fixture(scope="module")
def good() -> SpectralEstimate:
    return fitted(1, gaussian_kernel((1.5, 1.5), 0, 16))


def test_halves_that_differ_noise_and_misfit_raise_the_expected_error(
    good: SpectralEstimate,
) -> None:
    first = good.halves[0]
    torn = replace(first, values=first.values + np.array([1.0, 0, 0, 0]))
    for worse in (
        replace(good, halves=(torn, *good.halves[1:])),
        replace(good, noise=good.noise + 2),
        replace(good, cost=good.cost * 4 + 50),
        replace(good, floor_moved=good.floor_moved + 2),
    ):
        assert expected_error(worse) > expected_error(good) + 0.01
    assert as_score(0.0) == 1 and 0 < as_score(0.9) < 0.06


def test_it_is_expected_to_be_worse_with_noise_and_the_noisiest_is_refused() -> None:
    kernel = gaussian_kernel((1.5, 1.5), 0, 16)
    errors = [expected_error(fitted(1, kernel, noise)) for noise in (0.0, 5.0, 15.0)]
    assert errors[0] < errors[1] < errors[2]
    drowned = estimate(to_uint8(photo(1, kernel, noise=80.0)))
    assert isinstance(drowned, str) and drowned.startswith("noise or nothing")


def test_the_score_falls_with_the_distance_from_the_spectral_kernel(good: SpectralEstimate) -> None:
    scores = [score(good, gaussian_kernel((s, s), 0, 16), 2) for s in (1.5, 2.0, 3.0)]
    assert 1 >= scores[0] > scores[1] > scores[2] >= 0
