"""RGB colour spaces, by primaries and curves or by code points, and their conversion to sRGB."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image as Pillow

from degrade.arrays import F32, F64, U8, Image

BAND = 128
"""Rows taken at a time: few enough that the copies stay in the cache and in memory at hand; taken
whole, a photo's fresh memory costs more than its decoding."""


def rgb_pixels(image: Pillow.Image) -> U8:
    """Return the pixels [H, W, 3] of an image in mode RGB; taken whole they are held twice."""
    pixels = np.empty((image.height, image.width, 3), np.uint8)
    for top in range(0, image.height, BAND):
        bottom = min(top + BAND, image.height)
        band = image if bottom - top == image.height else image.crop((0, top, image.width, bottom))
        pixels[top:bottom] = np.asarray(band)
    return pixels


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


CodePoints = tuple[int, int]
"""Primaries and transfer."""

UNSPECIFIED = 2
_PRIMARIES = {
    1: ("BT.709", (0.640, 0.330, 0.300, 0.600, 0.150, 0.060)),
    5: ("BT.470 BG", (0.640, 0.330, 0.290, 0.600, 0.150, 0.060)),
    6: ("SMPTE 170M", (0.630, 0.340, 0.310, 0.595, 0.155, 0.070)),
    7: ("SMPTE 240M", (0.630, 0.340, 0.310, 0.595, 0.155, 0.070)),
    9: ("BT.2020", (0.708, 0.292, 0.170, 0.797, 0.131, 0.046)),
    12: ("Display P3", (0.680, 0.320, 0.265, 0.690, 0.150, 0.060)),
}
"""x and y of red, green and blue; all with the white of D65."""
_WHITE = (0.3127, 0.3290)
_D50 = np.array([0.9642, 1.0, 0.8249])
_BRADFORD = np.array(
    [[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]]
)
_CURVES: dict[int, Curve] = {
    4: lambda encoded: encoded**2.2,
    5: lambda encoded: encoded**2.8,
    8: lambda encoded: encoded,
    # Those of video are meant for the same screens as sRGB's, and are taken as it.
    **dict.fromkeys((1, 2, 6, 7, 13, 14, 15), srgb_linear),
}
HDR = {16: "PQ", 18: "HLG"}
"""Transfers that go beyond white."""


@cache
def space_of(points: CodePoints) -> RgbSpace | None:
    """Return a space by its code points; None for those that no photo is expected to have."""
    primaries, transfer = points
    named, curve = _PRIMARIES.get(primaries), _CURVES.get(transfer)
    if named is None or curve is None:
        return None
    name = f"CICP {primaries}/{transfer}, {named[0]}"
    return RgbSpace(name, to_linear_srgb(_colorants(named[1])), (curve, curve, curve))


def _colorants(primaries: tuple[float, ...]) -> F64:
    """Return XYZ of the primaries as columns, adapted to D50 by Bradford's method."""
    columns = np.stack([_xyz(x, y) for x, y in zip(primaries[::2], primaries[1::2], strict=True)])
    white = _xyz(*_WHITE)
    scaled = columns.T * np.linalg.solve(columns.T, white)
    cones = (_BRADFORD @ _D50) / (_BRADFORD @ white)
    return np.asarray(np.linalg.inv(_BRADFORD) @ np.diag(cones) @ _BRADFORD @ scaled)


def _xyz(x: float, y: float) -> F64:
    return np.array([x / y, 1.0, (1 - x - y) / y])
