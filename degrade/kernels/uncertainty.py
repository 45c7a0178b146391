"""How sure a spectral kernel is: its posterior, intervals of sigmas and angle, and draws."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from degrade.arrays import F32, F64
from degrade.kernels.pooling import INFLATION
from degrade.kernels.spectral import Blur
from degrade.kernels.transfer_function import MAX_LOG, MIN_LOG

LEVEL = 0.9
"""Of the intervals: the share of kernels whose truth they hold."""
QUANTILE = 1.645
"""Standard deviations to either side that hold `LEVEL` of a normal distribution."""
IN_COMMON: F64 = np.array([0.10, 0.07, 0.07, 0.0])
"""Standard deviation of m, a, b and log shape that no number of photos takes away, for the model
of a scene's spectrum errs alike on photos of like scenes. Chosen with `INFLATION` so that intervals
hold on the photos of `benchmarks.kernel_intervals`."""

Floats = npt.NDArray[np.floating]


@dataclass(frozen=True, eq=False)
class HalfWidths:
    """Half the widths of the intervals, [n] each; lengths in HR pixels, the angle in radians.

    An angle's is at most pi / 2, where nothing is known of it.
    """

    sigma_major: F64
    sigma_minor: F64
    angle: F64

    def of(self, row: int) -> tuple[float, float, float]:
        """Return those of one kernel."""
        return float(self.sigma_major[row]), float(self.sigma_minor[row]), float(self.angle[row])


def deviation(blur: Blur, *, pooled: bool) -> F64:
    """Return the standard deviations [4] of a blur's values about the truth.

    Args:
        blur: As estimated, or pooled.
        pooled: Whether its variances were inflated already, as `degrade.kernels.pooling` does.
    """
    factor = 1.0 if pooled else INFLATION
    return np.asarray(np.sqrt(factor * blur.variance + IN_COMMON**2))


def half_widths(values: Floats, deviations: Floats, scale: int) -> HalfWidths:
    """Return how far the truth may lie from each kernel's sigmas and angle, to first order.

    With r = |(a, b)| the sigmas are scale exp((m +- r) / 2) and the angle is half that of (a, b).

    Args:
        values: [n, 4], as of `Blur`.
        deviations: [n, 4], as of `deviation`.
        scale: HR pixels per LR pixel.
    """
    m, a, b = np.asarray(values, np.float64)[:, :3].T
    of_m, of_a, of_b = np.asarray(deviations, np.float64)[:, :3].T
    ratio = np.hypot(a, b)
    turn = np.arctan2(b, a)
    along, beside = np.cos(turn), np.sin(turn)
    of_ratio = np.hypot(along * of_a, beside * of_b)
    across = np.hypot(beside * of_a, along * of_b)
    relative = np.sinh(QUANTILE * np.hypot(of_m, of_ratio) / 2)
    angle = QUANTILE * across / np.maximum(2 * ratio, 1e-9)
    return HalfWidths(
        scale * np.exp((m + ratio) / 2) * relative,
        scale * np.exp((m - ratio) / 2) * relative,
        np.minimum(angle, np.pi / 2),
    )


def drawn(values: Floats, deviations: Floats, scale: int, rng: np.random.Generator) -> F32:
    """Draw a kernel from its posterior.

    Args:
        values: [4], as of `Blur`.
        deviations: [4], as of `deviation`.
        scale: HR pixels per LR pixel.
        rng: Where the draw comes from.

    Returns:
        [S, S] float32 on the canvas of the scale, sum 1, centred.
    """
    values = np.asarray(values, np.float64)
    other = values + np.asarray(deviations, np.float64) * rng.standard_normal(4)
    # A Gaussian stays one: its shape is fixed and not uncertain.
    other[3] = np.clip(other[3], MIN_LOG, MAX_LOG) if values[3] else 0.0
    return Blur(other, np.zeros(4)).kernel(scale)
