"""A few numbers that say what a photo is like: sharp, blocky, clipped, flat, noisy, upscaled.

They are taken from at most 20 windows spread over the photo and from a sample of its pixels, so
that their cost hardly grows with it, and follow from nothing but the pixels.
"""

from collections.abc import Callable, Sequence
from functools import cache

import cv2
import numpy as np

from degrade.arrays import F32, F64, I64, U8, Image
from degrade.images.colour import to_uint8
from degrade.images.keep import SCORES, rounded

WINDOW, WINDOWS, OF_TILE = 64, 20, 6
"""Side of a window in pixels, and how many there are at most in a photo and in a tile of one."""
GRID = 8
"""Side of JPEG's blocks, on which windows begin, so that their grids coincide."""
RUN = 16
"""Pixels across which an edge is looked at."""
MIN_HEIGHT, MIN_EDGES = 32, 16
"""Levels that an edge spans at least, and how many there must be to say how sharp they are."""
OVER_NOISE = 20
"""An edge spans so many standard deviations of the noise, too, or noise would make its step."""
NEAR = 8
"""Levels of brightness to each side that count as the same."""
ROUNDING = 1 / 12
"""Power of rounding to whole levels."""
LEAST = 0.05
"""Share of natural detail (power as the inverse square of the frequency) that still counts."""
COARSE = (0.06, 0.16)
"""Cycles per pixel whose detail a photo's fine detail is compared with."""


def scores_of(
    pixels: Image,
    sample: U8 | None = None,
    most: int = WINDOWS,
    names: Sequence[str] = tuple(SCORES),
) -> dict[str, float]:
    """Return a photo's scores, by the names and in the order of `SCORES`.

    Args:
        pixels: [H, W, 3] RGB; uint8, or float32 in [0, 1]. Sides under 16 pixels are mirrored.
        sample: As `sampled` gives it; None takes it here.
        most: Windows that are looked at.
        names: Of the scores that are wanted.
    """
    grey = _grey(windows(pixels, most))
    shares = _shares(sampled(pixels) if sample is None else sample)
    lines, steps = cache(lambda: _lines(grey)), cache(lambda: _steps(lines()))
    noise = cache(lambda: _noise(grey))
    measure: dict[str, Callable[[], float]] = {
        "sharpness": lambda: _sharpness(lines(), steps(), noise()),
        "blockiness": lambda: _blockiness(steps(), grey.shape[1]),
        "clipped": lambda: float(shares[0] + shares[255]),
        "flat": lambda: _flat(grey),
        "uniform": lambda: float(np.convolve(shares, np.ones(2 * NEAR + 1), "same").max()),
        "noise_level": noise,
        "resolution": lambda: _resolution(grey, noise()),
        "brightness": lambda: float(shares @ np.arange(256)) / 255,
    }
    return rounded({name: measure[name]() for name in names})


def _lines(grey: U8) -> U8:
    """Return the rows of all windows, then their columns: along rows, both directions show."""
    return np.concatenate([grey, grey.transpose(0, 2, 1)]).reshape(-1, grey.shape[1])


def _steps(lines: U8) -> U8:
    return np.asarray(cv2.absdiff(lines[:, 1:].copy(), lines[:, :-1].copy()), np.uint8)


def constant_along(pixels: Image) -> tuple[bool, bool]:
    """Return whether all rows of a photo are equal, and whether all columns are.

    It is known as soon as one differs from the first.
    """
    transposed = pixels.swapaxes(0, 1)
    rows, columns = (
        all(np.array_equal(w[0], line) for line in w[1:]) for w in (pixels, transposed)
    )
    return rows, columns


