"""Colour spaces by code points (ITU-T H.273), which PNG, AVIF and HEIC files may carry."""

from functools import cache

import numpy as np

from degrade.arrays import F64
from degrade.images.rgb_space import Curve, RgbSpace, srgb_linear, to_linear_srgb

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
