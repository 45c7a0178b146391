"""Write images so that a reader never meets half a file."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as Pillow

from degrade.arrays import U8
from degrade.errors import DegradeError, ImageRefused
from degrade.images.icc import srgb_profile
from degrade.whole_file import replacing

_JPEG: tuple[str, dict[str, Any]] = ("JPEG", {"quality": 95, "subsampling": 0})
_TIFF: tuple[str, dict[str, Any]] = ("TIFF", {"compression": "tiff_adobe_deflate"})
_FORMATS: dict[str, tuple[str, dict[str, Any]]] = {
    ".png": ("PNG", {}),
    ".jpg": _JPEG,
    ".jpeg": _JPEG,
    ".webp": ("WEBP", {"lossless": True}),
    ".tif": _TIFF,
    ".tiff": _TIFF,
    ".bmp": ("BMP", {}),
}
"""Pillow's format and options by suffix; JPEG is the only lossy one."""
WRITABLE = tuple(_FORMATS)
"""Suffixes of the formats that can be written."""
_WITH_PROFILE = ("JPEG", "TIFF", "WEBP")
_WITHOUT_ALPHA = ("BMP", "JPEG")
_LARGEST_SIDE = {"JPEG": 65500, "WEBP": 16383}


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file that is whole or absent; its folder is made if need be.

    Raises:
        DegradeError: It cannot be written.
    """
    with writing(path) as aside:
        aside.write_bytes(data)


def write_png(path: Path, rgb: U8) -> None:
    """Write uint8 HWC RGB as a PNG file that is whole or absent; its folder is made if need be.

    Raises:
        DegradeError: The array is not uint8 [H, W, 3], or the file cannot be written.
    """
    _save(path, rgb, "PNG", {})


def write_image(path: Path, pixels: U8, exif: bytes = b"") -> None:
    """Write uint8 sRGB [H, W, C] in the format of the suffix (`WRITABLE`), whole or absent.

    JPEG has quality 95 and full colour resolution, WebP and TIFF are lossless. All but PNG and BMP
    get sRGB's profile.

    Args:
        path: Where to write.
        pixels: Of 1 channel gray, of 3 RGB; with 2 or 4 the last is alpha.
        exif: As `degrade.images.exif.carried_over` gives it; BMP has no place for it, and TIFF is
            not compressed with it.

    Raises:
        DegradeError: The file cannot be written.
        ImageRefused: The format cannot hold the image.
    """
    check_fits(path, *pixels.shape)
    form, options = _FORMATS[path.suffix.lower()]
    if exif and form != "BMP":
        # Pillow's compressed TIFF cannot hold the directories that EXIF data have.
        options = {"exif": exif} if form == "TIFF" else {**options, "exif": exif}
    if form in _WITH_PROFILE:
        options = {**options, "icc_profile": srgb_profile()}
    plain = pixels[..., 0] if pixels.shape[2] == 1 else pixels
    with writing(path) as aside:
        Pillow.fromarray(np.ascontiguousarray(plain)).save(aside, format=form, **options)


def check_fits(path: Path, height: int, width: int, channels: int = 3) -> None:
    """Refuse an image that the format of its file cannot hold.

    Raises:
        ImageRefused: A side is longer than JPEG's or WebP's limit, or JPEG and BMP would lose the
            alpha channel.
    """
    form, _ = _FORMATS[path.suffix.lower()]
    if channels in (2, 4) and form in _WITHOUT_ALPHA:
        raise ImageRefused(path, f"is transparent, which {form} cannot hold (use .png)")
    if max(height, width) > (limit := _LARGEST_SIDE.get(form, max(height, width))):
        raise ImageRefused(
            path, f"would be {width}x{height}, and {form} ends at {limit} a side (use .png)"
        )


@contextmanager
def writing(path: Path) -> Iterator[Path]:
    """Yield a path to write to, which becomes ``path`` if the block succeeds; make its folder.

    Raises:
        DegradeError: The file cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as aside:
            yield aside
    except OSError as error:
        raise DegradeError(
            f"{path}: cannot be written ({error.strerror or error}); check folder, rights and space"
        ) from error


def _save(path: Path, rgb: U8, form: str, options: dict[str, Any]) -> None:
    if rgb.dtype != np.uint8 or rgb.ndim != 3 or rgb.shape[2] != 3:
        raise DegradeError(
            f"{path}: array is {rgb.dtype} {list(rgb.shape)}; give uint8 [H, W, 3] (see to_uint8)"
        )
    with writing(path) as aside:
        Pillow.fromarray(np.ascontiguousarray(rgb)).save(aside, format=form, **options)
