"""The combined kernel lies between its two, nearer to the one that is surer; refusals stay."""

from dataclasses import replace

import numpy as np
import pytest

from degrade.kernels.acceptance import KernelEstimate
from degrade.kernels.combined import combine, log_covariance, scored_by_spectrum
from degrade.kernels.parametric import gaussian_kernel, gaussian_parameters
from degrade.kernels.spectral import Blur, SpectralEstimate, estimate
from tests.degrade.kernels.test_spectral import fitted


@pytest.fixture(scope="module")
def spectrum() -> SpectralEstimate:
    return fitted(1, gaussian_kernel((1.8, 1.8), 0, 16))


def trained(kernel: np.ndarray) -> KernelEstimate:
    return KernelEstimate(kernel, "a", 0, 1.0, True, "")


def sigma(found: KernelEstimate) -> float:
    major, minor, _ = gaussian_parameters(found.weights)
    return float(np.sqrt(major * minor))


def test_it_lies_between_and_nearer_to_the_surer_one(spectrum: SpectralEstimate) -> None:
    narrow = trained(gaussian_kernel((0.9, 0.9), 0, 16))
    spectral_sigma = sigma(trained(spectrum.blur.kernel(2)))
    sure = combine(narrow, replace(spectrum, noise=0.0), 2)
    unsure = combine(narrow, replace(spectrum, noise=20.0), 2)
    assert 0.9 < sigma(unsure) < sigma(sure) < spectral_sigma
    assert sigma(unsure) < 1.05 and sigma(sure) > 0.7 * spectral_sigma
    assert sure.accepted and sure.weights.sum() == pytest.approx(1, abs=1e-5)


def test_agreement_is_the_score(spectrum: SpectralEstimate) -> None:
    kernels = [spectrum.blur.kernel(2), gaussian_kernel((1.2, 1.2), 0, 16)]
    agreed, differed = (combine(trained(kernel), spectrum, 2) for kernel in kernels)
    assert 0 < differed.score < 0.8 * agreed.score <= 1


def test_refusals_of_either_stay(spectrum: SpectralEstimate) -> None:
    kernel = gaussian_kernel((1.2, 1.2), 0, 16)
    refused = replace(trained(kernel), accepted=False, reason="training diverged")
    assert combine(refused, spectrum, 2) is refused
    drowned = combine(trained(kernel), "noise or nothing", 2)
    assert not drowned.accepted and drowned.reason == "noise or nothing"
    assert drowned.score == 0 and not drowned.weights.any()


def test_log_covariance_is_the_blurs_own() -> None:
    blur = Blur(np.array([np.log(0.5), 0.3, -0.2, 0.0]), np.ones(4))
    np.testing.assert_allclose(log_covariance(blur.kernel(4), 4), blur.values[:3], atol=0.02)


def test_a_trained_kernel_of_pure_noise_is_refused_with_the_reason() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (200, 200, 3), dtype=np.uint8)
    found = scored_by_spectrum(trained(gaussian_kernel((1.2, 1.2), 0, 16)), estimate(noise), 2)
    assert not found.accepted and found.score == 0 and not found.weights.any()
    assert found.reason.startswith(("noise or nothing", "no scene"))


def test_a_trained_kernel_far_from_the_spectrums_scores_less(spectrum: SpectralEstimate) -> None:
    near, far = (
        scored_by_spectrum(trained(gaussian_kernel((s, s), 0, 16)), spectrum, 2) for s in (1.8, 0.9)
    )
    assert near.accepted and far.accepted and 0 < far.score < 0.5 * near.score
