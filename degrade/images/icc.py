"""ICC profiles: what they say, read from their bytes."""

import struct
from functools import cache, lru_cache
from io import BytesIO

import numpy as np
from PIL import ImageCms

from degrade.arrays import F64
from degrade.images.rgb_space import Curve, RgbSpace, to_linear_srgb

_HEADER = 128
_DATE = 24
"""Where a profile has the date of its making."""
_COLORANTS = (b"rXYZ", b"gXYZ", b"bXYZ")
_CURVES = (b"rTRC", b"gTRC", b"bTRC")
_PARAMETERS = {0: "g", 1: "gab", 2: "gabc", 3: "gabcd", 4: "gabcdef"}
"""Names of a parametric curve's numbers, by its kind (ICC.1, section 10.18)."""

Tags = dict[bytes, bytes]


def description(profile: bytes) -> str:
    """Return the name an ICC profile gives itself, or "unreadable"."""
    try:
        return ImageCms.getProfileDescription(BytesIO(profile)).strip()
    except (ImageCms.PyCMSError, OSError):
        return "unreadable"


@lru_cache(maxsize=16)
def space_of(profile: bytes) -> RgbSpace | None:
    """Return the space of a profile of primaries and curves, or of a curve of gray.

    None if it works by tables, is of other colours than RGB and gray, or is damaged.
    """
    try:
        kind, tags = profile[16:20], _tags(profile)
        if kind == b"GRAY":
            curve = _curve(tags[b"kTRC"])
            return RgbSpace(description(profile), np.eye(3), (curve, curve, curve))
        if kind != b"RGB " or b"A2B0" in tags:  # tables come first where a profile has both
            return None
        columns = [struct.unpack_from(">3i", tags[name], 8) for name in _COLORANTS]
        red, green, blue = (_curve(tags[name]) for name in _CURVES)
        matrix = to_linear_srgb(np.array(columns).T / 65536)
    except (KeyError, ValueError, struct.error, np.linalg.LinAlgError):
        return None
    return RgbSpace(description(profile), matrix, (red, green, blue))


@lru_cache(maxsize=16)
def is_srgb(profile: bytes) -> bool:
    """Tell whether a profile is sRGB by its primaries and curves."""
    space = space_of(profile)
    return space is not None and space.is_srgb()


@cache
def srgb_profile() -> bytes:
    """Return an ICC profile of sRGB, the same bytes each time."""
    made = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return made[:_DATE] + bytes(12) + made[_DATE + 12 :]


def channels_of(profile: bytes) -> str:
    """Return a profile's kind of colours: "RGB", "GRAY", "CMYK" ..., or "" if it is none."""
    return profile[16:20].decode("latin-1").strip() if profile[36:40] == b"acsp" else ""


def code_points(profile: bytes) -> tuple[int, int] | None:
    """Return primaries and transfer of a profile's own CICP tag, if it has one."""
    try:
        tag = _tags(profile).get(b"cicp")
    except struct.error:
        return None
    return (tag[8], tag[9]) if tag is not None and len(tag) >= 12 else None


def _tags(profile: bytes) -> Tags:
    (count,) = struct.unpack_from(">I", profile, _HEADER)
    found = {}
    for entry in range(min(count, 100)):
        name, offset, size = struct.unpack_from(">4sII", profile, _HEADER + 4 + 12 * entry)
        found[name] = profile[offset : offset + size]
    return found


def _curve(tag: bytes) -> Curve:
    """Read a curve, whichever of the two types it is of."""
    if tag[:4] == b"para":
        return _parametric(tag)
    if tag[:4] != b"curv":
        raise ValueError(f"curve of type {tag[:4]!r}")
    (count,) = struct.unpack_from(">I", tag, 8)
    if count == 0:
        return lambda encoded: encoded
    if count == 1:
        gamma = struct.unpack_from(">H", tag, 12)[0] / 256
        return lambda encoded: encoded**gamma
    if len(tag) < 12 + 2 * count:
        raise ValueError("curve is cut short")
    points = np.frombuffer(tag, ">u2", count, 12) / 65535
    return lambda encoded: np.interp(encoded, np.linspace(0, 1, count), points)


def _parametric(tag: bytes) -> Curve:
    (kind,) = struct.unpack_from(">H", tag, 8)
    names = _PARAMETERS.get(kind)
    if names is None:
        raise ValueError(f"parametric curve of kind {kind}")
    values = np.array(struct.unpack_from(f">{len(names)}i", tag, 12)) / 65536
    given = {"a": 1.0, **dict.fromkeys("bcdef", 0.0), **dict(zip(names, values, strict=True))}
    g, a, b, c, d, e, f = (float(given[name]) for name in "gabcdef")
    if kind in (1, 2):  # the same on either side of -b/a, where the power begins, plus c
        d, e, f, c = -b / a if a else 0.0, c, c, 0.0

    def curve(encoded: F64) -> F64:
        power = np.maximum(a * encoded + b, 0) ** g + e
        return np.clip(np.where(encoded >= d, power, c * encoded + f), 0, 1)

    return curve
