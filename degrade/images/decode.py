"""Decode image files to RGB arrays under a stated policy, or refuse them with a reason."""

from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path, PurePath
from typing import Any, Literal

import cv2
import numpy as np
from PIL import Image as Pillow
from PIL import TiffImagePlugin, UnidentifiedImageError
from pydantic import BaseModel, ConfigDict, Field

from degrade.arrays import F32, Image
from degrade.errors import ImageRefused
from degrade.images.banded import rgb_pixels
from degrade.images.colour import to_uint8, unit_float
from degrade.images.file_bytes import read_whole
from degrade.images.icc import description, in_mode, is_srgb, to_srgb

# DecodePolicy.max_pixels is checked on the header instead: Pillow's own limit is lower than large
# cameras, and is a warning before it is an error.
Pillow.MAX_IMAGE_PIXELS = None

FORMATS = {
    "PNG": {".png"},
    "JPEG": {".jpg", ".jpeg"},
    "MPO": {".jpg", ".jpeg"},
    "WEBP": {".webp"},
    "TIFF": {".tif", ".tiff"},
    "BMP": {".bmp"},
}
"""Formats that are read, by Pillow's name, and the suffixes they go by."""
_READERS = [form for form in FORMATS if form != "MPO"]  # Pillow's JPEG reader finds MPO itself
_EIGHT_BIT_MODES = {"1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "YCbCr", "CMYK"}
_GRAY_MODES = {"1", "L", "LA", "La"}
_ORIENTATION = 274
_BLACK_IS_ZERO, _RGB = 1, 2
_UNUSUAL_SIXTEEN_BIT = "is a 16-bit file of an unusual kind (save it as a 16-bit RGB PNG)"
_TURNS: dict[int, Callable[[Image], Image]] = {
    2: lambda pixels: pixels[:, ::-1],
    3: lambda pixels: pixels[::-1, ::-1],
    4: lambda pixels: pixels[::-1],
    5: lambda pixels: pixels.swapaxes(0, 1),
    6: lambda pixels: pixels.swapaxes(0, 1)[:, ::-1],
    7: lambda pixels: pixels[::-1, ::-1].swapaxes(0, 1),
    8: lambda pixels: pixels.swapaxes(0, 1)[::-1],
}
"""How each EXIF orientation is brought upright."""


class DecodePolicy(BaseModel):
    """What to do with images that are not plain 8-bit RGB."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    gray: Literal["expand", "refuse"] = "expand"
    """Gray images: three equal channels, or refused."""
    alpha: Literal["refuse", "white", "black"] = "refuse"
    """Images that are transparent somewhere: refused, or composed on white or black."""
    sixteen_bit: Literal["keep", "reduce", "refuse"] = "keep"
    """16 bits a channel: kept as float32, reduced to 8 bits, or refused."""
    cmyk: Literal["refuse", "convert"] = "refuse"
    """CMYK: refused, or converted through its ICC profile (without one, by plain inversion)."""
    max_pixels: int = Field(default=200_000_000, gt=0)
    """Largest height times width that is decoded, against decompression bombs."""


DEFAULT_POLICY = DecodePolicy()


@dataclass(frozen=True)
class Decoded:
    """An image and what was done to it on the way."""

    pixels: Image
    """[H, W, 3] RGB, upright; uint8, or float32 in [0, 1] where the file has 16 bits."""
    notes: tuple[str, ...]


def read_image(path: Path, policy: DecodePolicy = DEFAULT_POLICY) -> Image:
    """Read one image file; as `decode`, with ``path`` as the name in messages."""
    try:
        data = read_whole(path, path, policy.max_pixels)
    except OSError as error:
        raise ImageRefused(path, f"cannot be read ({error.strerror or error})") from error
    return decode(data, str(path), policy)


def decode(data: bytes, name: str, policy: DecodePolicy = DEFAULT_POLICY) -> Image:
    """Decode a file's contents to [H, W, 3] RGB: uint8, or float32 in [0, 1] from 16 bits.

    EXIF rotation is applied and the colours are converted to sRGB.

    Raises:
        ImageRefused: The contents cannot be decoded, or ``policy`` forbids them.
    """
    return decode_with_notes(data, name, policy).pixels


def decode_with_notes(data: bytes, name: str, policy: DecodePolicy = DEFAULT_POLICY) -> Decoded:
    """Decode as `decode`, and also tell what was converted, turned or left out."""
    notes: list[str] = []
    try:
        with _open(data, name) as image:
            _check_header(image, name, policy)
            notes += _header_notes(image, name)
            pixels = _upright(_pixels(image, data, name, policy, notes), image, notes)
            pixels = pixels if pixels.flags.c_contiguous else pixels.copy()
    except ImageRefused:
        raise
    except MemoryError as error:
        raise ImageRefused(name, "needs more memory than there is (use a smaller image)") from error
    except Exception as error:  # Pillow's plugins raise whatever their parsing runs into
        what = " ".join(str(error).split()) or type(error).__name__
        raise ImageRefused(name, f"is truncated or damaged ({what})") from error
    return Decoded(pixels, tuple(notes))


def _open(data: bytes, name: str) -> Pillow.Image:
    if not data:
        raise ImageRefused(name, "is empty (0 bytes)")
    try:
        if data.startswith(b"\x89PNG"):
            Pillow.open(BytesIO(data), formats=["PNG"]).verify()  # checksums; load() skips them
        return Pillow.open(BytesIO(data), formats=_READERS)
    except UnidentifiedImageError as error:
        raise ImageRefused(name, _unidentified(data)) from error


def _unidentified(data: bytes) -> str:
    if data[:4] in {b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"}:
        return (
            "is a damaged TIFF, or one of floating point or unusual channels "
            "(save it as 8- or 16-bit RGB)"
        )
    if data.startswith((b"\x89PNG", b"\xff\xd8\xff", b"BM")) or data[8:12] == b"WEBP":
        return "is truncated or damaged (its header cannot be read)"
    if data.startswith(b"GIF8"):
        return "contains a GIF (convert it to PNG)"
    if data[4:8] == b"ftyp":
        return "contains a HEIC, AVIF or video file (convert it to PNG)"
    return "contains no PNG, JPEG, WebP, TIFF or BMP image"


def _check_header(image: Pillow.Image, name: str, policy: DecodePolicy) -> None:
    width, height = image.size
    if width * height > policy.max_pixels:
        reason = (
            f"claims {width}x{height} pixels, more than the limit of {policy.max_pixels} "
            "(crop it or make it smaller)"
        )
        raise ImageRefused(name, reason)
    channels = _tiff_tag(image, TiffImagePlugin.SAMPLESPERPIXEL, 1)
    if channels > 4:
        raise ImageRefused(name, f"has {channels} channels (save it as RGB)")
    if image.mode == "CMYK" and policy.cmyk == "refuse":
        raise ImageRefused(name, "is CMYK (pass --cmyk convert to convert it to RGB)")
    if _is_gray(image) and policy.gray == "refuse":
        raise ImageRefused(name, "is gray (pass --gray expand to make three equal channels)")
    if _is_sixteen_bit(image):
        if policy.sixteen_bit == "refuse":
            raise ImageRefused(name, "has 16 bits a channel (pass --sixteen-bit keep or reduce)")
        if not _is_plain_sixteen_bit(image):
            raise ImageRefused(name, _UNUSUAL_SIXTEEN_BIT)
    elif image.mode == "F":
        raise ImageRefused(name, "holds floating-point values (save it as 8- or 16-bit RGB)")
    elif image.mode not in _EIGHT_BIT_MODES:
        raise ImageRefused(name, f"has colour mode {image.mode} (save it as 8- or 16-bit RGB)")


def _header_notes(image: Pillow.Image, name: str) -> list[str]:
    notes = []
    form = image.format or ""
    suffix = PurePath(name).suffix.lower()
    if suffix not in FORMATS[form]:
        notes.append(f"contains {form} although it is named {suffix or 'without suffix'}")
    frames = getattr(image, "n_frames", 1)
    if frames > 1:
        notes.append(f"has {frames} pages or frames; the first is used")
    return notes


def _pixels(
    image: Pillow.Image, data: bytes, name: str, policy: DecodePolicy, notes: list[str]
) -> Image:
    sixteen, gray = _is_sixteen_bit(image), _is_gray(image)
    if gray:
        notes.append("gray, expanded to three equal channels")
    if sixteen:
        image.load()  # tells truncation, where OpenCV would go on
        values, alpha = _sixteen_bit_planes(data, name)
        if "transparency" in image.info and alpha is None:
            raise ImageRefused(name, "has a transparent colour at 16 bits (save it as RGB)")
        pixels = _sixteen_bit_colour(values, image.info.get("icc_profile"), policy, notes)
    else:
        colour, alpha = _eight_bit_planes(image, gray)
        converted, converting = to_srgb(colour, image.info.get("icc_profile"))
        notes.extend(converting)
        pixels = rgb_pixels(converted)
    return pixels if alpha is None else _composed(pixels, alpha, name, policy, notes)


def _eight_bit_planes(image: Pillow.Image, gray: bool) -> tuple[Pillow.Image, F32 | None]:
    """Split into an L, RGB or CMYK image and the alpha plane in [0, 1], if any."""
    image.load()
    if image.has_transparency_data:
        *colours, alpha = image.convert("RGBA").split()
        colour = colours[0] if gray else Pillow.merge("RGB", colours)
        return colour, unit_float(np.asarray(alpha))
    if image.mode == "CMYK":
        return image, None
    return in_mode(image, "L" if gray else "RGB"), None


def _sixteen_bit_planes(data: bytes, name: str) -> tuple[F32, F32 | None]:
    """Read RGB and alpha with OpenCV, as Pillow reduces 16-bit RGB to 8 without a word."""
    stored = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if stored is None or stored.dtype != np.uint16:
        raise ImageRefused(name, _UNUSUAL_SIXTEEN_BIT)
    values = np.divide(stored, np.float32(65535), dtype=np.float32)
    if values.ndim == 2:
        return np.repeat(values[..., None], 3, axis=2), None
    return values[..., 2::-1], values[..., 3] if values.shape[2] == 4 else None


def _sixteen_bit_colour(
    values: F32, profile: bytes | None, policy: DecodePolicy, notes: list[str]
) -> Image:
    if policy.sixteen_bit == "reduce":
        notes.append("16 bits reduced to 8")
        converted, converting = to_srgb(Pillow.fromarray(to_uint8(values)), profile)
        notes.extend(converting)
        return rgb_pixels(converted)
    if profile and not is_srgb(profile):
        notes.append(
            f"its ICC profile ({description(profile)}) is not applied to 16 bits "
            "(pass --sixteen-bit reduce to convert it to sRGB)"
        )
    return values


def _composed(
    pixels: Image, alpha: F32, name: str, policy: DecodePolicy, notes: list[str]
) -> Image:
    if alpha.min() == 1:
        notes.append("its alpha channel is opaque everywhere and was dropped")
        return pixels
    if policy.alpha == "refuse":
        reason = "has an alpha channel (pass --alpha white or --alpha black to composite it)"
        raise ImageRefused(name, reason)
    notes.append(f"composited on {policy.alpha}")
    cover = alpha[..., None]
    behind = np.float32(policy.alpha == "white") * (1 - cover)
    composed = unit_float(pixels) * cover + behind
    return to_uint8(composed) if pixels.dtype == np.uint8 else composed


def _upright(pixels: Image, image: Pillow.Image, notes: list[str]) -> Image:
    """Undo the camera's rotation (EXIF orientation 1..8)."""
    if image.format == "TIFF":  # Pillow and OpenCV both turn TIFF, and no other format, themselves
        return pixels
    try:
        orientation = image.getexif().get(_ORIENTATION, 1)
    except Exception:  # as in decode_with_notes
        notes.append("its EXIF data cannot be read; taken as upright")
        return pixels
    if orientation not in _TURNS:
        return pixels
    notes.append(f"turned upright (EXIF orientation {orientation})")
    return _TURNS[orientation](pixels)


def _is_sixteen_bit(image: Pillow.Image) -> bool:
    if image.format == "TIFF":
        return set(_tiff_tag(image, TiffImagePlugin.BITSPERSAMPLE, (1,))) == {16}
    return image.format == "PNG" and _raw_mode(image).endswith(";16B")


def _is_plain_sixteen_bit(image: Pillow.Image) -> bool:
    photometric = _tiff_tag(image, TiffImagePlugin.PHOTOMETRIC_INTERPRETATION, _RGB)
    return image.mode.startswith(("RGB", "I;16")) and photometric in (_BLACK_IS_ZERO, _RGB)


def _is_gray(image: Pillow.Image) -> bool:
    return (
        image.mode in _GRAY_MODES or image.mode.startswith("I;16") or _raw_mode(image) == "LA;16B"
    )


def _raw_mode(image: Pillow.Image) -> str:
    """Return how the file stores its pixels, in Pillow's terms; known until they are loaded."""
    arguments = image.tile[0].args if image.tile else ""  # type: ignore[attr-defined]
    return arguments if isinstance(arguments, str) else ""


def _tiff_tag(image: Pillow.Image, tag: int, default: Any) -> Any:
    return image.tag_v2.get(tag, default) if hasattr(image, "tag_v2") else default
