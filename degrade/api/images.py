"""Reading photos, one or a folder of them."""

import logging
from collections.abc import Iterable, Iterator
from typing import Any, Literal

from degrade import arguments
from degrade.api.texts import as_arguments
from degrade.arguments import PathLike
from degrade.arrays import Image
from degrade.errors import ImageRefused, NothingToDo
from degrade.images import decode
from degrade.images.files import find_files, no_images
from degrade.yaml_settings import validated

_log = logging.getLogger(__name__)

Photos = PathLike | Image | Iterable[Image]
"""A folder of photos, one photo [H, W, 3], or several."""


def read_image(
    path: PathLike,
    *,
    gray: Literal["expand", "refuse"] = "expand",
    alpha: Literal["refuse", "white", "black"] = "refuse",
    sixteen_bit: Literal["keep", "reduce", "refuse"] = "keep",
    cmyk: Literal["refuse", "convert"] = "refuse",
) -> Image:
    """Read a photo: upright, in sRGB, channels last.

    Args:
        path: A PNG, JPEG, WebP, TIFF, BMP or AVIF file; with their extras HEIC (``degrade[heic]``),
            JPEG XL (``degrade[jxl]``) and raw files (``degrade[raw]``).
        gray: Gray images become three equal channels, or are refused.
        alpha: Transparent images are refused, or composed on white or black.
        sixteen_bit: 16 bits a channel are kept as float32, reduced to 8 bits, or refused.
        cmyk: CMYK is refused, or converted.

    Returns:
        [H, W, 3] RGB uint8; from more than 8 bits float32 in [0, 1].

    Raises:
        PathNotFound: No file is there (a `FileNotFoundError`).
        PhotoRefused: The file cannot be decoded, or an option forbids it.
        SettingsError: An option has no such value (a `ValueError`).
    """
    found = arguments.file(path, "path")
    options = {"gray": gray, "alpha": alpha, "sixteen_bit": sixteen_bit, "cmyk": cmyk}
    policy = validated(decode.DecodePolicy, options, "read_image")
    try:
        return decode.read_image(found, policy)
    except ImageRefused as error:
        raise ImageRefused(error.name, as_arguments(error.reason)) from error


def each_photo(photos: Any) -> Iterator[tuple[str, Image | ImageRefused]]:
    """Yield the photos of an argument ``photos`` with their names, one in memory at a time.

    A file of a folder that cannot be read comes as its refusal, and is logged.

    Args:
        photos: See `Photos`; arrays are named by their number.

    Raises:
        PathNotFound: The folder is not there.
        SettingsError: The argument, or one of several photos, is of no known kind.
        NothingToDo: There is none.
    """
    if hasattr(photos, "ndim"):
        yield "0", arguments.image(photos, "photos")
        return
    if not isinstance(photos, str) and hasattr(photos, "__iter__"):
        number = -1
        for number, photo in enumerate(photos):
            yield str(number), arguments.image(photo, f"photos[{number}]")
        if number < 0:
            raise NothingToDo("photos is empty: give one photo or more, or a folder")
        return
    folder = arguments.folder(photos, "photos")
    listing = find_files(folder)
    if not listing.images:
        raise NothingToDo(f"photos is {no_images(folder, listing)}")
    for line in listing.lacks():
        _log.warning("%s: %s", folder, line)
    for name in listing.images:
        try:
            yield name, decode.read_image(folder / name)
        except ImageRefused as error:
            _log.warning("%s: left out, it %s", folder / name, error.reason)
            yield name, ImageRefused(name, as_arguments(error.reason))
