"""The spectrum's model: its gradient is that of its values, and its parts are what they say."""

import numpy as np
import pytest
from scipy.linalg import expm
from scipy.optimize import approx_fprime

from degrade.kernels.spectral_model import AMPLITUDES, _matrix_exponential, log_power
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
