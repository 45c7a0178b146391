"""RGB colour spaces of three primaries and a curve each, and their conversion to sRGB."""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from degrade.arrays import F32, F64, Image
from degrade.images.banded import BAND

Curve = Callable[[F64], F64]
"""From encoded values in [0, 1] to linear light in [0, 1]."""

SRGB_TO_XYZ = np.array(
    [[0.43607, 0.38515, 0.14307], [0.22249, 0.71687, 0.06061], [0.01392, 0.09708, 0.71410]]
)
"""Columns: sRGB's red, green and blue as ICC profiles hold them, adapted to D50."""
_LEVELS = 65535
_BARELY = 2e-4
"""Linear light beyond [0, 1] that the rounding of a profile's numbers explains."""
_UNSEEN = 1 / 255
"""Difference of encoded values up to which a space counts as sRGB: one level of 8 bits."""


@dataclass(frozen=True, eq=False)
class RgbSpace:
    """A space of colours that becomes sRGB by a curve for each channel and a matrix."""

    name: str
    matrix: F64
    """[3, 3], linear RGB of this space to linear sRGB; colours are columns."""
    curves: tuple[Curve, Curve, Curve]

    def is_srgb(self) -> bool:
        """Tell whether conversion would change no colour by more than a level of 8 bits.

        The name counts for nothing: phones call P3 with sRGB's curve "sRGB".
        """
        steps = np.linspace(0, 1, 6)
        colours = np.stack(np.meshgrid(steps, steps, steps), -1).reshape(-1, 3)
        grays = np.repeat(np.linspace(0, 1, 256)[:, None], 3, axis=1)
        probes = np.concatenate((colours, grays))
        linear = np.stack([curve(probes[:, c]) for c, curve in enumerate(self.curves)], -1)
        there = srgb_encoded(np.clip(linear @ self.matrix.T, 0, 1))
        return bool(np.abs(there - probes).max() <= _UNSEEN)

    def to_srgb(self, rgb: Image) -> tuple[Image, float]:
        """Convert [H, W, 3] of this space, uint8 or float32 in [0, 1], to sRGB, in its place.

        Returns:
            The array, overwritten; colours that sRGB does not have are clipped channel by channel.
            And the share of pixels with such colours.
        """
        most = 255 if rgb.dtype == np.uint8 else _LEVELS
        encoded = np.linspace(0, 1, most + 1)
        curves = np.stack([curve(encoded) for curve in self.curves], -1).astype(np.float32)
        inside = 0
        for top in range(0, len(rgb), BAND):
            linear = cv2.transform(_linear(rgb[top : top + BAND], curves), self.matrix)
            inside += cv2.countNonZero(cv2.inRange(linear, (-_BARELY,) * 3, (1 + _BARELY,) * 3))
            light = np.clip(linear, 0, 1, dtype=np.float32)
            whole = rgb.dtype == np.uint8
            rgb[top : top + BAND] = _BYTES[_nearest(light)] if whole else _deep(light)
        return rgb, 1 - inside / (rgb.shape[0] * rgb.shape[1])


def srgb_linear(encoded: F64) -> F64:
    """Return linear light of sRGB's values in [0, 1] (IEC 61966-2-1)."""
    return np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)


def srgb_encoded(linear: F64) -> F64:
    """Return sRGB's values of linear light in [0, 1]."""
    steep = 1.055 * np.maximum(linear, 0.0031308) ** (1 / 2.4) - 0.055
    return np.where(linear <= 0.0031308, 12.92 * linear, steep)


def to_linear_srgb(colorants: F64) -> F64:
    """Return the matrix to linear sRGB of primaries, columns of XYZ adapted to D50."""
    return np.asarray(np.linalg.solve(SRGB_TO_XYZ, colorants))


def _linear(band: Image, curves: F32) -> F32:
    """Look encoded values up in the channels' curves, [256 or 65536, 3]."""
    if band.dtype == np.uint8:
        return np.asarray(cv2.LUT(band, curves[None]), np.float32)
    index = _nearest(band)
    return np.stack([curves[index[..., c], c] for c in range(3)], -1)


def _nearest(unit: Image) -> npt.NDArray[np.uint16]:
    levels = np.asarray(np.clip(unit, 0, 1), np.float32) * np.float32(_LEVELS)
    return np.asarray(levels + np.float32(0.5), np.uint16)


_BYTES = np.rint(255 * srgb_encoded(np.linspace(0, 1, _LEVELS + 1))).astype(np.uint8)
"""sRGB's values of linear light in steps of 1/65535, a twentieth of a level where it is darkest."""


def _deep(light: F32) -> F32:
    """Return what `srgb_encoded` does, with OpenCV's faster power."""
    steep = cv2.pow(light, 1 / 2.4) * np.float32(1.055) - np.float32(0.055)
    return np.where(light <= np.float32(0.0031308), np.float32(12.92) * light, steep)
