"""A photo's power spectrum: periodograms of its windows, polar bins, noise floor."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Self

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from threadpoolctl import threadpool_limits

from degrade.arrays import F32, F64, I64, Image
from degrade.images.colour import grey_levels

WINDOW = 64
"""Side of the windows whose periodograms are averaged, LR pixels."""
MAX_WINDOWS = 400
"""Larger photos are sampled with wider steps: more windows add cost and little knowledge."""
ANGLES = 12
RINGS = 10
BAND = (0.10, 0.55)
"""Cycles per pixel: below, windows smear the directions; above, only the corners are left."""
CORNER = 0.35
"""Cycles per pixel along both axes beyond which a flat window has nothing but noise."""
FLATTEST = 10
"""One window in so many is taken for a flat one, those of least power in the band."""
LOW = (0.04, 0.10)
"""Cycles per pixel at which a flat window's share of the scene is read off."""
ROUNDING = (0.299**2 + 0.587**2 + 0.114**2) / 12
"""Power of rounding each channel to 8 bit, in grey: the floor of a photo without noise."""


@dataclass(frozen=True)
class Spectra:
    """Mean periodograms of a photo, squared levels of 0..255.

    Attributes:
        whole: [WINDOW, WINDOW // 2 + 1] of all windows.
        halves: [4, WINDOW, WINDOW // 2 + 1] of those of the upper, lower, left and right half.
        floor: [B], power of the noise in each of `polar_bins`, see `noise_floor`.
    """

    whole: F64
    halves: F64
    floor: F64


def spectra(photo: Image) -> Spectra:
    """Return the mean periodograms of a photo's overlapping windows, tapered (Welch).

    A row of windows at a time, so that all it takes stays cached: only sums and corners are kept.

    Args:
        photo: [H, W, 3], both at least WINDOW; uint8, or float32 in [0, 1].
    """
    step = _step(photo)
    flattest, rows = _Flattest.of(photo, step), []
    for squares in _squares(photo, step):
        rows.append(_Row(squares))
        flattest.see(squares)
    upper = (len(rows) + 1) // 2
    left, right, whole = (
        np.array([getattr(row, part) for row in rows]) for part in ("left", "right", "whole")
    )
    parts = (whole, whole[:upper], whole[-upper:], left, right)
    across, half = rows[0].count, rows[0].half
    counts = [len(rows) * across, *[upper * across] * 2, *[len(rows) * half] * 2]
    means = [part.sum(axis=0) / count for part, count in zip(parts, counts, strict=True)]
    periodograms = np.stack(means).reshape(len(means), WINDOW, -1, 2).sum(axis=3)
    white = _white([row.corners for row in rows], ROUNDING)
    floor = noise_floor(white, flattest.periodogram(), periodograms[0])
    return Spectra(periodograms[0], periodograms[1:], floor)


@dataclass(frozen=True)
class RingSpectra:
    """Mean periodograms of one colour's windows by their distance from the photo's middle.

    Attributes:
        mean: [R, WINDOW, WINDOW // 2 + 1], squared levels of 0..255; NaN of rings without windows.
        windows: [R], how many windows have their middle in each ring.
        radius: [R], the mean distance of these middles, 1 at the photo's corner; NaN likewise.
        floor: [B], power of white noise in each of `polar_bins`.
    """

    mean: F64
    windows: I64
    radius: F64
    floor: F64


def ring_spectra(photo: Image, colour: int, rings: int) -> RingSpectra:
    """Return the mean periodograms of one colour in rings of equal width about the middle.

    Args:
        photo: As for `spectra`.
        colour: 0, 1 or 2, of R, G and B.
        rings: How many there are from the middle to the corner.
    """
    step, corners = _step(photo), []
    height, width = photo.shape[:2]
    sums = np.zeros((rings, WINDOW, WINDOW + 2))
    windows, radius = np.zeros(rings, np.int64), np.zeros(rings)
    for number, squares in enumerate(_squares(photo, step, lambda some: _levels(some, colour))):
        row = number * step + (WINDOW - height) / 2
        columns = np.arange(len(squares)) * step + (WINDOW - width) / 2
        place = np.hypot(row, columns) / np.hypot(height / 2, width / 2)
        ring = np.minimum((place * rings).astype(np.int64), rings - 1)
        for one in np.unique(ring).tolist():
            sums[one] += squares[ring == one].sum(axis=0)
        windows += np.bincount(ring, minlength=rings)
        radius += np.bincount(ring, place, rings)
        corners.append(_corners(squares))
    rounding = 1 / 12  # of one colour, where ROUNDING is that of grey
    white = np.full(len(polar_bins().ring), _white(corners, rounding))
    with np.errstate(invalid="ignore"):
        mean = (sums / windows[:, None, None]).reshape(rings, WINDOW, -1, 2).sum(axis=3)
        return RingSpectra(mean, windows, radius / windows, white)


