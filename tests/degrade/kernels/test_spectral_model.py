"""The spectrum's model has its values' gradient, and the robust fits find minima."""

import numpy as np
import pytest
from scipy.linalg import expm
from scipy.optimize import approx_fprime, least_squares

from degrade.kernels.spectral_model import (
    AMPLITUDES,
    LocalQuadratic,
    _matrix_exponential,
    huber_sum,
    log_power,
    minimise,
)
from degrade.kernels.spectrum import ANGLES


@pytest.mark.parametrize("shaped", [False, True])
@pytest.mark.parametrize("turn", [(0.0, 0.0), (0.3, -0.2), (-0.5, 0.4)])
def test_the_gradient_is_that_of_the_values(turn: tuple[float, float], shaped: bool) -> None:
    shape = 0.31 if shaped else 0.0
    amplitudes = np.linspace(3, 6, ANGLES)
    amplitudes[-1] = 40  # beyond the limit: without slope
    point = np.array([-1.2, *turn, shape, 2.2, 0.4, *amplitudes])
    found = log_power(point[None], 0.05, shaped).gradient[0].T
    for column in range(len(point)):

        def along(value: np.ndarray, column: int = column) -> np.ndarray:
            moved = point.copy()
            moved[column] = value[0]
            return log_power(moved[None], 0.05, shaped).value[0]

        slope = approx_fprime(point[[column]], along, 1e-6)[:, 0]
        np.testing.assert_allclose(found[:, column], slope, atol=1e-4, err_msg=str(column))
    assert not found[:, -1].any() and found[:, AMPLITUDES].any()
    assert shaped == found[:, 3].any()


@pytest.mark.parametrize(("a", "b"), [(0.0, 0.0), (1e-9, 0.0), (0.4, -0.3), (2.0, 1.0)])
def test_the_exponential_is_the_matrix_one(a: float, b: float) -> None:
    (xx, xy, yy), _ = (part[0] for part in _matrix_exponential(*np.array([[-0.7], [a], [b]])))
    whole = expm(np.array([[-0.7 + a, b], [b, -0.7 - a]]))
    np.testing.assert_allclose([[xx, xy], [xy, yy]], whole, rtol=1e-9)


def curves(points: np.ndarray, seen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Exponentials a exp(-b x) less what was seen, and their slopes [K, 2, M]."""
    x = np.linspace(0, 2, seen.shape[1])
    fall = np.exp(-points[:, 1:] * x)
    slopes = np.stack([fall, -points[:, :1] * x * fall], axis=1)
    return points[:, :1] * fall - seen, slopes


def squares(points: np.ndarray, seen: np.ndarray) -> LocalQuadratic:
    return huber_sum(*curves(points, seen), bend=np.inf)


def test_the_minimum_is_scipys_and_each_problem_is_its_own() -> None:
    rng = np.random.default_rng(0)
    truth = np.array([[2.0, 0.5], [0.7, 3.0], [5.0, 1.5]])
    seen = curves(truth, np.zeros((3, 20)))[0] + rng.normal(0, 0.05, (3, 20))
    start = np.ones((3, 2))
    found = minimise(lambda points, rows: squares(points, seen[rows]), start)
    for number in range(3):
        own = seen[[number]]
        alone = minimise(lambda points, rows, own=own: squares(points, own), start[:1])
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
    residuals = np.array([-5.0, -1.2, -0.3, 0.0, 0.9, 1.1, 4.0])

    def loss(values: np.ndarray) -> LocalQuadratic:
        return huber_sum(values[:, None], np.ones((len(values), 1, 1)))

    size, here, step = np.abs(residuals), loss(residuals), 1e-6
    np.testing.assert_allclose(here.cost, np.where(size < 1, size**2, 2 * size - 1))
    rise = (loss(residuals + step).cost - loss(residuals - step).cost) / (2 * step)
    np.testing.assert_allclose(here.slope[:, 0], rise / 2, atol=1e-6)
    roots = np.copysign(np.sqrt(here.cost), residuals)  # whose squares the terms are
    steps = np.copysign(np.sqrt(loss(residuals + step).cost), residuals) - roots
    far = residuals != 0
    curvature = here.curvature[:, 0, 0]
    np.testing.assert_allclose(np.sqrt(curvature[far]), steps[far] / step, atol=1e-5)


def test_what_sums_are_like_adds_up() -> None:
    one, other = (huber_sum(np.full((1, 3), v), np.ones((1, 2, 3))) for v in (0.5, -2.0))
    both = huber_sum(np.array([[0.5] * 3 + [-2.0] * 3]), np.ones((1, 2, 6)))
    added = one + other
    for name in ("cost", "slope", "curvature"):
        np.testing.assert_allclose(getattr(added, name), getattr(both, name))
