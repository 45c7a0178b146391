"""KernelGAN's kernel and the spectrum's of one photo made one, each weighted by its evidence."""

from dataclasses import replace

import numpy as np

from degrade.arrays import F32, F64
from degrade.kernels.acceptance import KernelEstimate
from degrade.kernels.expected_error import as_score, expected_error, score
from degrade.kernels.parametric import gaussian_parameters
from degrade.kernels.shape import l1_distance
from degrade.kernels.spectral import Blur, SpectralEstimate

GAN_ERROR = 0.4
"""L1 error that a trained kernel is taken to have: its mean where the truth is known."""
MIN_SIGMA = 0.2
"""Least standard deviation of a trained kernel, HR pixels; a single pixel has none."""


def combine(
    trained: KernelEstimate, spectrum: SpectralEstimate | str, scale: int
) -> KernelEstimate:
    """Return the mean of two estimates' log covariances, weighted by inverse expected errors.

    The shape is the spectrum's, for a trained kernel is pruned. The two err for different reasons,
    so their agreement is evidence: the score falls with the error of the mean, as expected from
    theirs, and with half their distance.

    Args:
        trained: KernelGAN's estimate; one that was refused stays refused.
        spectrum: The spectrum's, or why there is none, which refuses the photo.
        scale: HR pixels per LR pixel.
    """
    if not trained.accepted:
        return trained
    if isinstance(spectrum, str):
        return _refused(trained, spectrum)
    other = expected_error(spectrum)
    share = GAN_ERROR**2 / (GAN_ERROR**2 + other**2)
    first, second = spectrum.blur.values, log_covariance(trained.weights, scale)
    values = np.append(share * first[:3] + (1 - share) * second, first[3])
    apart = l1_distance(spectrum.blur.kernel(scale), trained.weights)
    error = np.hypot(np.hypot(share * other, (1 - share) * GAN_ERROR), apart / 2)
    kernel = Blur(values, spectrum.blur.variance).kernel(scale)
    return replace(trained, weights=kernel, score=trained.score * as_score(float(error)))


def scored_by_spectrum(
    trained: KernelEstimate, spectrum: SpectralEstimate | str, scale: int
) -> KernelEstimate:
    """Lower KernelGAN's score by its kernel's distance from what the photo's spectrum says.

    A photo whose spectrum shows no blur, such as pure noise, is refused: KernelGAN gives a kernel
    for anything.
    """
    if not trained.accepted:
        return trained
    if isinstance(spectrum, str):
        return _refused(trained, spectrum)
    return replace(trained, score=trained.score * score(spectrum, trained.weights, scale))


def _refused(trained: KernelEstimate, reason: str) -> KernelEstimate:
    nothing = np.zeros_like(trained.weights)
    return replace(trained, weights=nothing, score=0.0, accepted=False, reason=reason)


def log_covariance(kernel: F32, scale: int) -> F64:
    """Return (m, a, b) of a kernel as `Blur` has them, by its second moments."""
    major, minor, angle = gaussian_parameters(kernel)
    large, small = (2 * np.log(max(sigma, MIN_SIGMA) / scale) for sigma in (major, minor))
    half = (large - small) / 2
    return np.array([(large + small) / 2, half * np.cos(2 * angle), half * np.sin(2 * angle)])
