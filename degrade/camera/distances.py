"""Squared distances of rows."""

import numpy as np

from degrade.arrays import F64


def squared_distances(first: F64, second: F64) -> F64:
    """Return the squared distances of rows [N, D] and [M, D], [N, M].

    By one matrix product: half the time of `scipy.spatial.distance.cdist` for the search's sizes,
    which asks for them thousands of times.
    """
    squares = np.square(first).sum(axis=1)[:, None] + np.square(second).sum(axis=1)
    squares -= 2 * first @ second.T
    return np.asarray(np.maximum(squares, 0))
