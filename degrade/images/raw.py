"""Raw files of cameras and phones, developed the same way each time."""

from io import BytesIO
from typing import Any

import numpy as np

from degrade.arrays import F32
from degrade.errors import ImageRefused
from degrade.images.policy import DecodePolicy

DEMOSAICING = "AHD"
"""LibRaw's name; sensors that have no Bayer pattern are demosaiced as LibRaw does by itself."""
_TOP = np.float32(65535)


def develop(data: bytes, name: str, policy: DecodePolicy) -> tuple[F32, tuple[str, ...]]:
    """Develop a raw file's picture, upright.

    Returns:
        float32 [H, W, 3] sRGB in [0, 1], of 16 bits, and notes on how it was developed.

    Raises:
        ImageRefused: It is damaged, of an unknown camera, or larger than ``policy`` allows.
    """
    import rawpy

    try:
        with rawpy.imread(BytesIO(data)) as raw:
            height, width = size_of(raw)
            check_pixels(height, width, name, policy)
            measured = any(value > 0 for value in raw.camera_whitebalance[:3])
            pixels = raw.postprocess(**_recipe(rawpy))
    except rawpy.LibRawError as error:
        raise ImageRefused(name, _failure(error)) from error
    balance = "the camera's white balance" if measured else "daylight, as no white balance is in it"
    note = f"raw, developed with {balance}, {DEMOSAICING} demosaicing, no automatic brightness"
    return np.divide(pixels, _TOP, dtype=np.float32), (note,)


def raw_size(data: bytes) -> tuple[int, int]:
    """Return the height and width that a raw file claims, before rotation."""
    import rawpy

    with rawpy.imread(BytesIO(data)) as raw:
        return size_of(raw)


def size_of(raw: Any) -> tuple[int, int]:
    """Return height and width of an opened raw file, the sensor's where they are larger."""
    sizes = raw.sizes
    return max(sizes.iheight, sizes.raw_height), max(sizes.iwidth, sizes.raw_width)


def check_pixels(height: int, width: int, name: str, policy: DecodePolicy) -> None:
    """Refuse more pixels than the policy's limit.

    Raises:
        ImageRefused: The text says the size that the file claims.
    """
    if width * height > policy.max_pixels:
        reason = (
            f"claims {width}x{height} pixels, more than the limit of {policy.max_pixels} "
            "(crop it or make it smaller)"
        )
        raise ImageRefused(name, reason)


def _recipe(rawpy: Any) -> dict[str, Any]:
    """Return LibRaw's options: all that it would else choose by the picture is fixed."""
    return {
        "demosaic_algorithm": getattr(rawpy.DemosaicAlgorithm, DEMOSAICING),
        "use_camera_wb": True,
        "use_auto_wb": False,
        "no_auto_bright": True,
        "adjust_maximum_thr": 0.0,  # white as the file says, not as its brightest pixel
        "highlight_mode": rawpy.HighlightMode.Clip,
        "output_color": rawpy.ColorSpace.sRGB,
        "gamma": (2.4, 12.92),
        "output_bps": 16,
    }


def _failure(error: Exception) -> str:
    said = error.args[0] if error.args else type(error).__name__
    text = said.decode("latin-1") if isinstance(said, bytes) else str(said)
    if "nsupported" in text:
        return "is a raw file of a kind that LibRaw does not read (develop it to a 16-bit PNG)"
    return f"is truncated or damaged ({text})"
