"""Kernels given by a formula."""

import numpy as np

from degrade.arrays import F32


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
