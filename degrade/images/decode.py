"""Decode image files to RGB arrays under a stated policy, or refuse them with a reason."""

import re
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image as Pillow

from degrade.arrays import F32, Image
from degrade.errors import ImageRefused
from degrade.images import isobmff, raw
from degrade.images.colour import to_uint8, unit_float
from degrade.images.exif import exif_of
from degrade.images.files import read_whole
from degrade.images.library_messages import captured_messages, may_print
from degrade.images.opening import (
    UNUSUAL_SIXTEEN_BIT,
    bits_of,
    check_header,
    colour_tag,
    format_of,
    is_gray,
    misnamed,
    open_image,
)
from degrade.images.policy import DEFAULT_POLICY as DEFAULT_POLICY
from degrade.images.policy import DecodePolicy as DecodePolicy
from degrade.images.to_srgb import deep_srgb, eight_bit_srgb, in_mode, refuse_hdr

_ORIENTATION = 274
_TURNED_BY_READER = ("TIFF", "HEIF", "JXL")
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


@dataclass(frozen=True)
class Decoded:
    """An image and what was done to it on the way."""

    pixels: Image
    """[H, W, 3] RGB, upright; uint8, or float32 in [0, 1] where the file has more than 8 bits."""
    notes: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class UncomposedImage(Decoded):
    """An image whose alpha was not composed yet, and what else its file says."""

    alpha: F32 | None
    """[H, W] in [0, 1], upright; None where there is none, or it is opaque everywhere."""
    gray: bool
    """Without colours: the three channels are equal."""
    exif: Pillow.Exif


def read_image(path: Path, policy: DecodePolicy = DEFAULT_POLICY) -> Image:
    """Read one image file; as `decode`, with ``path`` as the name in messages."""
    return read_with_notes(path, policy).pixels


def read_with_notes(path: Path, policy: DecodePolicy = DEFAULT_POLICY) -> Decoded:
    """Read one image file as `read_image`, and also say what was done to it."""
    try:
        data = read_whole(path, path, policy.max_pixels)
    except OSError as error:
        raise ImageRefused(path, f"cannot be read ({error.strerror or error})") from error
    return decode_with_notes(data, str(path), policy)


def decode(data: bytes, name: str, policy: DecodePolicy = DEFAULT_POLICY) -> Image:
    """Decode a file's contents to [H, W, 3] RGB: uint8, or float32 in [0, 1] from deeper ones.

    EXIF rotation is applied and the colours are converted to sRGB.

    Raises:
        ImageRefused: The contents cannot be decoded, or ``policy`` forbids them.
    """
    return decode_with_notes(data, name, policy).pixels


def decode_with_notes(data: bytes, name: str, policy: DecodePolicy = DEFAULT_POLICY) -> Decoded:
    """Decode as `decode`, and also say what was converted, rotated or left out."""
    parts = decode_uncomposed(data, name, policy)
    return Decoded(*composed(parts, name, policy))


def decode_uncomposed(
    data: bytes, name: str, policy: DecodePolicy = DEFAULT_POLICY
) -> UncomposedImage:
    """Decode as `decode_with_notes`, but leave the alpha channel beside the colours.

    Raises:
        ImageRefused: As for `decode`.
    """
    said: list[str] = []
    try:
        form = format_of(data, name)
        with captured_messages(said) if may_print(data, form) else nullcontext():
            parts = _raw_image(data, name, policy) if form == "RAW" else None
            parts = parts or _parts(data, name, form, policy, said)
        return replace(parts, notes=(*parts.notes, *(f"its reader says: {one}" for one in said)))
    except ImageRefused:
        raise
    except MemoryError as error:
        raise ImageRefused(name, "needs more memory than there is (use a smaller image)") from error
    except Exception as error:  # Pillow's plugins raise whatever their parsing runs into
        what = "; ".join([" ".join(str(error).split()) or type(error).__name__, *said])
        raise ImageRefused(name, f"is truncated or damaged ({what})") from error


