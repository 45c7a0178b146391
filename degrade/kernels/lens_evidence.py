"""What one photo shows of its lens: blur by ring and colour, and where red and blue lie."""

from dataclasses import dataclass

import numpy as np

from degrade.arrays import F32, F64, Image
from degrade.images.alignment import fitted_shift
from degrade.images.colour import unit_float
from degrade.images.windows import window_starts
from degrade.kernels.lens import COLOURS
from degrade.kernels.spectral import MIN_SIDE, gaussian_blurs, hidden
from degrade.kernels.spectrum import ring_spectra
from degrade.kernels.unfit_photos import unfit

FEWEST_WINDOWS = 4
"""Fewest windows of a ring whose mean spectrum is looked at."""

WINDOW = 96
"""Side of the windows in which colours are registered, pixels."""
MOST_ALONG = 5
"""Windows along the photo's longer side at most: more cost more, and show little more."""
EXPLAINED = 0.9
"""Share of a colour's variance that green must explain where they are registered."""
FARTHEST = 2.0
"""Shift in pixels beyond which a registration has failed: a lens's is rarely over 1."""
FEWEST_REGISTERED = 6
"""Fewest windows of a photo that tell its lens's shift."""
_REACH, _SETTLED, _STEPS = 2, 5e-3, 8


@dataclass(frozen=True, eq=False)
class LensEvidence:
    """One photo's evidence.

    Attributes:
        blur: [R, 3, 3] by ring and colour: m, a, b of `degrade.kernels.spectral.Blur`.
        variance: [R, 3, 3], theirs.
        radius: [R], mean relative radius of each ring's windows.
        shift: [2], how far red and blue lie outwards of green at the corner, pixels; NaN where
            too few windows tell.
    """

    blur: F64
    variance: F64
    radius: F64
    shift: F64


def lens_evidence(photo: Image, rings: int) -> LensEvidence | str:
    """Measure what a photo shows of its lens, or say why it cannot be done.

    Args:
        photo: [H, W, 3], the whole photo; uint8, or float32 in [0, 1].
        rings: Of equal width, from the middle to the corner.
    """
    reason = unfit(photo, MIN_SIDE)
    if reason:
        return reason
    if all(np.array_equal(photo[..., 1], photo[..., colour]) for colour in (0, 2)):
        return "has no colour"
    values, variances = np.empty((2, rings, 3, 3))
    for colour, name in enumerate(COLOURS):
        seen = ring_spectra(photo, colour, rings)
        least = int(seen.windows.argmin())
        if seen.windows[least] < FEWEST_WINDOWS:
            return (
                f"{photo.shape[1]}x{photo.shape[0]} pixels hold {seen.windows[least]} windows in "
                f"ring {least + 1} of {rings}, fewer than {FEWEST_WINDOWS}"
            )
        for ring, spectrum in enumerate(seen.mean):
            reason = hidden(spectrum, seen.floor)
            if reason:
                return f"ring {ring + 1} of {rings}, {name}: {reason}"
        for ring, blur in enumerate(gaussian_blurs(seen.mean, seen.floor)):
            values[ring, colour], variances[ring, colour] = blur.values[:3], blur.variance[:3]
    return LensEvidence(values, variances, seen.radius, _colour_shift(photo))


def _colour_shift(photo: Image) -> F64:
    """Return [2] the radial shifts at the corner: least squares over windows of the photo."""
    height, width = photo.shape[:2]
    corner = np.hypot(height / 2, width / 2)
    pitch = max(1, (max(height, width) - WINDOW) // (MOST_ALONG - 1))
    places: list[list[F64]] = [[], []]
    shifts: list[list[F64]] = [[], []]
    for row in window_starts(height, WINDOW, max(pitch, WINDOW // 2)):
        for column in window_starts(width, WINDOW, max(pitch, WINDOW // 2)):
            window = unit_float(photo[row : row + WINDOW, column : column + WINDOW])
            place = np.array([row + (WINDOW - height) / 2, column + (WINDOW - width) / 2])
            for number, colour in enumerate((0, 2)):
                moved = _registered(window[..., 1], window[..., colour])
                if moved is not None:
                    places[number].append(place / corner)
                    shifts[number].append(moved)
    return np.array([_at_corner(*both) for both in zip(places, shifts, strict=True)])


def _registered(green: F32, other: F32) -> F64 | None:
    """Return how far a colour's content lies from green's, [2]; None if they do not tell."""
    if np.ptp(green) == 0 or np.ptp(other) == 0:
        return None
    start = np.zeros(2)
    moved, explained = fitted_shift(
        green, other, 1, start, reach=_REACH, settled=_SETTLED, steps=_STEPS
    )
    return moved if explained >= EXPLAINED and np.abs(moved).max() <= FARTHEST else None


def _at_corner(places: list[F64], shifts: list[F64]) -> float:
    """Return e of the least squares fit shift = e place, for places relative to the corner."""
    if len(places) < FEWEST_REGISTERED:
        return float("nan")
    return float((np.array(places) * shifts).sum() / np.square(places).sum())