def windows(pixels: Image, most: int = WINDOWS) -> U8:
    """Return windows [n, S, S, 3] spread over a photo, which begin on JPEG's grid."""
    height, width = (max(RUN, length) for length in pixels.shape[:2])
    if (height, width) != pixels.shape[:2]:
        missing = ((0, height - len(pixels)), (0, width - pixels.shape[1]), (0, 0))
        pixels = np.pad(to_uint8(pixels), missing, mode="symmetric")
    side = min(WINDOW, min(height, width) // GRID * GRID)
    down = min(height // side, max(1, round((most * height / width) ** 0.5)))
    across = min(width // side, max(1, most // down))
    cut = [
        to_uint8(pixels[row : row + side, col : col + side])
        for row in _starts(height, side, down)
        for col in _starts(width, side, across)
    ]
    return np.stack(cut)


def _starts(length: int, side: int, count: int) -> list[int]:
    last = (length - side) // GRID
    return [last * number // max(1, count - 1) * GRID for number in range(count)]


def _grey(cut: U8) -> U8:
    count, side = cut.shape[:2]
    grey = cv2.cvtColor(cut.reshape(count * side, side, 3), cv2.COLOR_RGB2GRAY)
    return np.asarray(grey, np.uint8).reshape(count, side, side)


def _shares(sample: U8) -> F64:
    """Return the share of pixels at each of 256 levels."""
    grey = cv2.cvtColor(sample, cv2.COLOR_RGB2GRAY)
    counts = cv2.calcHist([grey], [0], None, [256], [0, 256]).ravel().astype(np.float64)
    return np.asarray(counts / counts.sum(), np.float64)


def _sharpness(lines: U8, steps: U8, noise: float) -> float:
    """Return the largest step of runs with an edge, over all that the run spans."""
    every = 4  # neighbouring rows and runs show the same edges
    rows = np.ascontiguousarray(lines[::every])
    across, along = np.ones((1, RUN), np.uint8), np.ones((1, RUN - 1), np.uint8)
    last = lines.shape[1] - RUN + 1
    top = cv2.dilate(rows, across, anchor=(0, 0))[:, :last:every]
    bottom = cv2.erode(rows, across, anchor=(0, 0))[:, :last:every]
    largest = cv2.dilate(np.ascontiguousarray(steps[::every]), along, anchor=(0, 0))
    height = (top - bottom).ravel()
    edges = height >= max(MIN_HEIGHT, OVER_NOISE * noise)
    if edges.sum() < MIN_EDGES:
        return 0.0
    step = largest[:, :last:every].ravel()[edges]
    return float(_middle(step.astype(np.float32) / height[edges]))


def _blockiness(steps: U8, side: int) -> float:
    """Return how much larger steps are at the strongest phase of a grid, in both directions."""
    # Rows of the image are the first half of the lines, its columns the second.
    means = cv2.resize(
        steps.astype(np.float32),
        (side - 1, len(steps) // side),
        interpolation=cv2.INTER_AREA,
    )
    whole = (side - 1) // GRID * GRID
    phases = np.asarray(means, np.float32)[:, :whole].reshape(2, -1, GRID)
    middle = _middle(phases, 1) + 0.25  # where nothing steps, nothing stands out
    return float((middle.max(axis=1) / _middle(middle, 1)).min())


def _middle(values: F32, axis: int = 0) -> F32:
    """Return the (lower) median, at a third of what NumPy's takes for a few values."""
    middle = (values.shape[axis] - 1) // 2
    return np.asarray(np.partition(values, middle, axis).take(middle, axis), np.float32)


def _flat(grey: U8) -> float:
    count, side = grey.shape[:2]
    square, lines = np.ones((3, 3), np.uint8), grey.reshape(count * side, side)
    equal = cv2.compare(cv2.dilate(lines, square), cv2.erode(lines, square), cv2.CMP_EQ)
    # A window's border has neighbours of another window.
    inner = equal.reshape(count, side, side)[:, 1:-1, 1:-1]
    return float(inner.mean()) / 255


def _noise(grey: U8) -> float:
    """Return the deviation of mixed differences in the quietest tenth of 8x8 blocks.

    0 where less than a fifth of them is neither black nor white.
    """
    count, side = grey.shape[:2]
    levels = grey.astype(np.int16)
    mixed = levels[:, 1:, 1:] + levels[:, :-1, :-1] - levels[:, 1:, :-1] - levels[:, :-1, 1:]
    power = np.zeros(grey.shape, np.float32)
    # The last row and column of a block reach into the next one and are left out.
    np.square(mixed, out=power[:, :-1, :-1], dtype=np.float32)
    power[:, GRID - 1 :: GRID], power[:, :, GRID - 1 :: GRID] = 0, 0
    size = (side // GRID, count * side // GRID)
    lines = (count * side, side)
    energy = cv2.resize(power.reshape(lines), size, interpolation=cv2.INTER_AREA)
    mean = cv2.resize(grey.reshape(lines), size, interpolation=cv2.INTER_AREA)
    seen = energy[(mean > NEAR) & (mean < 255 - NEAR)]
    if seen.size < 0.2 * energy.size:
        return 0.0
    quiet = float(np.partition(seen, seen.size // 10)[seen.size // 10])
    return float(np.sqrt(quiet / 4)) * GRID / (GRID - 1)


def _resolution(grey: U8, noise: float) -> float:
    """Return up to which share of the Nyquist frequency detail falls no faster than in nature."""
    from scipy.fft import rfft2  # a fifth of a second, when first needed

    side = grey.shape[1]
    members, taper = _rings(side)
    levels = grey.astype(np.float32)
    transform = rfft2((levels - levels.mean(axis=(1, 2), keepdims=True)) * taper)
    power = (transform.real**2 + transform.imag**2).mean(axis=0) / side**2
    rings = np.asarray(members @ power.ravel(), np.float64)
    frequency = np.arange(len(rings)) / side
    detail = np.maximum(rings - 1.5 * max(ROUNDING, noise**2), 0) * frequency**2
    coarse = slice(max(1, int(COARSE[0] * side)), int(COARSE[1] * side) + 1)
    reference = detail[coarse].mean()
    faint = np.flatnonzero(detail[coarse.start :] < LEAST * reference)
    last = coarse.start + int(faint[0]) - 1 if len(faint) else side // 2
    return last / (side // 2) if reference > 0 else 0.0


@cache
def _rings(side: int) -> tuple[F32, F32]:
    """Return weights [S / 2 + 1, S * (S / 2 + 1)] that average by frequency, and the taper."""
    x, y = np.meshgrid(np.fft.rfftfreq(side), np.fft.fftfreq(side))
    ring: I64 = np.rint(np.hypot(x, y) * side).astype(np.int64).ravel()
    members = (ring == np.arange(side // 2 + 1)[:, None]).astype(np.float32)
    taper = np.outer(*(np.hanning(side + 2)[1:-1],) * 2)
    taper /= np.sqrt((taper**2).mean())
    return members / members.sum(axis=1, keepdims=True), taper.astype(np.float32)


AT_LEAST = 256
"""Fewest rows or columns, whichever are fewer, that are sampled."""


def sampled(pixels: Image) -> U8:
    """Return every so many rows and columns of a photo [H, W, 3], contiguous."""
    step = max(1, min(pixels.shape[:2]) // AT_LEAST)
    return np.ascontiguousarray(to_uint8(pixels[::step, ::step]))
