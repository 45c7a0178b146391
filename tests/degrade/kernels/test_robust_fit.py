"""The fits find minima, alone or side by side, and Huber's loss is what it says."""

import numpy as np
from scipy.optimize import least_squares

from degrade.kernels.robust_fit import huber, minimise


def curves(points: np.ndarray, seen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Exponentials a exp(-b x) through what was seen, and their slopes."""
    x = np.linspace(0, 2, seen.shape[1])
    fall = np.exp(-points[:, 1:] * x)
    slopes = np.stack([fall, -points[:, :1] * x * fall], axis=2)
    return points[:, :1] * fall - seen, slopes


def test_the_minimum_is_scipys_and_each_problem_is_its_own() -> None:
    rng = np.random.default_rng(0)
    truth = np.array([[2.0, 0.5], [0.7, 3.0], [5.0, 1.5]])
    seen = curves(truth, np.zeros((3, 20)))[0] + rng.normal(0, 0.05, (3, 20))
    start = np.ones((3, 2))
    found = minimise(lambda points: curves(points, seen), start)
    for number in range(3):
        own = seen[[number]]
        alone = minimise(lambda points, own=own: curves(points, own), start[:1])
        assert np.array_equal(alone.points[0], found.points[number])
        assert np.array_equal(alone.variance[0], found.variance[number])
        scipys = least_squares(
            lambda point, own=own: curves(point[None], own)[0][0], start[0], method="lm"
        )
        np.testing.assert_allclose(found.points[number], scipys.x, rtol=1e-4)
        np.testing.assert_allclose(found.cost[number], 2 * scipys.cost, rtol=1e-6)
        known = np.diag(np.linalg.inv(scipys.jac.T @ scipys.jac))
        np.testing.assert_allclose(found.variance[number], known, rtol=1e-3)


def test_hubers_loss_is_square_near_zero_and_linear_beyond() -> None:
    residuals = np.array([-5.0, -1.0, -0.3, 0.0, 0.9, 1.0, 4.0])
    values, slopes = huber(residuals)
    size = np.abs(residuals)
    np.testing.assert_allclose(values**2, np.where(size < 1, size**2, 2 * size - 1))
    step = 1e-6
    np.testing.assert_allclose((huber(residuals + step)[0] - values) / step, slopes, atol=1e-5)
