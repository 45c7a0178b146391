"""Noise variance from textured areas: the floor under the local residuals of a set of photos."""

import cv2
import numpy as np

from degrade.arrays import F64, I64, Bool, Image

BLOCK = 16
"""Side of the blocks in which a residual's power is averaged, pixels."""
PIXELS = 2**18
"""Pixels of each photo that are looked at; the curve is a whole set's."""
BINS = 16
"""Ranges of brightness, of 16 levels of 0..255 each."""
CENTRES: F64 = np.asarray(np.arange(BINS) * (256 / BINS) + 128 / BINS, np.float64)
"""The brightness in the middle of each range."""
STEP, LOWEST, STEPS = 0.1, -4.0, 160
"""Width, lower end and number of the histogram's ranges of log power."""
RESIDUAL: F64 = np.array([[1.0, -1.0], [-1.0, 1.0]])
"""The mixed difference, which neither ramps nor straight edges along the axes reach."""
RESIDUALS_OWN: F64 = np.outer([-1.0, 2.0, -1.0], [-1.0, 2.0, -1.0])
"""Its autocorrelation."""
SMOOTHNESS = 100.0
"""Weight of the curve's second differences beside that of the best-known range."""


def residual_histogram(photo: Image) -> I64:
    """Count a photo's blocks by brightness and by the power of their mixed differences.

    Blocks with a clipped pixel (0 or 255) are left out of that channel.

    Args:
        photo: [H, W, 3]; uint8, or float32 in [0, 1].

    Returns:
        [3, BINS, STEPS]: channel, brightness, logarithm of the mean squared residual (0..255).
    """
    levels = _block_rows(photo).astype(np.float32)
    if photo.dtype != np.uint8:
        levels *= 255
    power = np.square(cv2.filter2D(levels, cv2.CV_32F, RESIDUAL, anchor=(0, 0)))
    # The last row and column of a block reach into the next one and are left out.
    power[BLOCK - 1 :: BLOCK], power[:, BLOCK - 1 :: BLOCK] = 0, 0
    clipped = ((levels <= 0) | (levels >= 255)).astype(np.float32)
    mean, energy, lost = _blocks(levels), _blocks(power), _blocks(clipped)
    energy *= (BLOCK / (BLOCK - 1)) ** 2
    found = np.zeros((3, BINS, STEPS), np.int64)
    for channel in range(3):
        bright, strong = mean[..., channel], energy[..., channel]
        kept: Bool = (lost[..., channel] == 0) & (strong > np.exp(LOWEST))
        row = np.minimum(bright[kept] * BINS / 256, BINS - 1).astype(int)
        column = np.clip((np.log(strong[kept]) - LOWEST) / STEP, 0, STEPS - 1).astype(int)
        cells = np.bincount(row * STEPS + column, minlength=BINS * STEPS)
        found[channel] = cells.reshape(BINS, STEPS)
    return found


