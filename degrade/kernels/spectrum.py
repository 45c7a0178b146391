"""A photo's power spectrum: periodograms of its windows, polar bins, noise floor."""

from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy.fft import rfft2
from threadpoolctl import threadpool_limits

from degrade.arrays import F32, F64, I64, Image
from degrade.images.colour import luma

WINDOW = 64
"""Side of the windows whose periodograms are averaged, LR pixels."""
MAX_WINDOWS = 2000
"""Larger photos are sampled with wider steps: more windows add cost and little knowledge."""
ANGLES = 12
RINGS = 10
BAND = (0.10, 0.55)
"""Cycles per pixel: below, windows smear the directions; above, only the corners are left."""
ROUNDING = (0.299**2 + 0.587**2 + 0.114**2) / 12
"""Power of rounding each channel to 8 bit, in grey: the floor of a photo without noise."""


@dataclass(frozen=True)
class Windows:
    """Periodograms [n, WINDOW, WINDOW // 2 + 1] in squared levels, rows by columns of windows."""

    power: F32
    rows: int
    cols: int

    def halves(self) -> list[I64]:
        """Return the indices of the windows of the upper, lower, left and right half."""
        place = np.arange(self.rows * self.cols).reshape(self.rows, self.cols)
        upper, left = (self.rows + 1) // 2, (self.cols + 1) // 2
        return [
            part.ravel()
            for part in (
                place[:upper],
                place[self.rows - upper :],
                place[:, :left],
                place[:, self.cols - left :],
            )
        ]


def windows(photo: Image) -> Windows:
    """Return the periodograms of a photo's overlapping windows, tapered (Welch)."""
    levels = luma(photo) * np.float32(1 if photo.dtype == np.uint8 else 255)
    step = WINDOW // 2
    step = max(step, int(np.sqrt(levels.size / MAX_WINDOWS)))
    view = np.lib.stride_tricks.sliding_window_view(levels, (WINDOW, WINDOW))[::step, ::step]
    taper = np.outer(*(np.hanning(WINDOW + 2)[1:-1],) * 2)
    taper = (taper / np.sqrt((taper**2).mean())).astype(np.float32)
    power = np.concatenate([_periodograms(row, taper) for row in view])
    return Windows(power, *view.shape[:2])


def _periodograms(windows: F32, taper: F32) -> F32:
    mean = np.tensordot(windows, taper, 2) / taper.sum()
    transform = rfft2((windows - mean[:, None, None]) * taper)
    return np.asarray(np.abs(transform) ** 2 / WINDOW**2, np.float32)


def _frequencies() -> tuple[F64, F64]:
    """Return the x and y frequencies [WINDOW, WINDOW // 2 + 1] of a periodogram."""
    x, y = np.meshgrid(np.fft.rfftfreq(WINDOW), np.fft.fftfreq(WINDOW))
    return x, y


def noise_floor(power: F32) -> float:
    """Return the power of white noise: the spectrum's corner in the flattest tenth of windows."""
    x, y = _frequencies()
    corner = (np.abs(x) > 0.35) & (np.abs(y) > 0.35)
    return max(ROUNDING, float(np.quantile(power[:, corner].mean(axis=1), 0.1)))


@dataclass(frozen=True)
class Bins:
    """Polar bins of the spectrum.

    Attributes:
        members: [B, WINDOW * (WINDOW // 2 + 1)] averaging weights.
        trust: [B] relative weight of a bin's residual.
        angle: [B] index of the bin's direction.
        x: [B, 9], y: [B, 9] frequencies of the bin's centre in the base band (first) and of the
            neighbouring periods that fold onto it.
    """

    members: F64
    trust: F64
    angle: I64
    x: F64
    y: F64


@cache
def polar_bins() -> Bins:
    """Return the bins of the band, by ring and then direction."""
    x, y = _frequencies()
    ring = np.floor((np.hypot(x, y) - BAND[0]) / (BAND[1] - BAND[0]) * RINGS)
    turn = np.floor(np.arctan2(y, x) / np.pi * ANGLES + 0.5) % ANGLES
    inside = (ring >= 0) & (ring < RINGS) & (np.maximum(x, np.abs(y)) < 0.5)
    inside &= (x > 0) | (y > 0)
    label = np.where(inside, ring * ANGLES + turn, -1).ravel()
    labels = np.unique(label[label >= 0])
    members = (label == labels[:, None]).astype(np.float64)
    counts = members.sum(axis=1)
    members /= counts[:, None]
    # The direction of the y axis gathers both ends of the half plane: turn one of them round.
    side = np.where((turn == ANGLES // 2) & (y < 0), -1, 1)
    # One thread, whoever asks first: the bins are kept, and over several BLAS adds up differently.
    with threadpool_limits(1, user_api="blas"):
        column, row = members @ (side * x).ravel(), members @ (side * y).ravel()
    near = [(i, j) for i in (-1, 0, 1) for j in (-1, 0, 1) if (i, j) != (0, 0)]
    shift = np.array([(0, 0), *near])
    return Bins(
        members,
        (counts / counts.mean()) ** 0.25,
        (labels % ANGLES).astype(np.int64),
        column[:, None] + shift[:, 0],
        row[:, None] + shift[:, 1],
    )


def low_slope(spectrum: F64) -> float:
    """Return the exponent by which the power falls below the band, a pattern's peaks aside."""
    radius = np.hypot(*_frequencies())
    near, far = (radius > 0.03) & (radius < 0.06), (radius > BAND[0]) & (radius < 0.15)
    fall = np.median(np.log(spectrum[near])) - np.median(np.log(spectrum[far]))
    return float(fall / np.log(radius[far].mean() / radius[near].mean()))
