"""EXIF data that describe a photo, carried over to what is made of it."""

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
"""The first directory's tags that are kept; TIFF's others tell where the old pixels lie."""
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
