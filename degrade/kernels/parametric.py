"""Kernels given by a formula."""

import numpy as np

from degrade.arrays import F32
from degrade.kernels.transfer_function import MAX_LOG, MIN_LOG, variance_factor

_FINE = 5
"""Samples per pixel and axis of kernels with steep flanks."""


def gaussian_kernel(sigmas: tuple[float, float], angle: float, size: int) -> F32:
    """Return an anisotropic Gaussian kernel, k(u) ~ exp(-u' S^-1 u / 2).

    Args:
        sigmas: Standard deviations along the kernel's two axes, in HR pixels.
        angle: From the x axis (columns, rightwards) to the first axis, radians, towards larger
            rows.
        size: Side of the canvas.

    Returns:
        [size, size] float32, sum 1, centred at (size - 1) / 2.
    """
    place = np.arange(size) - (size - 1) / 2
    rows, cols = np.meshgrid(place, place, indexing="ij")
    along = (cols * np.cos(angle) + rows * np.sin(angle)) / sigmas[0]
    across = (rows * np.cos(angle) - cols * np.sin(angle)) / sigmas[1]
    weights = np.exp(-0.5 * (along**2 + across**2))
    return np.asarray(weights / weights.sum(), np.float32)


def generalised_kernel(
    sigmas: tuple[float, float], angle: float, exponent: float, size: int
) -> F32:
    """Return a kernel k(u) ~ exp(-c (u' S^-1 u)^exponent) whose covariance is S.

    Args:
        sigmas: As for `gaussian_kernel`, which the exponent 1 gives.
        angle: Likewise.
        exponent: Above 1 the top is flatter and the flanks are steeper, up to a disc's; below 1
            the tails are heavier.
        size: Side of the canvas.

    Returns:
        [size, size] float32, sum 1, centred at (size - 1) / 2.
    """
    if exponent == 1:
        return gaussian_kernel(sigmas, angle, size)
    place = (np.arange(size * _FINE) + 0.5) / _FINE - size / 2
    rows, cols = np.meshgrid(place, place, indexing="ij")
    # Averaging over a pixel adds its own variance of 1/12.
    first, second = (np.sqrt(max(sigma**2 - 1 / 12, 1 / 48)) for sigma in sigmas)
    along = (cols * np.cos(angle) + rows * np.sin(angle)) / first
    across = (rows * np.cos(angle) - cols * np.sin(angle)) / second
    fine = np.exp(-variance_factor(exponent) * (along**2 + across**2) ** exponent)
    weights = fine.reshape(size, _FINE, size, _FINE).mean(axis=(1, 3))
    return np.asarray(weights / weights.sum(), np.float32)


def shape_exponent(kernel: F32) -> float:
    """Return the exponent of the generalised Gaussian with a kernel's kurtosis (Mardia's).

    E (u' S^-1 u)^2 is 8 for a Gaussian, for which the exponent is 1, and 16/3 for an ellipse.

    Args:
        kernel: [S, S] non-negative.

    Returns:
        The exponent, between the 0.4 and 8 that the spectral estimator knows; 0 if the kernel is
        empty or narrower than a pixel.
    """
    from scipy.special import gammaln  # a fifth of a second, when first needed

    major, minor, angle = gaussian_parameters(kernel)
    if minor < 0.3:
        return 0.0
    place = np.arange(kernel.shape[0], dtype=np.float64)
    rows, cols = np.meshgrid(place, place, indexing="ij")
    weights = kernel.astype(np.float64) / kernel.sum(dtype=np.float64)
    row, col = rows - (weights * rows).sum(), cols - (weights * cols).sum()
    along = (col * np.cos(angle) + row * np.sin(angle)) / major
    across = (row * np.cos(angle) - col * np.sin(angle)) / minor
    kurtosis = float((weights * (along**2 + across**2) ** 2).sum())
    logs = np.linspace(MIN_LOG, MAX_LOG, 400)
    inverse = np.exp(-logs)
    known = 4 * np.exp(gammaln(3 * inverse) + gammaln(inverse) - 2 * gammaln(2 * inverse))
    return float(np.exp(logs[np.abs(known - kurtosis).argmin()]))


def gaussian_parameters(kernel: F32) -> tuple[float, float, float]:
    """Return the larger sigma, the smaller and the first's angle of a kernel, by second moments.

    Args:
        kernel: [S, S] non-negative, sum 1.

    Returns:
        Standard deviations in HR pixels along the principal axes, and the angle in radians, 0 to
        pi, as `gaussian_kernel` takes them; zeros for an empty kernel.
    """
    total = float(kernel.sum())
    if total <= 0:
        return 0.0, 0.0, 0.0
    place = np.arange(kernel.shape[0], dtype=np.float64)
    rows, cols = np.meshgrid(place, place, indexing="ij")
    weights = kernel.astype(np.float64) / total
    row, col = rows - (weights * rows).sum(), cols - (weights * cols).sum()
    cross = (weights * row * col).sum()
    moments = np.array([[(weights * col**2).sum(), cross], [cross, (weights * row**2).sum()]])
    variances, axes = np.linalg.eigh(moments)
    minor, major = np.sqrt(np.maximum(variances, 0))
    return float(major), float(minor), float(np.arctan2(axes[1, 1], axes[0, 1]) % np.pi)
