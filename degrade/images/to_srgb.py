"""Colours as files mark them, converted to sRGB under a stated rule.

ICC profiles of primaries and curves are computed with here, in floating point; those of tables by
littlecms, in 8 bits. Code points (CICP) count before a profile in PNG, after it in AVIF and HEIC.
What is marked by neither is taken as sRGB.
"""

from dataclasses import dataclass
from io import BytesIO

import numpy as np
from PIL import Image as Pillow
from PIL import ImageCms

from degrade.arrays import F32, U8, Image
from degrade.errors import ImageRefused
from degrade.images import icc
from degrade.images.rgb_space import (
    HDR,
    UNSPECIFIED,
    CodePoints,
    RgbSpace,
    rgb_pixels,
    space_of,
)

_UNUSABLE = "its ICC profile ({}) cannot be used; taken as sRGB"


@dataclass(frozen=True)
class ColourTag:
    """How a file marks its colours; of the two at most one is given."""

    profile: bytes | None = None
    points: CodePoints | None = None


def in_mode(image: Pillow.Image, mode: str) -> Pillow.Image:
    """Return an image in a colour mode; Pillow copies one that is in it already."""
    return image if image.mode == mode else image.convert(mode)


def refuse_hdr(tag: ColourTag, name: str) -> None:
    """Refuse colours that go beyond white.

    Raises:
        ImageRefused: They are in PQ or HLG.
    """
    points = tag.points or (icc.code_points(tag.profile) if tag.profile else None)
    if points and points[1] in HDR:
        how = HDR[points[1]]
        raise ImageRefused(name, f"is HDR ({how}): export it as SDR, such as an 8-bit JPEG")


def eight_bit_srgb(image: Pillow.Image, tag: ColourTag) -> tuple[U8, list[str]]:
    """Return an L, RGB or CMYK image as uint8 [H, W, 3] in sRGB, and notes on what was done."""
    profile = tag.profile
    if image.mode == "CMYK" or (profile and _is_of_tables(profile)):
        return _by_littlecms(image, profile) if profile else (_as_it_is(image), [])
    space, notes = _space(tag, "GRAY" if image.mode == "L" else "RGB")
    pixels = _as_it_is(image)
    if space is None:
        return pixels, notes
    converted, note = _converted(pixels, space, profile is not None)
    return np.asarray(converted, np.uint8), [*notes, note]


def deep_srgb(values: F32, gray: bool, tag: ColourTag, name: str) -> tuple[F32, list[str]]:
    """Return float32 [H, W, 3] in [0, 1] in sRGB, as deep as it was, and notes on what was done.

    Raises:
        ImageRefused: The profile works by tables, which are read in 8 bits alone.
    """
    if tag.profile and _is_of_tables(tag.profile):
        raise ImageRefused(
            name,
            f"has more than 8 bits and an ICC profile of tables ({icc.description(tag.profile)}); "
            "pass --sixteen-bit reduce, or save it in sRGB",
        )
    space, notes = _space(tag, "GRAY" if gray else "RGB")
    if space is None:
        return values, notes
    converted, note = _converted(values, space, tag.profile is not None)
    return np.asarray(converted, np.float32), [*notes, note]


def _space(tag: ColourTag, kind: str) -> tuple[RgbSpace | None, list[str]]:
    """Return the space to convert from, None where values stay; a gray image may be in RGB's."""
    if tag.profile:
        space = icc.space_of(tag.profile)
        if space is None or icc.channels_of(tag.profile) not in ("RGB", kind):
            return None, [_UNUSABLE.format(icc.description(tag.profile))]
        return (None if icc.is_srgb(tag.profile) else space), []
    if tag.points is None or tag.points == (UNSPECIFIED,) * 2:
        return None, []
    primaries, transfer = tag.points
    space = space_of((1 if primaries == UNSPECIFIED else primaries, transfer))
    if space is None:
        return None, [f"its colours (CICP {primaries}/{transfer}) are not known; taken as sRGB"]
    return (None if space.is_srgb() else space), []


def _converted(pixels: Image, space: RgbSpace, by_profile: bool) -> tuple[Image, str]:
    converted, clipped = space.to_srgb(pixels)
    what = f"ICC profile ({space.name})" if by_profile else space.name
    beyond = f"; {_percent(clipped)} of its pixels are beyond sRGB and clipped" if clipped else ""
    return converted, f"converted from {what} to sRGB{beyond}"


def _percent(share: float) -> str:
    return "less than 0.1 %" if share < 0.001 else f"{100 * share:.1f} %"


def _is_of_tables(profile: bytes) -> bool:
    """Tell a whole profile that is not of primaries and curves."""
    return bool(icc.channels_of(profile)) and icc.space_of(profile) is None


def _by_littlecms(image: Pillow.Image, profile: bytes) -> tuple[U8, list[str]]:
    name = icc.description(profile)
    try:
        source = ImageCms.ImageCmsProfile(BytesIO(profile))
        target = ImageCms.createProfile("sRGB")
        converted = ImageCms.profileToProfile(image, source, target, outputMode="RGB")
    except (ImageCms.PyCMSError, OSError):
        return _as_it_is(image), [_UNUSABLE.format(name)]
    assert converted is not None  # only None with inPlace
    return rgb_pixels(converted), [f"converted from ICC profile ({name}) to sRGB"]


def _as_it_is(image: Pillow.Image) -> U8:
    return rgb_pixels(in_mode(image, "RGB"))
