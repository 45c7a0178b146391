"""How the LR image of a pair lies on its HR image: as a whole, and in its parts."""

from dataclasses import dataclass, field, replace

import numpy as np

from degrade.arrays import F32, F64, Image
from degrade.images.alignment import SMALLEST, fitted_shift, middle, whole_pixels
from degrade.images.colour import luma, unit_float

WINDOW = 64
"""Side of a window that is compared, in LR pixels: four cost about what decoding a pair does."""
ALIKE = 0.5
"""Share of a window's variance that its HR must explain; of another picture it explains less."""
_REACH, _SETTLED, _STEPS = 4, 1e-2, 10
"""Settings with which a fit takes a third of the time of `subpixel_shift`'s; blur may reach 2 LR
pixels from its centre."""
_APART = 0.1
"""LR pixels between a window and the others from which on it is fitted once more."""
_FLAT = 1 / 255
"""Windows of a smaller standard deviation show nothing to align."""
_DIGITS = 3
"""Decimals that are kept: below the accuracy, and above what differs between computers."""


@dataclass(frozen=True)
class PairAlignment:
    """Where the content of LR lies against HR, in LR pixels (rows, columns), and how bright it is.

    Zero where LR pixel i is centred on HR coordinate ``scale*i + (scale-1)/2``; positive where the
    content of LR lies lower or further right than that.
    """

    windows: tuple[tuple[float, float], ...]
    """Shift of each window that could be compared: one in each quarter of pictures that are large
    enough, one of others."""
    places: tuple[tuple[float, float], ...]
    """Centre of each, from the picture's centre, in LR pixels."""
    gain: tuple[float, float, float]
    """Mean of LR over mean of HR, in the same places, of R, G and B; 0 where nothing is known."""
    unlike: bool
    """HR explains less than half of the windows that show something."""

    @property
    def shift(self) -> tuple[float, float] | None:
        """Median of the windows; None where none could be compared."""
        if not self.windows:
            return None
        down, right = np.median(self.windows, axis=0).round(_DIGITS).tolist()
        return down, right

    @property
    def drift(self) -> float:
        """Furthest that a window lies from the shift, along an axis."""
        return self.left(self.shift or (0.0, 0.0))

    def left(self, moved: tuple[float, float] = (0.0, 0.0)) -> float:
        """Return how far the worst window lies off along an axis, once HR is moved so."""
        if not self.windows:
            return 0.0
        return round(float(np.abs(np.subtract(self.windows, moved)).max()), _DIGITS)

    def warp(self) -> tuple[float, float]:
        """Return by which share LR is larger, and by how many degrees it turned clockwise."""
        if len(self.windows) < 2:
            return 0.0, 0.0
        place, shift = (np.array(a) - np.mean(a, axis=0) for a in (self.places, self.windows))
        size = (place**2).sum()
        rotated = (place[:, 1] * shift[:, 0] - place[:, 0] * shift[:, 1]).sum()
        return float((place * shift).sum() / size), float(np.degrees(rotated / size))


UNKNOWN = PairAlignment((), (), (0.0, 0.0, 0.0), unlike=False)
"""Result for a pair that is too small or too flat to be measured."""


def pair_alignment(hr: Image, lr: Image, scale: int) -> PairAlignment:
    """Measure how a pair is aligned, in the windows of LR that show most.

    Args:
        hr: [H, W, 3], uint8 or float32 in [0, 1].
        lr: [H/scale, W/scale, 3], likewise.
        scale: HR pixels per LR pixel.
    """
    if min(lr.shape[:2]) < SMALLEST:
        return UNKNOWN
    coarse = luma(unit_float(lr))
    moved = _moved(hr, coarse, scale)
    found = []
    for rows, columns in _quarters(coarse.shape, moved):
        top, left, side = _window(coarse, rows, columns)
        small = lr[top : top + side, left : left + side]
        if coarse[top : top + side, left : left + side].std() >= _FLAT:
            up, before = scale * (top - moved[0]), scale * (left - moved[1])
            large = hr[up : up + scale * side, before : before + scale * side]
            place = np.array([top, left]) + side / 2 - np.array(coarse.shape) / 2
            found.append(_Window(unit_float(large), unit_float(small), scale, place))
    alike = _fitted(found, scale)
    if 2 * len(alike) < len(found):  # one edge may fit another by chance
        return replace(UNKNOWN, unlike=True)
    shifts = [window.shift / scale + moved for window in alike]
    return PairAlignment(
        windows=tuple((round(y, _DIGITS), round(x, _DIGITS)) for y, x in map(_plain, shifts)),
        places=tuple(_plain(window.place) for window in alike),
        gain=_gain([(w.small.mean(axis=(0, 1)), w.large.mean(axis=(0, 1))) for w in alike]),
        unlike=False,
    )


