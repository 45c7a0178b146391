"""Files as phones and cameras write them, made in memory with the libraries that read them."""

from importlib import import_module
from io import BytesIO
from typing import Any

import cv2
import numpy as np
import tifffile
from PIL import Image

from degrade.arrays import U8

DEEP = np.dstack(
    [np.linspace(0, 65535, 64 * 48).reshape(48, 64), *np.mgrid[0:65535:48j, 0:65535:64j]]
).astype(np.uint16)
"""Slow ramps [48, 64, 3]: more than 256 values of each channel."""


def heic(pixels: U8, **options: object) -> bytes:
    """An 8-bit HEIC file of full colour resolution."""
    import pillow_heif

    pillow_heif.register_heif_opener()
    file = BytesIO()
    Image.fromarray(pixels).save(file, "HEIF", quality=100, chroma=444, **options)
    return file.getvalue()


def deep_heic(pixels: np.ndarray, **options: object) -> bytes:
    """A HEIC file of 10 bits from uint16 [H, W, 3]."""
    import pillow_heif

    made = pillow_heif.from_bytes("RGB;16", pixels.shape[1::-1], pixels.tobytes())
    file = BytesIO()
    made.save(file, quality=100, chroma=444, **options)
    return file.getvalue()


def jxl(pixels: U8, **options: object) -> bytes:
    """A lossless JPEG XL file."""
    import_module("pillow_jxl")  # which registers itself
    file = BytesIO()
    Image.fromarray(pixels).save(file, "JXL", lossless=True, **options)
    return file.getvalue()


def deep_avif(pixels: np.ndarray) -> bytes:
    """An AVIF file of 10 bits from uint16 [H, W, 3] that fills 16."""
    options = [cv2.IMWRITE_AVIF_DEPTH, 10, cv2.IMWRITE_AVIF_QUALITY, 100]
    done, data = cv2.imencode(".avif", (pixels >> 6)[..., ::-1], options)
    assert done
    return data.tobytes()


NEUTRAL = (1, 2, 1, 1, 2, 3)
"""How the sensor of `dng` sees white: three fractions."""


def dng(mosaic: np.ndarray, orientation: int = 1) -> bytes:
    """A DNG file of a mosaic, uint16 [H, W]: RGGB, 16 bits, no black level.

    Args:
        mosaic: The sensor's values.
        orientation: As in EXIF.
    """
    matrix = (3.1339, -1.6169, -0.4906, -0.9785, 1.916, 0.0333, 0.072, -0.229, 1.4057)
    fractions = tuple(n for value in matrix for n in (round(value * 10000), 10000))
    tags: list[Any] = [
        (50706, "B", 4, (1, 4, 0, 0), True),
        (50707, "B", 4, (1, 1, 0, 0), True),
        (50708, "s", 0, "Test Phone", True),
        (33421, "H", 2, (2, 2), True),
        (33422, "B", 4, (0, 1, 1, 2), True),
        (50714, "H", 1, 0, True),
        (50717, "I", 1, 65535, True),
        (50721, "2i", 9, fractions, True),
        (50728, "2I", 3, NEUTRAL, True),
        (50778, "H", 1, 21, True),
        (274, "H", 1, orientation, True),
        (271, "s", 0, "Test", True),
        (272, "s", 0, "Phone", True),
    ]
    file = BytesIO()
    tifffile.imwrite(file, mosaic, photometric=32803, extratags=tags, metadata=None)
    return file.getvalue()


def scene_mosaic(height: int = 96, width: int = 128, seed: int = 0) -> np.ndarray:
    """A sensor's values, uint16 [H, W], of a smooth scene."""
    coarse = np.random.default_rng(seed).random((6, 8), dtype=np.float32)
    smooth = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC).clip(0, 1)
    return (smooth * 30000 + 1000).astype(np.uint16)
