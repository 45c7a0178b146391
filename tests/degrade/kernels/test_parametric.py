"""The tabulated transfer functions are those of the kernels they stand for."""

import numpy as np
import pytest
from scipy.special import j1

from degrade.kernels.parametric import MAX_LOG, generalised_kernel, power_gain, variance_factor


def gain(frequency: np.ndarray, log_exponent: float) -> np.ndarray:
    return power_gain(frequency[None], np.array([log_exponent]))[0][0]


def test_the_exponent_one_is_the_gaussian() -> None:
    frequency = np.linspace(0, 3, 50)
    np.testing.assert_allclose(gain(frequency, 0.0), np.exp(-(frequency**2)), atol=0.01)
    assert variance_factor(1.0) == pytest.approx(0.5)


def test_large_exponents_approach_the_disc() -> None:
    # A disc of variance 1 per axis has the radius 2.
    frequency = np.linspace(0.1, 1.2, 20)
    disc = (2 * j1(2 * frequency) / (2 * frequency)) ** 2
    np.testing.assert_allclose(gain(frequency, MAX_LOG), disc, atol=0.02)


@pytest.mark.parametrize("across", ["frequency", "exponent"])
def test_slopes_are_those_of_the_gain_and_have_no_steps(across: str) -> None:
    frequency, log_exponent = np.linspace(0.2, 4, 400), np.linspace(-0.8, 2, 400)

    def along(move: float) -> tuple[np.ndarray, ...]:
        there = frequency + move * (across == "frequency")
        shape = log_exponent + move * (across == "exponent")
        return tuple(part[:, 0] for part in power_gain(there[:, None], shape))

    here, step = along(0.0), 1e-6
    slope = (along(step)[0] - along(-step)[0]) / (2 * step)
    which = 1 if across == "frequency" else 2
    np.testing.assert_allclose(here[which], slope, atol=1e-6)
    for part in (1, 2):  # a table's cell apart at most, and less than it turns within one
        assert np.abs(along(1e-7)[part] - along(-1e-7)[part]).max() < 1e-5


@pytest.mark.parametrize("exponent", [0.6, 1.5, 4.0])
def test_it_is_the_kernels_own_fourier_transform(exponent: float) -> None:
    kernel = generalised_kernel((3.0, 3.0), 0, exponent, 64)
    power = np.abs(np.fft.fft2(kernel))[0, :12] ** 2
    frequency = 2 * np.pi * np.arange(12) / 64 * 3
    np.testing.assert_allclose(power, gain(frequency, np.log(exponent)), atol=0.02)
