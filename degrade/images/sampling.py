"""Sparse matrices that sample one axis of an image with any kernel, at any positions."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from degrade.arrays import F32, F64, I64

if TYPE_CHECKING:
    from scipy.sparse import csr_array


def sampling_matrix(
    length: int, centres: npt.NDArray[np.floating], support: float, profile: Callable[[F64], F64]
) -> "csr_array":
    """Return the [len(centres), length] float32 matrix that samples an axis of ``length`` pixels.

    Args:
        length: Pixels along the axis; beyond them it is mirrored, edge pixels repeated.
        centres: Where to sample, in pixels.
        support: The kernel is zero farther than this from its centre.
        profile: Takes pixel positions relative to their centre, [samples, taps], to weights.
    """
    from scipy.sparse import csr_array  # a tenth of a second, which most commands are spared

    taps = int(np.ceil(2 * support)) + 1
    index = np.ceil(centres - support).astype(np.int64)[:, None] + np.arange(taps)
    weights = profile(index - centres[:, None])
    row = np.repeat(np.arange(len(centres)), taps)
    entries = (weights.ravel(), (row, symmetric(index, length).ravel()))
    matrix = csr_array(entries, shape=(len(centres), length), dtype=np.float32)
    matrix.eliminate_zeros()
    return matrix


def sample_rows(matrix: "csr_array", image: F32) -> F32:
    """Apply a sampling matrix to the first axis of an image."""
    sampled = matrix @ image.reshape(image.shape[0], -1)
    return np.asarray(sampled, np.float32).reshape(-1, *image.shape[1:])


def sample_columns(matrix: "csr_array", image: F32) -> F32:
    """Apply a sampling matrix to the second axis of an image."""
    return np.ascontiguousarray(sample_rows(matrix, image.swapaxes(0, 1)).swapaxes(0, 1))


def symmetric(index: I64, length: int) -> I64:
    """Return the pixels that an axis shows at any index: mirrored, edge pixels repeated."""
    index = index % (2 * length)
    return np.minimum(index, 2 * length - 1 - index)
