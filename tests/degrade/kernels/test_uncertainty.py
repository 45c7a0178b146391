"""Intervals hold what is drawn, and the truth; more photos leave less open."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks.kernel_intervals import coverage
from degrade.arrays import F64
from degrade.kernels.pooling import INFLATION, pool
from degrade.kernels.shape import centre_of_mass
from degrade.kernels.spectral import Blur
from degrade.kernels.uncertainty import (
    IN_COMMON,
    LEVEL,
    HalfWidths,
    deviation,
    drawn,
    half_widths,
    learn,
)

VALUES: F64 = np.array([-1.0, 0.5, 0.2, 0.0])
DEVIATIONS: F64 = np.array([0.1, 0.08, 0.08, 0.0])


def test_nine_of_ten_draws_lie_within_the_intervals() -> None:
    rng = np.random.default_rng(0)
    truths = VALUES + DEVIATIONS * rng.standard_normal((2000, 4))
    half = half_widths(VALUES[None], DEVIATIONS[None], 2)
    middle = np.array(Blur(VALUES, DEVIATIONS).parameters(2))
    others = np.array([Blur(truth, DEVIATIONS).parameters(2) for truth in truths])
    apart = np.abs(others - middle)
    apart[:, 2] = np.minimum(apart[:, 2], np.pi - apart[:, 2])
    held = (apart <= half.of(0)).mean(axis=0)
    np.testing.assert_allclose(held, LEVEL, atol=0.02)


def test_of_a_round_kernel_no_direction_is_known() -> None:
    half = half_widths(np.zeros((1, 4)), DEVIATIONS[None], 2)
    assert half.angle[0] == np.pi / 2
    assert half.sigma_major[0] == pytest.approx(half.sigma_minor[0])


def test_intervals_grow_with_the_deviation_and_with_the_scale() -> None:
    narrow = half_widths(VALUES[None], DEVIATIONS[None], 2)
    for wide in (
        half_widths(VALUES[None], 2 * DEVIATIONS[None], 2),
        half_widths(VALUES[None], DEVIATIONS[None], 4),
    ):
        assert wide.sigma_major[0] > 1.9 * narrow.sigma_major[0]


def test_what_photos_err_in_alike_stays_however_many_there_are() -> None:
    rng = np.random.default_rng(1)
    variance = np.array([0.01, 0.01, 0.01, 0.04])
    blurs = [Blur(VALUES + rng.normal(0, 0.1, 4) * [1, 1, 1, 0], variance) for _ in range(40)]
    alone, pooled = deviation(blurs[0], pooled=False), deviation(pool(blurs)[0], pooled=True)
    np.testing.assert_allclose(alone**2, INFLATION * variance + IN_COMMON**2)
    assert (IN_COMMON[:3] <= pooled[:3]).all() and (pooled[:3] < 0.6 * alone[:3]).all()


def test_drawn_kernels_are_kernels_about_the_estimate() -> None:
    rng = np.random.default_rng(2)
    kernels = [drawn(VALUES, DEVIATIONS, 2, rng) for _ in range(200)]
    for kernel in kernels[:5]:
        assert kernel.sum() == pytest.approx(1, abs=1e-5)
        np.testing.assert_allclose(centre_of_mass(kernel), 7.5, atol=1e-3)
    middle = Blur(VALUES, DEVIATIONS).kernel(2)
    assert np.abs(np.mean(kernels, axis=0) - middle).sum() < 0.05
    assert np.abs(kernels[0] - middle).sum() > 0
    np.testing.assert_array_equal(drawn(VALUES, np.zeros(4), 2, rng), middle)


def test_more_photos_leave_less_open() -> None:
    rng = np.random.default_rng(3)
    found = VALUES + rng.normal(0, 0.3, (40, 4)) * [1, 1, 1, 0]
    learning = learn([Blur(values, np.full(4, 0.02)) for values in found])
    assert list(learning.errors) == [1, 2, 5, 10, 20, 40] and learning.photos == 40
    errors = np.array(list(learning.errors.values()))
    assert errors[0] > 1.2 * errors[-1] and (np.diff(errors) < 0.1 * errors[:-1]).all()
    assert 0 < learning.least <= errors[-1]


def test_the_law_goes_on_to_more_photos() -> None:
    unsure = Blur(VALUES, np.full(4, 0.1))
    learning = learn([unsure] * 12)
    assert learning.halved is not None and 48 < learning.halved < 400
    more = learn([unsure] * learning.halved)
    assert more.errors[learning.halved] == pytest.approx(learning.errors[12] / 2, rel=0.05)
    assert more.least == pytest.approx(learning.least, rel=0.1)
    sure = [Blur(VALUES, np.full(4, 1e-6))] * 12
    assert learn(sure).halved is None
    assert list(learn(sure[:1]).errors) == [1]


def test_no_intervals_of_no_kernels() -> None:
    none: HalfWidths = half_widths(np.zeros((0, 4)), np.zeros((0, 4)), 2)
    assert len(none.sigma_major) == 0


@pytest.mark.data
def test_intervals_hold_the_truth_of_simulated_photos(shared_data: Path) -> None:
    held = coverage([shared_data / "clean", shared_data / "scenes"], "krk_x2", seed=7, count=40)
    assert 0.85 <= held.of_sigmas <= 0.97
    assert 0.8 <= held.of_angles <= 0.97
