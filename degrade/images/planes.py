"""The pixels of opened images as they are stored: colours, and alpha apart."""

from io import BytesIO

import cv2
import numpy as np
from PIL import Image as Pillow

from degrade.arrays import F32
from degrade.errors import ImageRefused
from degrade.images.colour import unit_float
from degrade.images.header import UNUSUAL_SIXTEEN_BIT
from degrade.images.to_srgb import in_mode


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
        image.load()  # tells truncation, where OpenCV would go on
        stored = _opencv_values(data, bits, name)
    if stored.ndim == 2:
        values, alpha = np.repeat(stored[..., None], 3, axis=2), None
    else:
        values, alpha = stored[..., :3], stored[..., 3] if stored.shape[2] == 4 else None
    if "transparency" in image.info and alpha is None:
        raise ImageRefused(name, "has a transparent colour at 16 bits (save it as RGB)")
    return values, alpha


def _opencv_values(data: bytes, bits: int, name: str) -> F32:
    """Read with OpenCV, as Pillow reduces more than 8 bits of RGB to 8 without a word."""
    stored = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
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
