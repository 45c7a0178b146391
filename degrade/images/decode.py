"""Decode image files to RGB arrays under a stated policy, or refuse them with a reason."""

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image as Pillow

from degrade.arrays import F32, Image
from degrade.errors import ImageRefused
from degrade.images import raw
from degrade.images.attachments import attachment_notes
from degrade.images.colour import to_uint8, unit_float
from degrade.images.exif import exif_of
from degrade.images.file_bytes import read_whole
from degrade.images.header import bits_of, check_header, is_gray, misnamed
from degrade.images.library_messages import may_print, overheard
from degrade.images.opening import colour_tag, format_of, open_image
from degrade.images.planes import deep_planes, eight_bit_planes
from degrade.images.policy import DEFAULT_POLICY as DEFAULT_POLICY
from degrade.images.policy import DecodePolicy as DecodePolicy
from degrade.images.to_srgb import deep_srgb, eight_bit_srgb, refuse_hdr

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
class Parts(Decoded):
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
    """Read one image file as `read_image`, and also tell what was done to it."""
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
    """Decode as `decode`, and also tell what was converted, turned or left out."""
    parts = decode_parts(data, name, policy)
    return Decoded(*composed(parts, name, policy))


def decode_parts(data: bytes, name: str, policy: DecodePolicy = DEFAULT_POLICY) -> Parts:
    """Decode as `decode_with_notes`, but leave the alpha channel beside the colours.

    Raises:
        ImageRefused: As for `decode`.
    """
    said: list[str] = []
    try:
        form = format_of(data, name)
        with overheard(said) if may_print(data, form) else nullcontext():
            parts = _raw_parts(data, name, policy) if form == "RAW" else None
            parts = parts or _parts(data, name, form, policy, said)
        return replace(parts, notes=(*parts.notes, *(f"its reader says: {one}" for one in said)))
    except ImageRefused:
        raise
    except MemoryError as error:
        raise ImageRefused(name, "needs more memory than there is (use a smaller image)") from error
    except Exception as error:  # Pillow's plugins raise whatever their parsing runs into
        what = "; ".join([" ".join(str(error).split()) or type(error).__name__, *said])
        raise ImageRefused(name, f"is truncated or damaged ({what})") from error


def composed(parts: Parts, name: str, policy: DecodePolicy) -> tuple[Image, tuple[str, ...]]:
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


def _raw_parts(data: bytes, name: str, policy: DecodePolicy) -> Parts:
    if policy.sixteen_bit == "refuse":
        raise ImageRefused(name, "is raw (pass --sixteen-bit keep or reduce)")
    pixels, notes = raw.develop(data, name, policy)
    developed = Parts(pixels, notes, None, False, exif_of(data))
    if policy.sixteen_bit == "keep":
        return developed
    return replace(developed, pixels=to_uint8(pixels), notes=(*notes, "16 bits reduced to 8"))


def _parts(data: bytes, name: str, form: str, policy: DecodePolicy, said: list[str]) -> Parts:
    with _opened(data, name, form, policy, said) as image:
        check_header(image, data, name, policy)
        gray = is_gray(image)
        notes = misnamed(image, name) + attachment_notes(image, data)
        pixels, alpha = _pixels(image, data, name, policy, notes)
        if alpha is not None and alpha.min() == 1:
            notes.append("its alpha channel is opaque everywhere and was dropped")
            alpha = None
        with overheard(said):
            exif = _exif(image, notes)
        turn = _turn(image, exif, notes)
    cover = None if alpha is None else np.ascontiguousarray(turn(alpha), np.float32)
    return Parts(_compact(turn(pixels)), tuple(notes), cover, gray, exif)


def _opened(
    data: bytes, name: str, form: str, policy: DecodePolicy, said: list[str]
) -> Pillow.Image:
    """Open a file, listening to what is said of its header; JPEG XL is decoded by that."""
    with nullcontext() if form == "JXL" else overheard(said):
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
    except Exception:  # as in decode_parts
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