def _block_rows(photo: Image) -> Image:
    """Return rows of blocks spread over a photo, of `PIXELS` at most, one below the other."""
    rows = photo.shape[0] // BLOCK
    step = max(1, -(-rows * BLOCK * photo.shape[1] // PIXELS))
    cut = photo[: rows * BLOCK].reshape(rows, BLOCK, *photo.shape[1:])[::step]
    return cut.reshape(-1, *photo.shape[1:])


def variance_curve(histogram: I64, autocorrelation: F64) -> F64:
    """Return the noise variance at each brightness that explains a set's residuals.

    In each range of brightness the log power is modelled as the floor, spread as the mean of a
    block's correlated squares is, alone (flat blocks) or above it an exponential excess (texture).
    The ranges are joined by a curve of small second differences, weighted by their flat blocks and
    by the inverse square of their variance: a floor is right or wrong by a factor, and texture
    where few blocks are would otherwise bend the curve everywhere.

    Args:
        histogram: Sum of `residual_histogram` over the photos.
        autocorrelation: [2R+1, 2R+1] of the noise, 1 in the middle: how much of a unit variance
            the mixed difference sees.

    Returns:
        [3, BINS]: variance in squared levels of 0..255, at CENTRES.
    """
    gain, spread = residual_gain(autocorrelation)
    floors = np.ones((3, BINS))
    weights = np.zeros((3, BINS))
    for channel, row in np.ndindex(3, BINS):
        counts = histogram[channel, row]
        if counts.any():
            log_floor, flat = _fit_floor(counts, spread)
            floors[channel, row] = np.exp(log_floor) / gain
            weight = counts.sum() * (flat**2 + 1e-4)
            weights[channel, row] = weight / floors[channel, row] ** 2
    return np.stack([_smooth(v, w) for v, w in zip(floors, weights, strict=True)])


def residual_gain(autocorrelation: F64) -> tuple[float, float]:
    """Return the mean squared residual of unit noise, and the spread of its mean over a block.

    The spread is the standard deviation of the logarithm, from the Gaussian's fourth moments.
    """
    side = len(autocorrelation)
    correlated = np.zeros((side + 2, side + 2))
    for (row, column), weight in np.ndenumerate(RESIDUALS_OWN):
        correlated[row : row + side, column : column + side] += weight * autocorrelation
    gain = float(correlated[len(correlated) // 2, len(correlated) // 2])
    gain = max(gain, 1e-3)
    spread = np.sqrt(2 * np.square(correlated / gain).sum()) / (BLOCK - 1)
    return gain, float(spread)


def _blocks(plane: Image) -> F64:
    """Return the mean of each block, [rows, cols, 3]."""
    rows, columns = plane.shape[0] // BLOCK, plane.shape[1] // BLOCK
    whole = plane[: rows * BLOCK, : columns * BLOCK]
    means = cv2.resize(whole, (columns, rows), interpolation=cv2.INTER_AREA)
    return np.asarray(means.reshape(rows, columns, 3), np.float64)


def _fit_floor(counts: I64, spread: float) -> tuple[float, float]:
    """Return the log power of the floor and the share of flat blocks, by maximum likelihood."""
    from scipy.optimize import minimize  # a fifth of a second, which few callers need
    from scipy.special import log_ndtr

    cells = np.flatnonzero(counts)
    place, seen = LOWEST + STEP * (cells + 0.5), counts[cells]
    share = np.cumsum(seen) / seen.sum()

    def cost(parameters: F64) -> float:
        floor, log_excess, logit = parameters
        excess, flat = np.exp(min(max(log_excess, -3.0), 3.0)), 1 / (1 + np.exp(-logit))
        above, ratio = (place - floor) / spread, spread / excess
        gaussian = np.exp(-np.square(above) / 2) / (np.sqrt(2 * np.pi) * spread)
        textured = np.exp(ratio * (ratio / 2 - above) + log_ndtr(above - ratio)) / excess
        return -float(seen @ np.log(flat * gaussian + (1 - flat) * textured + 1e-9))

    start = np.array([place[np.searchsorted(share, 0.05)] + spread, 0.0, 0.0])
    best = minimize(cost, start, method="Nelder-Mead").x
    return float(best[0]), float(1 / (1 + np.exp(-best[2])))


def _smooth(values: F64, weights: F64) -> F64:
    """Return the curve nearest to weighted values with small second differences (Whittaker)."""
    if not weights.any():
        return np.zeros(BINS)
    weight = weights.copy()
    weight /= weight.max()
    bend, tilt = np.diff(np.eye(BINS), 2, axis=0), np.diff(np.eye(BINS), axis=0)
    system = np.diag(weight) + SMOOTHNESS * bend.T @ bend + 1e-6 * tilt.T @ tilt
    curve = np.linalg.solve(system, weight * values)
    return np.asarray(np.maximum(curve, 0.0), np.float64)
