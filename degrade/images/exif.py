"""EXIF data: which camera took a photo, and what is carried over to what is made of it."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import log2
from typing import Any

from PIL import ExifTags
from PIL import Image as Pillow

_KEPT = (
    ExifTags.Base.ImageDescription,
    ExifTags.Base.Make,
    ExifTags.Base.Model,
    ExifTags.Base.XResolution,
    ExifTags.Base.YResolution,
    ExifTags.Base.ResolutionUnit,
    ExifTags.Base.Software,
    ExifTags.Base.DateTime,
    ExifTags.Base.Artist,
    ExifTags.Base.HostComputer,
    ExifTags.Base.Copyright,
)
"""Tags of the first directory that are kept; TIFF's others say where the old pixels lie."""
_SRGB = 1


def exif_of(data: bytes) -> Pillow.Exif:
    """Return the EXIF data of a raw file laid out as TIFF; empty where there is none."""
    exif = Pillow.Exif()
    try:
        exif.load(b"Exif\0\0" + data)
        dict(exif)
    except Exception:  # Pillow raises whatever its parsing runs into
        return Pillow.Exif()
    return exif


def carried_over(exif: Pillow.Exif, height: int, width: int) -> bytes:
    """Return EXIF data for an upright sRGB image of another size; b"" where there were none.

    Who, when, where and with what stay; orientation, size and colour space are the new ones, and
    thumbnails are dropped.
    """
    result = Pillow.Exif()
    try:
        kept: dict[int, Any] = {int(tag): exif[tag] for tag in _KEPT if tag in exif}
        photo = dict(exif.get_ifd(ExifTags.IFD.Exif))
        place = dict(exif.get_ifd(ExifTags.IFD.GPSInfo))
        if not (kept or photo or place):
            return b""
        result.update(kept)
        result[ExifTags.Base.Orientation] = 1
        photo[ExifTags.Base.ExifImageWidth] = width
        photo[ExifTags.Base.ExifImageHeight] = height
        photo[ExifTags.Base.ColorSpace] = _SRGB
        photo.pop(ExifTags.IFD.Interop, None)
        result.get_ifd(ExifTags.IFD.Exif).update(photo)
        if place:
            result.get_ifd(ExifTags.IFD.GPSInfo).update(place)
        return result.tobytes()
    except Exception:  # as above; damaged EXIF data are left out
        return b""


def as_tiff(exif: bytes) -> bytes:
    """Return EXIF data as PNG's chunk eXIf holds them, from the TIFF header on."""
    return exif.removeprefix(b"Exif\0\0")


def read_back(exif: bytes) -> Pillow.Exif:
    """Return EXIF data as Pillow's writers take them."""
    loaded = Pillow.Exif()
    loaded.load(exif)
    return loaded


APART = 1.1
"""Focal lengths of one lens belong together where the next longer one is at most so many times as
long: a zoom's range is one, a phone's crop to twice its focal length is another."""
NO_EXIF = "no EXIF"
"""Name of the photos that do not say what took them, beside some that do."""


@dataclass(frozen=True)
class TakenWith:
    """The camera of one photo, as far as EXIF names it.

    Attributes:
        camera: Make and model; empty where unknown.
        lens: Model of the lens; empty where unknown.
        focal: Focal length, mm: the 35 mm equivalent where EXIF has it, else as it is, times the
            digital zoom; 0 where unknown.
        iso: Sensitivity; 0 where unknown.
    """

    camera: str = ""
    lens: str = ""
    focal: float = 0.0
    iso: int = 0


UNKNOWN = TakenWith()


