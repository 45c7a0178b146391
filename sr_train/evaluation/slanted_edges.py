"""MTF50 at the slanted edges of a picture, as ISO 12233 measures cameras by."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.signal.windows import tukey

from degrade.arrays import F64, U8
from degrade.images.colour import y_channel

SIDE = 32
"""Side of the windows that are looked at, pixels; they overlap by three quarters."""
SLOPES = (0.03, 0.35)
"""Columns per row of an edge: less gives no phases between pixels, more is near the diagonal."""
STRAIGHT = 0.25
"""Largest deviation of a row's edge from the line, pixels, root of the mean square."""
CONTRAST = 32.0
"""Least difference between the sides, levels of Y."""
FLAT = 0.06
"""Largest standard deviation of a side, as a share of the contrast."""
MARGIN = 6
"""Pixels from the edge at which its sides begin."""
BINS = 4
"""Bins of the edge's profile, per pixel."""
TAPER = 0.5
"""Share of the profile's derivative that is tapered; its middle, the edge, is left as it is."""
EDGES = (
    f"SR over HR, median over slanted edges in HR's Y ({SIDE}x{SIDE} windows, {SLOPES[0]} to "
    f"{SLOPES[1]} pixels per row, {BINS} bins per pixel); none where HR has no such edge"
)


@dataclass(frozen=True)
class Edge:
    """Where an edge lies: at column ``offset + slope * row`` of a window, both from its centre."""

    slope: float
    offset: float


def mtf50_ratio(sr: U8, hr: U8) -> float | None:
    """Return the median over HR's slanted edges of SR's MTF50 over HR's; None without an edge.

    Below 1 where SR is softer than HR at edges. Of levels as they are, not made linear, in which
    both are alike.

    Args:
        sr: [H, W, 3].
        hr: [H, W, 3].
    """
    planes = [y_channel(image) for image in (sr, hr)]
    ratios = []
    for soft, sharp in zip(_windows(planes[0]), _windows(planes[1]), strict=True):
        if (edge := find_edge(sharp)) is None:
            continue
        # SR's edge may lie a fraction of a pixel beside HR's, so it is fitted anew.
        own = find_edge(soft, loose=True) or edge
        reference, found = mtf50(sharp, edge), mtf50(soft, own)
        if reference and found:
            ratios.append(found / reference)
    return float(np.median(ratios)) if ratios else None


def find_edge(window: F64, loose: bool = False) -> Edge | None:
    """Return the single slanted edge between two flat sides of a window, None without one.

    Args:
        window: [SIDE, SIDE] levels; the edge runs from top to bottom.
        loose: Only fit the line, whatever the sides are like.
    """
    sides = [float(window[:, part].mean()) for part in (slice(0, 4), slice(-4, None))]
    if not loose and abs(sides[0] - sides[1]) < CONTRAST:
        return None  # said quickly, as nearly all windows are such
    away = np.arange(SIDE) - (SIDE - 1) / 2
    gradient = np.abs(np.gradient(window, axis=1))
    strength = gradient.sum(axis=1)
    if strength.min() <= 0:
        return None
    centres = (gradient * away).sum(axis=1) / strength
    for reach in (SIDE / 2, MARGIN, MARGIN):
        slope, offset = np.polyfit(away, centres, 1)
        near = np.abs(away - (offset + slope * away[:, None])) <= reach
        weights = gradient * near
        strength = weights.sum(axis=1)
        if strength.min() <= 0:
            return None
        centres = (weights * away).sum(axis=1) / strength
    slope, offset = (float(value) for value in np.polyfit(away, centres, 1))
    edge = Edge(slope, offset)
    if loose:
        return edge
    is_straight = float(np.std(centres - (offset + slope * away))) <= STRAIGHT
    is_inside = abs(offset) + abs(slope) * SIDE / 2 <= SIDE / 2 - MARGIN - 2
    if not (is_straight and is_inside and SLOPES[0] <= abs(slope) <= SLOPES[1]):
        return None
    return edge if _has_flat_sides(window, edge) else None


def mtf50(window: F64, edge: Edge) -> float | None:
    """Return the frequency across an edge at which contrast is half, cycles per pixel.

    The rows, moved onto each other along the edge, are one finer profile; its derivative, tapered
    towards the ends, has the transform that is looked at. None where it stays above a half.
    """
    distance = _distances(edge)
    half = SIDE // 2 - 2
    place = np.floor((distance + half) * BINS).astype(int)
    inside = (place >= 0) & (place < 2 * half * BINS)
    count = np.bincount(place[inside], minlength=2 * half * BINS)
    total = np.bincount(place[inside], window[inside], minlength=2 * half * BINS)
    known = count > 0
    positions = np.arange(len(count))
    profile = np.interp(positions, positions[known], total[known] / count[known])
    spread = np.gradient(profile) * tukey(len(profile), TAPER)
    transform = np.abs(np.fft.rfft(spread))
    frequency = np.fft.rfftfreq(len(spread), 1 / BINS)
    # Central differences, two bins apart, and bins, one wide, weaken high frequencies.
    lost = np.sinc(2 * frequency / BINS) * np.sinc(frequency / BINS)
    contrast = transform / transform[0] / np.maximum(lost, 0.1)
    below = np.flatnonzero(contrast < 0.5)
    if not len(below):
        return None
    after = int(below[0])
    if after == 0 or frequency[after] > 1:
        return None
    share = (contrast[after - 1] - 0.5) / (contrast[after - 1] - contrast[after])
    return float(frequency[after - 1] + share * (frequency[after] - frequency[after - 1]))


def _windows(plane: F64) -> Iterator[F64]:
    """Yield all windows, and all of the turned picture, so that edges run from top to bottom."""
    for picture in (plane, plane.T):
        for top in range(0, picture.shape[0] - SIDE + 1, SIDE // 4):
            for left in range(0, picture.shape[1] - SIDE + 1, SIDE // 4):
                yield picture[top : top + SIDE, left : left + SIDE]


def _distances(edge: Edge) -> F64:
    """Return each pixel's distance from an edge, [SIDE, SIDE], pixels, negative to its left."""
    away = np.arange(SIDE) - (SIDE - 1) / 2
    across = away[None] - (edge.offset + edge.slope * away[:, None])
    distances: F64 = across / np.hypot(1, edge.slope)
    return distances


def _has_flat_sides(window: F64, edge: Edge) -> bool:
    distance = _distances(edge)
    left, right = window[distance < -MARGIN], window[distance > MARGIN]
    if min(left.size, right.size) < SIDE:
        return False
    contrast = abs(float(right.mean() - left.mean()))
    return contrast >= CONTRAST and max(left.std(), right.std()) <= FLAT * contrast