def _levels(rgb: Image, colour: int) -> F32:
    plane = np.asarray(rgb[..., colour], np.float32)
    return plane if rgb.dtype == np.uint8 else plane * np.float32(255)


def _step(photo: Image) -> int:
    """Return how far apart windows lie."""
    return max(WINDOW // 2, int(np.sqrt(photo.shape[0] * photo.shape[1] / MAX_WINDOWS)))


def _corners(squares: F32) -> F32:
    """Return [n] the mean power beyond `CORNER` along both axes of each window's `_squares`."""
    first = int(CORNER * WINDOW) + 1
    corner = squares[:, first : WINDOW - first + 1, 2 * first :]
    return np.asarray(2 * corner.mean(axis=(1, 2)))


def _white(corners: list[F32], rounding: float) -> float:
    """Return the power of white noise by that in all windows' corners: rounding's at least."""
    return max(rounding, float(np.quantile(np.concatenate(corners), 0.1)))


def noise_floor(white: float, flat: F64, whole: F64) -> F64:
    """Return the power of a photo's noise in each of `polar_bins`, [B].

    White noise has the power of the flat windows' corner everywhere. Denoising, demosaicing and
    enlarging leave noise that falls with frequency, which would pass for the scene's fall and so
    for a blur. It shows where all windows have nearly the same power, though their scenes differ,
    and far more than the corner has. Then the noise is what flat windows have beyond their share of
    the scene (the share of the whole that they have at `LOW`), in the mean over directions.

    Args:
        white: Power of white noise.
        flat: [WINDOW, WINDOW // 2 + 1], mean periodogram of the flattest windows.
        whole: That of all windows.
    """
    bins, radius = polar_bins(), np.hypot(*_frequencies())
    low = (radius > LOW[0]) & (radius < LOW[1])
    share = min(0.9, float(flat[low].mean() / max(whole[low].mean(), 1e-9)))
    own, other = (_by_ring(bins.members @ power.ravel()) for power in (flat, whole))
    noise = (own - share * other) / (1 - share)
    limited = (other < SAME * own) & (noise > FAR * white)
    if not limited[:-1].any():  # the last ring is the corner itself
        return np.full(len(bins.ring), white)
    return np.maximum(ROUNDING, noise)[bins.ring]


SAME, FAR = 2**0.5, 2.0
"""How much more power than flat windows all have at most where both show noise, and how much more
than the corner noise must have at least to be believed to fall with frequency."""


def _by_ring(power: F64) -> F64:
    """Return [RINGS] the mean over the directions of the bins' power [B]."""
    ring = polar_bins().ring
    return np.asarray(np.bincount(ring, power, RINGS) / np.bincount(ring, minlength=RINGS))


class _Row:
    """What is kept of `_squares` of a row of windows, [n, WINDOW, WINDOW + 2].

    Their sums, those of the left and of the right half, which share a window in the middle, and
    the mean power [n] in each one's corner, beyond `CORNER` along both axes.
    """

    def __init__(self, squares: F32) -> None:
        self.count, self.half = len(squares), (len(squares) + 1) // 2
        self.left, self.right = (
            part.sum(axis=0).astype(np.float64)
            for part in (squares[: self.half], squares[-self.half :])
        )
        middle = squares[self.half - 1] if self.count % 2 else 0.0
        self.whole = self.left + self.right - middle
        self.corners = _corners(squares)


class _Flattest:
    """The ``count`` windows of least power in the band among those of `_squares` seen so far."""

    @classmethod
    def of(cls, photo: Image, step: int) -> Self:
        """Return one for a photo, before any window was seen."""
        rows, columns = (len(range(0, side - WINDOW + 1, step)) for side in photo.shape[:2])
        return cls(max(1, rows * columns // FLATTEST))

    def __init__(self, count: int) -> None:
        self._squares = np.zeros((count, WINDOW, WINDOW + 2), np.float32)
        self._power = np.full(count, np.inf)

    def see(self, squares: F32) -> None:
        """Take those of a row of windows that are flatter than any that was taken."""
        power = squares.reshape(len(squares), -1) @ _in_band()
        for window in np.argsort(power, kind="stable").tolist():
            place = int(self._power.argmax())
            if power[window] >= self._power[place]:
                return
            self._power[place] = power[window]
            self._squares[place] = squares[window]

    def periodogram(self) -> F64:
        """Return their mean, [WINDOW, WINDOW // 2 + 1]."""
        mean = self._squares.mean(axis=0, dtype=np.float64)
        return np.asarray(mean.reshape(WINDOW, -1, 2).sum(axis=2))


@cache
def _in_band() -> F32:
    """Return [WINDOW * (WINDOW + 2)] 1 at the frequencies whose power says how flat a window is."""
    radius = np.hypot(*_frequencies())
    inside = (radius > BAND[0] / 2) & (radius < 0.5)
    return np.asarray(np.repeat(inside, 2, axis=1).ravel(), np.float32)


def _squares(
    photo: Image, step: int, levels: Callable[[Image], F32] = grey_levels
) -> Iterator[F32]:
    """Yield those of each row of windows of ``levels``, [n, WINDOW, WINDOW + 2].

    A coefficient's real and imaginary part are squared side by side; their sum is its power.
    """
    from scipy.fft import rfft2  # a fifth of a second, when first needed

    taper = np.hanning(WINDOW + 2)[1:-1]
    taper = (taper / np.sqrt((taper**2).mean())).astype(np.float32)
    weights = taper / taper.sum()
    plane = np.outer(taper, taper) / np.float32(WINDOW)
    grey = np.empty((WINDOW, photo.shape[1]), np.float32)
    view = sliding_window_view(grey, WINDOW, axis=1)[:, ::step].swapaxes(0, 1)
    windows = np.empty(view.shape, np.float32)
    for top in range(0, len(photo) - WINDOW + 1, step):
        fresh = WINDOW if top == 0 else min(step, WINDOW)
        grey[: WINDOW - fresh] = grey[fresh:]
        grey[WINDOW - fresh :] = levels(photo[top + WINDOW - fresh : top + WINDOW])
        mean = sliding_window_view(weights @ grey, WINDOW)[::step] @ weights
        np.subtract(view, mean[:, None, None], out=windows)
        windows *= plane
        parts = rfft2(windows, overwrite_x=True).view(np.float32)
        yield np.square(parts, out=parts)


def _frequencies() -> tuple[F64, F64]:
    """Return the x and y frequencies [WINDOW, WINDOW // 2 + 1] of a periodogram."""
    x, y = np.meshgrid(np.fft.rfftfreq(WINDOW), np.fft.fftfreq(WINDOW))
    return x, y


@dataclass(frozen=True)
class Bins:
    """Polar bins of the spectrum.

    Attributes:
        members: [B, WINDOW * (WINDOW // 2 + 1)] averaging weights.
        weight: [B] relative weight of a bin's residual.
        angle: [B] index of the bin's direction.
        ring: [B] index of its ring, from the lowest frequency.
        x: [B, 9], y: [B, 9] frequencies of the bin's centre in the base band (first) and of the
            neighbouring periods that fold onto it.
    """

    members: F64
    weight: F64
    angle: I64
    ring: I64
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
        (labels // ANGLES).astype(np.int64),
        column[:, None] + shift[:, 0],
        row[:, None] + shift[:, 1],
    )


def low_slope(spectrum: F64) -> float:
    """Return the exponent by which the power falls below the band, a pattern's peaks aside."""
    radius = np.hypot(*_frequencies())
    near, far = (radius > 0.03) & (radius < 0.06), (radius > BAND[0]) & (radius < 0.15)
    fall = np.median(np.log(spectrum[near])) - np.median(np.log(spectrum[far]))
    return float(fall / np.log(radius[far].mean() / radius[near].mean()))
