"""A lens from what photos show of it, and whether they really show one.

The blur's width m (half the log of the covariance's determinant, see `degrade.kernels.spectral`)
differs between rings, or between colours, if the photos' differences have a mean that their scatter
does not explain: Hotelling's test. What scenes do to an estimate is alike in all rings and colours
of a photo, and drops out of differences. A difference that is real and does not matter is left out
too.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from degrade.arrays import F32, F64
from degrade.kernels.lens import Lens
from degrade.kernels.lens_evidence import LensEvidence
from degrade.kernels.pooling import common_values
from degrade.kernels.shape import l1_distance
from degrade.kernels.spectral import Blur

LEVEL = 0.01
"""Probability of a difference by chance below which it is believed."""
LEAST_L1 = 0.1
"""L1 distance of kernels below which their difference does not matter."""
LEAST_SHIFT = 0.15
"""Shift of a colour at the corner, LR pixels, below which it does not matter."""
DEGREE = 2
"""Of the polynomial by which the blur's logarithm goes with the radius."""


@dataclass(frozen=True)
class Difference:
    """Whether kernels differ.

    Attributes:
        statistic: F, of Hotelling's test on the photos' differences.
        probability: Of one as large if there were no difference.
        l1: Distance of the pooled kernels: of the outermost ring from the innermost, of the two
            colours that are most apart.
    """

    statistic: float
    probability: float
    l1: float

    @property
    def supported(self) -> bool:
        """Whether the difference is real and matters."""
        return self.probability < LEVEL and self.l1 >= LEAST_L1


@dataclass(frozen=True)
class ColourShift:
    """Whether a colour lies elsewhere than green.

    Attributes:
        pixels: Mean over photos of its shift at the corner, outwards; 0 where none tells.
        error: Its standard error.
        probability: Of one as large if there were none, by Student's test.
        photos: That tell.
    """

    pixels: float
    error: float
    probability: float
    photos: int

    @property
    def supported(self) -> bool:
        """Whether the shift is real and matters."""
        return self.probability < LEVEL and abs(self.pixels) >= LEAST_SHIFT


@dataclass(frozen=True, eq=False)
class FittedLens:
    """A lens and what speaks for it.

    Attributes:
        lens: By place and by colour as far as that is supported, else one kernel.
        sigma: [n, 3], each kernel's width, the geometric mean over directions, in LR pixels.
        place: Difference of the rings.
        colour: Of the colours.
        shifts: Of red and blue.
    """

    lens: Lens
    sigma: F64
    place: Difference
    colour: Difference
    shifts: tuple[ColourShift, ColourShift]


def fit_lens(photos: Sequence[LensEvidence], scale: int) -> FittedLens:
    """Fit a lens to what photos of one camera show.

    Args:
        photos: At least two more than there are rings.
        scale: Of the kernels.
    """
    values = np.array([photo.blur for photo in photos])
    variances = np.array([photo.variance for photo in photos])
    cells, sure = _pooled(values, variances)
    widths = values[..., 0]
    by_ring, by_colour = widths.mean(axis=2), widths.mean(axis=1)
    place = Difference(
        *hotelling(by_ring[:, 1:] - by_ring[:, :1]), _l1(cells.mean(axis=1)[[0, -1]], scale)
    )
    colour = Difference(
        *hotelling(by_colour[:, [0, 2]] - by_colour[:, [1]]), _l1(cells.mean(axis=0), scale)
    )
    if not colour.supported:
        cells, sure = (
            np.repeat(part.mean(axis=1, keepdims=True), 3, axis=1) for part in (cells, sure)
        )
    radii = np.linspace(0, 1, len(cells))
    if place.supported:
        radius = np.mean([photo.radius for photo in photos], axis=0)
        cells = _along_radius(cells, sure, radius, radii)
    else:
        cells = np.repeat(cells.mean(axis=0, keepdims=True), len(cells), axis=0)
    seen = np.array([photo.shift for photo in photos])
    red, blue = colour_shift(seen[:, 0]), colour_shift(seen[:, 1])
    shift = np.array([one.pixels if one.supported else 0.0 for one in (red, blue)])
    lens = Lens(radii, np.array([_kernels(ring, scale) for ring in cells]), shift)
    return FittedLens(lens, np.exp(cells[..., 0] / 2), place, colour, (red, blue))


def hotelling(differences: F64) -> tuple[float, float]:
    """Test whether the mean of rows is zero (Hotelling, Annals of Math. Statistics 2(3), 1931).

    Args:
        differences: [n, p], n > p, one row for each photo.

    Returns:
        F with p and n - p degrees of freedom, and the probability of a larger one by chance.
    """
    from scipy.special import fdtrc  # a fifth of a second, when first needed

    count, sides = differences.shape
    mean = differences.mean(axis=0)
    covariance = np.atleast_2d(np.cov(differences, rowvar=False))
    square = count * mean @ np.linalg.pinv(covariance) @ mean
    statistic = float(square * (count - sides) / (sides * (count - 1)))
    return statistic, float(fdtrc(sides, count - sides, statistic))


def colour_shift(pixels: F64) -> ColourShift:
    """Return a colour's shift by those of photos, [n], NaN of those that do not tell."""
    told = pixels[np.isfinite(pixels)]
    if len(told) < 2:
        return ColourShift(0.0, 0.0, 1.0, len(told))
    error = float(told.std(ddof=1) / np.sqrt(len(told)))
    return ColourShift(float(told.mean()), error, hotelling(told[:, None])[1], len(told))


def _pooled(values: F64, variances: F64) -> tuple[F64, F64]:
    """Return the common blur of each ring and colour, [R, 3, 3], and its variances."""
    shape = values.shape[1:]
    rows = len(values)
    mean, variance = common_values(values.reshape(rows, -1), variances.reshape(rows, -1))
    return mean.reshape(shape), variance.reshape(shape)


def _along_radius(cells: F64, variances: F64, radius: F64, radii: F64) -> F64:
    """Return blurs at other radii, [n, 3, 3], by polynomials through those of the rings.

    So the middle and the corner, which no window has for its own middle, are reached too.
    """
    count = min(DEGREE, len(radius) - 1) + 1
    known, asked = (np.vander(places, count, increasing=True) for places in (radius, radii))
    flat, weights = (part.reshape(len(radius), -1) for part in (cells, 1 / np.sqrt(variances)))
    columns = [
        asked @ np.linalg.lstsq(known * weight[:, None], column * weight, rcond=None)[0]
        for column, weight in zip(flat.T, weights.T, strict=True)
    ]
    return np.stack(columns, axis=1).reshape(len(radii), 3, 3)


def _kernels(blurs: F64, scale: int) -> F32:
    """Return the Gaussian kernels [n, K, K] of blurs [n, 3]."""
    return np.array([Blur(np.append(one, 0.0), np.zeros(4)).kernel(scale) for one in blurs])


def _l1(blurs: F64, scale: int) -> float:
    """Return the largest L1 distance of two kernels of some blurs, [n, 3]."""
    kernels = _kernels(blurs, scale)
    return max(l1_distance(one, other) for one in kernels for other in kernels)
