"""What an opened image's header says: its kind, and whether a policy takes it."""

from pathlib import PurePath
from typing import Any

from PIL import Image as Pillow
from PIL import ImageFile, TiffImagePlugin

from degrade.errors import ImageRefused
from degrade.images.formats import FORMATS
from degrade.images.opening import depth_of
from degrade.images.policy import DecodePolicy
from degrade.images.raw import check_pixels

UNUSUAL_SIXTEEN_BIT = "is a 16-bit file of an unusual kind (save it as a 16-bit RGB PNG)"
_EIGHT_BIT_MODES = {"1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "YCbCr", "CMYK"}
_GRAY_MODES = {"1", "L", "LA", "La"}
_BLACK_IS_ZERO, _RGB = 1, 2
_WITH_DEPTHS = ("AVIF", "HEIF", "JXL")


def check_header(image: Pillow.Image, data: bytes, name: str, policy: DecodePolicy) -> None:
    """Refuse an image that is too large or whose kind the policy does not take.

    Raises:
        ImageRefused: The text names the option that would take it.
    """
    check_pixels(image.height, image.width, name, policy)
    channels = tiff_tag(image, TiffImagePlugin.SAMPLESPERPIXEL, 1)
    if channels > 4:
        raise ImageRefused(name, f"has {channels} channels (save it as RGB)")
    if image.mode == "CMYK" and policy.cmyk == "refuse":
        raise ImageRefused(name, "is CMYK (pass --cmyk convert to convert it to RGB)")
    if is_gray(image) and policy.gray == "refuse":
        raise ImageRefused(name, "is gray (pass --gray expand to make three equal channels)")
    bits = bits_of(image, data)
    if bits > 8 and policy.sixteen_bit == "refuse":
        raise ImageRefused(name, f"has {bits} bits a channel (pass --sixteen-bit keep or reduce)")
    if bits == 16 and image.format in ("PNG", "TIFF"):
        if not _is_plain_sixteen_bit(image):
            raise ImageRefused(name, UNUSUAL_SIXTEEN_BIT)
    elif image.mode == "F":
        raise ImageRefused(name, "holds floating-point values (save it as 8- or 16-bit RGB)")
    elif image.mode not in _EIGHT_BIT_MODES and image.mode != "I;16":
        raise ImageRefused(name, f"has colour mode {image.mode} (save it as 8- or 16-bit RGB)")


def misnamed(image: Pillow.Image, name: str) -> list[str]:
    """Note a suffix that is not of the file's format."""
    suffix, form = PurePath(name).suffix.lower(), image.format or ""
    if suffix in FORMATS[form]:
        return []
    return [f"contains {form} although it is named {suffix or 'without suffix'}"]


def bits_of(image: Pillow.Image, data: bytes) -> int:
    """Return the bits a channel, before the pixels are loaded."""
    if image.format == "TIFF":
        depths = set(tiff_tag(image, TiffImagePlugin.BITSPERSAMPLE, (1,)))
        return 16 if depths == {16} else 8
    if image.format == "PNG":
        return 16 if _raw_mode(image).endswith(";16B") else 8
    return (depth_of(image, data) or 8) if image.format in _WITH_DEPTHS else 8


def is_gray(image: Pillow.Image) -> bool:
    """Tell an image without colours by its header."""
    return (
        image.mode in _GRAY_MODES or image.mode.startswith("I;16") or _raw_mode(image) == "LA;16B"
    )


def tiff_tag(image: Pillow.Image, tag: int, default: Any) -> Any:
    """Return a tag of a TIFF file, the default for other formats."""
    return image.tag_v2.get(tag, default) if hasattr(image, "tag_v2") else default


def _is_plain_sixteen_bit(image: Pillow.Image) -> bool:
    photometric = tiff_tag(image, TiffImagePlugin.PHOTOMETRIC_INTERPRETATION, _RGB)
    return image.mode.startswith(("RGB", "I;16")) and photometric in (_BLACK_IS_ZERO, _RGB)


def _raw_mode(image: Pillow.Image) -> str:
    """Return how the file stores its pixels, in Pillow's terms; known until they are loaded."""
    tiles = image.tile if isinstance(image, ImageFile.ImageFile) else []
    arguments = tiles[0].args if tiles else ""
    return arguments if isinstance(arguments, str) else ""