def taken_with(exif: Pillow.Exif) -> TakenWith:
    """Read what took a photo; what is missing or damaged counts as unknown."""
    try:
        photo = dict(exif.get_ifd(ExifTags.IFD.Exif))
    except Exception:  # Pillow raises whatever its parsing runs into
        photo = {}
    base = ExifTags.Base
    make, model = _text(exif.get(base.Make)), _text(exif.get(base.Model))
    named = make.split()[:1] == model.split()[:1] or not model
    focal = _number(photo.get(base.FocalLengthIn35mmFilm))
    if not focal:
        zoom = _number(photo.get(base.DigitalZoomRatio)) or 1.0
        focal = _number(photo.get(base.FocalLength)) * zoom
    return TakenWith(
        camera=(model or make) if named else f"{make} {model}".strip(),
        lens=_text(photo.get(base.LensModel)),
        focal=round(focal, 1),
        iso=min(int(_number(photo.get(base.ISOSpeedRatings))), 2**31 - 1),
    )


def camera_groups(photos: Sequence[TakenWith]) -> list[str]:
    """Return the name of each photo's group by camera, lens and focal length; "" where unknown.

    A name says no more than distinguishes the groups.
    """
    known = sorted({(one.camera, one.lens, one.focal) for one in photos if one.camera})
    names: dict[tuple[str, str, float], str] = {}
    for camera in dict.fromkeys(camera for camera, _, _ in known):
        lenses = dict.fromkeys(lens for name, lens, _ in known if name == camera)
        for lens in lenses:
            lengths = [mm for name, other, mm in known if (name, other) == (camera, lens)]
            ranges = _ranges(lengths)
            for some in ranges:
                said = [camera]
                said += [lens or "unknown lens"] if len(lenses) > 1 else []
                said += [_length(some)] if len(ranges) > 1 else []
                names |= {(camera, lens, mm): ", ".join(said) for mm in some}
    return [names.get((one.camera, one.lens, one.focal), "") for one in photos]


FEWEST = 3
"""Photos that a range of sensitivities has at least: noise is measured on each range alone."""


def sensitivity_ranges(photos: Sequence[int]) -> list[str]:
    """Return the name of the range of sensitivities that each photo of one camera is in.

    A range is one stop wide, about ISO 100, 200, 400 and so on; those of fewer than `FEWEST` photos
    join the nearest. Photos that say nothing are one more, or join the range of the most.

    Args:
        photos: The sensitivity of each; 0 where unknown.

    Returns:
        One for each; "" for all of them where they are in one range.
    """
    stops = [round(log2(iso / 100)) if iso > 0 else None for iso in photos]
    counts = Counter(stop for stop in stops if stop is not None)
    ranges = sorted(stop for stop, count in counts.items() if count >= FEWEST)
    if len(ranges) < 2:
        return [""] * len(stops)
    unknown = max(ranges, key=lambda stop: counts[stop]) if stops.count(None) < FEWEST else None
    of_photo = [
        unknown if stop is None else min(ranges, key=lambda other: (abs(other - stop), other))
        for stop in stops
    ]
    names: dict[int | None, str] = {None: "unknown ISO"}
    for stop in ranges:
        inside = [iso for iso, own in zip(photos, of_photo, strict=True) if own == stop and iso]
        ends = dict.fromkeys(map(str, (min(inside), max(inside))))
        names[stop] = f"ISO {'-'.join(ends)}"
    return [names[stop] for stop in of_photo]


def _ranges(lengths: Sequence[float]) -> list[list[float]]:
    """Cut sorted focal lengths where the next one is more than `APART` times as long."""
    found: list[list[float]] = []
    for length in lengths:
        if found and found[-1][-1] and length <= APART * found[-1][-1]:
            found[-1].append(length)
        else:
            found.append([length])
    return found


def _length(some: Sequence[float]) -> str:
    if not some[0]:
        return "unknown focal length"
    ends = dict.fromkeys(f"{mm:g}" for mm in (some[0], some[-1]))
    return f"{'-'.join(ends)} mm"


def _text(value: Any) -> str:
    """Return printable text on one line."""
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value or "")
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def _number(value: Any) -> float:
    """Return a number of EXIF's kinds; 0 where it is none."""
    try:
        number = float(value[0] if isinstance(value, tuple | list) else value)
    except (TypeError, ValueError, ZeroDivisionError, IndexError):
        return 0.0
    return number if 0 < number < float(2**31) else 0.0
