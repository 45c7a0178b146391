"""A photo's power spectrum: periodograms of its windows, polar bins, noise floor."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy.fft import rfft2
from threadpoolctl import threadpool_limits

from degrade.arrays import F32, F64, I64, Image
from degrade.images.colour import grey_levels

WINDOW = 64
"""Side of the windows whose periodograms are averaged, LR pixels."""
MAX_WINDOWS = 2000
"""Larger photos are sampled with wider steps: more windows add cost and little knowledge."""
ANGLES = 12
RINGS = 10
BAND = (0.10, 0.55)
"""Cycles per pixel: below, windows smear the directions; above, only the corners are left."""
CORNER = 0.35
"""Cycles per pixel along both axes beyond which a flat window has nothing but noise."""
ROUNDING = (0.299**2 + 0.587**2 + 0.114**2) / 12
"""Power of rounding each channel to 8 bit, in grey: the floor of a photo without noise."""


@dataclass(frozen=True)
class Spectra:
    """Mean periodograms of a photo, squared levels of 0..255.

    Attributes:
        whole: [WINDOW, WINDOW // 2 + 1] of all windows.
        halves: [4, WINDOW, WINDOW // 2 + 1] of those of the upper, lower, left and right half.
        floor: Power of white noise: the corner of the flattest tenth of the windows.
    """

    whole: F64
    halves: F64
    floor: float


def spectra(photo: Image) -> Spectra:
    """Return the mean periodograms of a photo's overlapping windows, tapered (Welch).

    A row of windows at a time, so that all it takes stays cached: only sums and corners are kept.

    Args:
        photo: [H, W, 3], both at least WINDOW; uint8, or float32 in [0, 1].
    """
    step = max(WINDOW // 2, int(np.sqrt(photo.shape[0] * photo.shape[1] / MAX_WINDOWS)))
    rows = [_Row(power) for power in _periodograms(photo, step)]
    upper = (len(rows) + 1) // 2
    left, right = (np.array([getattr(row, side) for row in rows]) for side in ("left", "right"))
    whole = np.array([row.whole for row in rows])
    parts = (whole[:upper], whole[-upper:], left, right)
    counts = [upper * rows[0].count] * 2 + [len(rows) * rows[0].half] * 2
    corners = np.concatenate([row.corners for row in rows])
    return Spectra(
        whole.sum(axis=0) / (len(rows) * rows[0].count),
        np.stack([part.sum(axis=0) / n for part, n in zip(parts, counts, strict=True)]),
        max(ROUNDING, float(np.quantile(corners, 0.1))),
    )


class _Row:
    """What is kept of the periodograms [n, WINDOW, WINDOW // 2 + 1] of a row of windows.

    Their sums, those of the left and of the right half, which share a window in the middle, and
    the mean power [n] in each one's corner, beyond `CORNER` along both axes.
    """

    def __init__(self, power: F32) -> None:
        self.count, self.half = len(power), (len(power) + 1) // 2
        self.left, self.right = (
            part.sum(axis=0, dtype=np.float64) for part in (power[: self.half], power[-self.half :])
        )
        middle = power[self.half - 1] if self.count % 2 else 0.0
        self.whole = self.left + self.right - middle
        first = int(CORNER * WINDOW) + 1
        corner = power[:, first : WINDOW - first + 1, first:]
        self.corners = corner.mean(axis=(1, 2), dtype=np.float64)


def _periodograms(photo: Image, step: int) -> Iterator[F32]:
    """Yield those of each row of windows: [n, WINDOW, WINDOW // 2 + 1]."""
    taper = np.outer(*(np.hanning(WINDOW + 2)[1:-1],) * 2)
    taper = (taper / np.sqrt((taper**2).mean())).astype(np.float32)
    grey = np.empty((WINDOW, photo.shape[1]), np.float32)
    view = np.lib.stride_tricks.sliding_window_view(grey, WINDOW, axis=1)[:, ::step].swapaxes(0, 1)
    windows, means = np.empty((2, len(view[:, 0]), WINDOW, WINDOW), np.float32)
    for top in range(0, len(photo) - WINDOW + 1, step):
        fresh = WINDOW if top == 0 else min(step, WINDOW)
        grey[: WINDOW - fresh] = grey[fresh:]
        grey[WINDOW - fresh :] = grey_levels(photo[top + WINDOW - fresh : top + WINDOW])
        np.multiply(view, taper, out=windows)
        mean = windows.sum(axis=(1, 2)) / taper.sum()
        windows -= np.multiply(taper, mean[:, None, None], out=means)
        transform = rfft2(windows)
        power = np.square(transform.real)
        power += np.square(transform.imag)
        power /= WINDOW**2
        yield power


def _frequencies() -> tuple[F64, F64]:
    """Return the x and y frequencies [WINDOW, WINDOW // 2 + 1] of a periodogram."""
    x, y = np.meshgrid(np.fft.rfftfreq(WINDOW), np.fft.fftfreq(WINDOW))
    return x, y


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
