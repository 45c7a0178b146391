"""Conversion of 8-bit images from their ICC profile to sRGB."""

from io import BytesIO

from PIL import Image as Pillow
from PIL import ImageCms


def description(profile: bytes) -> str:
    """Return the name an ICC profile gives itself, or "unreadable"."""
    try:
        return ImageCms.getProfileDescription(BytesIO(profile)).strip()
    except (ImageCms.PyCMSError, OSError):
        return "unreadable"


def is_srgb(profile: bytes) -> bool:
    """Tell whether an ICC profile is sRGB already, by its name."""
    name = description(profile).lower()
    return "srgb" in name and "linear" not in name


def in_mode(image: Pillow.Image, mode: str) -> Pillow.Image:
    """Return an image in a colour mode; Pillow copies one that is in it already."""
    return image if image.mode == mode else image.convert(mode)


def to_srgb(image: Pillow.Image, profile: bytes | None) -> tuple[Pillow.Image, list[str]]:
    """Return an L, RGB or CMYK image as RGB in sRGB, and notes on what was done.

    Without a profile, or with one that does not fit the image, the values are taken as they are.
    """
    if not profile or (image.mode == "RGB" and is_srgb(profile)):
        return in_mode(image, "RGB"), []
    name = description(profile)
    try:
        source = ImageCms.ImageCmsProfile(BytesIO(profile))
        target = ImageCms.createProfile("sRGB")
        converted = ImageCms.profileToProfile(image, source, target, outputMode="RGB")
    except (ImageCms.PyCMSError, OSError):
        return in_mode(image, "RGB"), [f"its ICC profile ({name}) cannot be used; taken as sRGB"]
    assert converted is not None  # only None with inPlace
    return converted, [f"converted from ICC profile ({name}) to sRGB"]