@dataclass
class _Window:
    """A part of HR and of LR, and the best fit so far."""

    large: F32
    small: F32
    scale: int
    place: F64
    shift: F64 = field(default_factory=lambda: np.zeros(2))
    """In HR pixels."""
    alike: float = -np.inf

    def fit(self, start: F64) -> None:
        """Fit from a start, and keep that if it explains more."""
        large, small = luma(self.large), luma(self.small)
        shift, alike = fitted_shift(
            large, small, self.scale, start, reach=_REACH, settled=_SETTLED, steps=_STEPS
        )
        if alike > self.alike and np.abs(shift).max() <= self.scale * SMALLEST / 4:
            self.shift, self.alike = shift, alike


def _fitted(windows: list[_Window], scale: int) -> list[_Window]:
    """Fit each window from where the others lie, those apart from them once more.

    Where LR is aliased, a fit may stop at a wrong place, which explains less than the right one.
    """

    def middle_of() -> F64:
        shifts = [window.shift for window in windows if window.alike >= ALIKE]
        median: F64 = np.median(shifts, axis=0) if shifts else np.zeros(2)
        return median

    for window in windows:
        window.fit(middle_of())
    common = middle_of()
    for window in windows:
        if window.alike < ALIKE or np.abs(window.shift - common).max() > _APART * scale:
            window.fit(common)
    return [window for window in windows if window.alike >= ALIKE]


def _plain(pair: F64) -> tuple[float, float]:
    return float(pair[0]), float(pair[1])


def _moved(hr: Image, coarse: F32, scale: int) -> tuple[int, int]:
    """Return the shift in whole LR pixels; none where the pair would hardly overlap."""
    inside, here = middle(hr.shape, scale), middle(coarse.shape, 1)
    peak = whole_pixels(luma(unit_float(hr[inside])), coarse[here], scale)
    overlap = np.array(coarse.shape) - np.abs(peak)
    return (int(peak[0]), int(peak[1])) if overlap.min() >= SMALLEST else (0, 0)


def _quarters(shape: tuple[int, ...], moved: tuple[int, int]) -> list[tuple[slice, slice]]:
    """Cut what LR shares with HR into quarters; too small a picture is not cut."""
    ends = [(max(0, m), side + min(0, m)) for side, m in zip(shape, moved, strict=True)]
    if min(last - first for first, last in ends) < 2 * SMALLEST:
        rows, columns = (slice(*end) for end in ends)
        return [(rows, columns)]
    halves = [(first, (first + last) // 2, last) for first, last in ends]
    rows_of, columns_of = ([slice(a, b), slice(b, c)] for a, b, c in halves)
    return [(rows, columns) for rows in rows_of for columns in columns_of]


def _window(coarse: F32, rows: slice, columns: slice) -> tuple[int, int, int]:
    """Return the top, left and side of the square of a quarter with most detail along both axes."""
    part = coarse[rows, columns].astype(np.float64)
    side = min(WINDOW, *part.shape)
    down, right = np.diff(part, axis=0)[:, :-1] ** 2, np.diff(part, axis=1)[:-1] ** 2
    detail = np.minimum(*(_sums(slope, side - 1) for slope in (down, right)))
    top, left = np.unravel_index(np.argmax(detail), detail.shape)
    return rows.start + int(top), columns.start + int(left), side


def _sums(values: F64, side: int) -> F64:
    """Return the sum of every square of a side."""
    summed = np.pad(values.cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))
    whole: F64 = (
        summed[side:, side:]
        - summed[:-side, side:]
        - summed[side:, :-side]
        + summed[:-side, :-side]
    )
    return whole


def _gain(means: list[tuple[F32, F32]]) -> tuple[float, float, float]:
    """Return the ratio of the means of all windows, channel by channel."""
    bright, reference = np.sum(means, axis=0) if means else np.zeros((2, 3))
    ratio = np.divide(bright, reference, out=np.zeros(3), where=reference > 0).round(_DIGITS)
    red, green, blue = ratio.tolist()
    return red, green, blue
