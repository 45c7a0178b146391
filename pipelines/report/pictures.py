"""Pictures inside the page: arrays and files as WebP in data URIs."""

import base64
import io
import warnings
from pathlib import Path

import numpy as np
from PIL import Image as Pillow
from PIL import ImageOps

from degrade.arrays import U8
from degrade.errors import DegradeError
from degrade.images.files import open_regular, resolve_inside

THUMBNAIL = 112
"""Longer side of a thumbnail, pixels."""
QUALITY = 75
"""Quality of lossy pictures, and effort of lossless ones, where nothing of it is seen."""
MAX_PIXELS = 120_000_000
"""Larger photos get no thumbnail: decoding them for one takes too long."""


def picture(rgb: U8, *, exact: bool = False) -> str:
    """Return uint8 RGB [H, W, 3] as a data URI; lossless if ``exact``."""
    return _encoded(Pillow.fromarray(np.ascontiguousarray(rgb)), exact=exact)


def thumbnail(folder: str, name: str) -> str:
    """Return a photo's thumbnail as a data URI, or "" if the file shows no picture.

    A file that was refused is often damaged, and one that was scanned long ago may be gone; the
    page then says so in the picture's place.
    """
    try:
        path = resolve_inside(Path(folder), name)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with open_regular(path, name) as file, Pillow.open(file) as opened:
                return _small(opened)
    except (OSError, ValueError, SyntaxError, DegradeError, Pillow.DecompressionBombError):
        return ""


def _small(opened: Pillow.Image) -> str:
    if opened.width * opened.height > MAX_PIXELS:
        return ""
    opened.draft("RGB", (2 * THUMBNAIL, 2 * THUMBNAIL))
    upright = ImageOps.exif_transpose(opened)
    if upright.mode.startswith("I"):  # 16 bits a channel
        levels = np.asarray(upright, np.float64) / 257
        upright = Pillow.fromarray(levels.clip(0, 255).astype(np.uint8))
    small = upright.convert("RGB")
    small.thumbnail((THUMBNAIL, THUMBNAIL))
    return _encoded(small, exact=False)


def _encoded(image: Pillow.Image, *, exact: bool) -> str:
    buffer = io.BytesIO()
    image.save(buffer, "WEBP", lossless=exact, quality=QUALITY, method=4)
    return "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode()