def composed(
    parts: UncomposedImage, name: str, policy: DecodePolicy
) -> tuple[Image, tuple[str, ...]]:
    """Return an image's three channels with alpha composed, and all notes.

    Raises:
        ImageRefused: It is transparent somewhere and ``policy`` refuses that.
    """
    pixels, alpha, notes = parts.pixels, parts.alpha, parts.notes
    if parts.gray:
        notes = ("gray, expanded to three equal channels", *notes)
    if alpha is None:
        return pixels, notes
    if policy.alpha == "refuse":
        reason = "has an alpha channel (pass --alpha white or --alpha black to composite it)"
        raise ImageRefused(name, reason)
    cover = alpha[..., None]
    behind = np.float32(policy.alpha == "white") * (1 - cover)
    whole = unit_float(pixels) * cover + behind
    notes = (*notes, f"composited on {policy.alpha}")
    return (to_uint8(whole) if pixels.dtype == np.uint8 else whole), notes


def _raw_image(data: bytes, name: str, policy: DecodePolicy) -> UncomposedImage:
    if policy.sixteen_bit == "refuse":
        raise ImageRefused(name, "is raw (pass --sixteen-bit keep or reduce)")
    pixels, notes = raw.develop(data, name, policy)
    developed = UncomposedImage(pixels, notes, None, False, exif_of(data))
    if policy.sixteen_bit == "keep":
        return developed
    return replace(developed, pixels=to_uint8(pixels), notes=(*notes, "16 bits reduced to 8"))


def _parts(
    data: bytes, name: str, form: str, policy: DecodePolicy, said: list[str]
) -> UncomposedImage:
    with _opened(data, name, form, policy, said) as image:
        check_header(image, data, name, policy)
        gray = is_gray(image)
        notes = misnamed(image, name) + attachment_notes(image, data)
        pixels, alpha = _pixels(image, data, name, policy, notes)
        if alpha is not None and alpha.min() == 1:
            notes.append("its alpha channel is opaque everywhere and was dropped")
            alpha = None
        with captured_messages(said):
            exif = _exif(image, notes)
        turn = _turn(image, exif, notes)
    cover = None if alpha is None else np.ascontiguousarray(turn(alpha), np.float32)
    return UncomposedImage(_compact(turn(pixels)), tuple(notes), cover, gray, exif)


def _opened(
    data: bytes, name: str, form: str, policy: DecodePolicy, said: list[str]
) -> Pillow.Image:
    """Open a file, listening to what is said of its header; JPEG XL is decoded by that."""
    with nullcontext() if form == "JXL" else captured_messages(said):
        return open_image(data, name, form, policy)


def _pixels(
    image: Pillow.Image, data: bytes, name: str, policy: DecodePolicy, notes: list[str]
) -> tuple[Image, F32 | None]:
    """Return colours in sRGB and the alpha plane, both as the file has them turned."""
    gray, bits, tag = is_gray(image), bits_of(image, data), colour_tag(image, data)
    refuse_hdr(tag, name)
    if bits > 8 and image.format == "JXL" and image.mode != "I;16":
        notes.append(f"{bits} bits, of which its reader gives 8")
        bits = 8
    if bits <= 8:
        colour, alpha = eight_bit_planes(image, gray)
        pixels, converting = eight_bit_srgb(colour, tag)
        notes += converting
        return pixels, alpha
    values, alpha = deep_planes(image, data, bits, name)
    if policy.sixteen_bit == "reduce":
        notes.append(f"{bits} bits reduced to 8")
        rounded = to_uint8(values)
        plain = Pillow.fromarray(rounded[..., 0] if gray else rounded)
        reduced, converting = eight_bit_srgb(plain, tag)
        notes += converting
        return reduced, alpha
    deep, converting = deep_srgb(values, gray, tag, name)
    notes += converting
    return deep, alpha


def _exif(image: Pillow.Image, notes: list[str]) -> Pillow.Exif:
    try:
        exif = image.getexif()
        dict(exif)
    except Exception:  # as in decode_uncomposed
        notes.append("its EXIF data cannot be read; taken as upright")
        return Pillow.Exif()
    return exif


def _turn(image: Pillow.Image, exif: Pillow.Exif, notes: list[str]) -> Callable[[Image], Image]:
    """Return what undoes the camera's rotation (EXIF orientation 1..8)."""
    # These formats' readers turn the image themselves: Pillow and OpenCV do so with TIFF, and the
    # rotation of HEIC and JPEG XL is outside EXIF. A JPEG that was packed as JPEG XL is as it was.
    if image.format in _TURNED_BY_READER and not getattr(image, "jpeg", False):
        return lambda pixels: pixels
    orientation = exif.get(_ORIENTATION, 1)
    if orientation not in _TURNS:
        return lambda pixels: pixels
    notes.append(f"turned upright (EXIF orientation {orientation})")
    return _TURNS[orientation]


