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