def _compact(pixels: Image) -> Image:
    return pixels if pixels.flags.c_contiguous else pixels.copy()


_GAIN_MAPS = re.compile(
    rb"http://ns\.adobe\.com/hdr-gain-map/1\.0/|urn:iso:std:iso:ts:21496:-1|aux:hdrgainmap"
)
_CLIPS = re.compile(rb"Camera:(?:MotionPhoto|MicroVideo)(?:>|=[\"'])\s*1")
_SAMSUNG_CLIP = b"MotionPhoto_Data"
_HEAD = 1 << 18
"""Bytes that hold the descriptions of a picture; what follows is pixels, or a clip."""


def attachment_notes(image: Any, data: bytes) -> list[str]:
    """Name what a file holds beside its main picture, which alone is used.

    Args:
        image: As Pillow opened it, at its main picture.
        data: The file.
    """
    notes = []
    count = getattr(image, "n_frames", 1)
    if count > 1 and image.format in ("MPO", "HEIF"):
        notes.append(f"holds {count} pictures; the main one is used")
    elif count > 1:
        notes.append(f"has {count} pages or frames; the first is used")
    head = data[:_HEAD]
    auxiliary = " ".join(map(str, image.info.get("aux", ())))
    if _GAIN_MAPS.search(head) or "hdrgainmap" in auxiliary:
        notes.append("has a gain map for HDR, which is not applied")
    if _CLIPS.search(head) or _SAMSUNG_CLIP in data or isobmff.has_box(data, b"mpvd"):
        notes.append("is a motion photo; its still picture is used")
    return notes


def eight_bit_planes(image: Pillow.Image, gray: bool) -> tuple[Pillow.Image, F32 | None]:
    """Split into an L, RGB or CMYK image and the alpha plane in [0, 1], if any."""
    image.load()
    if image.has_transparency_data:
        *colours, alpha = image.convert("RGBA").split()
        colour = colours[0] if gray else Pillow.merge("RGB", colours)
        return colour, unit_float(np.asarray(alpha))
    if image.mode == "CMYK":
        return image, None
    return in_mode(image, "L" if gray else "RGB"), None


def deep_planes(image: Pillow.Image, data: bytes, bits: int, name: str) -> tuple[F32, F32 | None]:
    """Return RGB [H, W, 3] and alpha [H, W], if any, in [0, 1] of an image of more than 8 bits.

    Raises:
        ImageRefused: No reader gives all of its bits.
    """
    if image.format == "HEIF":
        stored = _heif_values(data, bits)
    elif image.mode == "I;16" and image.format == "JXL":
        stored = np.divide(np.asarray(image), np.float32(65535), dtype=np.float32)
    else:
        if image.format != "AVIF":
            image.load()  # tells truncation, where OpenCV would go on
        stored = _opencv_values(data, bits, name, image.format)
    if stored.ndim == 2:
        values, alpha = np.repeat(stored[..., None], 3, axis=2), None
    else:
        values, alpha = stored[..., :3], stored[..., 3] if stored.shape[2] == 4 else None
    if "transparency" in image.info and alpha is None:
        raise ImageRefused(name, "has a transparent colour at 16 bits (save it as RGB)")
    return values, alpha


def _opencv_values(data: bytes, bits: int, name: str, form: str | None) -> F32:
    """Read with OpenCV, as Pillow reduces more than 8 bits of RGB to 8 without a word."""
    stored = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if stored is None and form == "AVIF":
        raise ValueError("OpenCV decodes none of it")
    if stored is None or stored.dtype != np.uint16:
        raise ImageRefused(name, UNUSUAL_SIXTEEN_BIT)
    if stored.ndim == 3:
        order = cv2.COLOR_BGRA2RGBA if stored.shape[2] == 4 else cv2.COLOR_BGR2RGB
        stored = cv2.cvtColor(stored, order)
    return np.divide(stored, np.float32((1 << bits) - 1), dtype=np.float32)


def _heif_values(data: bytes, bits: int) -> F32:
    import pillow_heif

    file = pillow_heif.open_heif(BytesIO(data), convert_hdr_to_8bit=False, hdr_to_16bit=True)
    stored = np.asarray(file[file.primary_index])
    top = ((1 << bits) - 1) << (16 - bits)  # libheif's values stand in the upper bits
    values: F32 = np.divide(stored, np.float32(top), dtype=np.float32)
    np.minimum(values, np.float32(1), out=values)
    return values
