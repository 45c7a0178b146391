"""Image files made in memory, so that every test says in one line what its file is."""

import struct
import zlib
from io import BytesIO

import cv2
import numpy as np
from PIL import Image

from degrade.arrays import U8


def smooth_photo() -> U8:
    """Smooth random colours, 48 rows by 64 columns: JPEG keeps them within a few levels."""
    coarse = np.random.default_rng(1).random((6, 8, 3), dtype=np.float32)
    smooth = cv2.resize(coarse, (64, 48), interpolation=cv2.INTER_CUBIC).clip(0, 1)
    return np.rint(smooth * 255).astype(np.uint8)


def encoded(pixels: object, form: str, **options: object) -> bytes:
    """Encode an array or Pillow image with Pillow."""
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    file = BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def encoded16(rgb: np.ndarray, suffix: str) -> bytes:
    """Encode a uint16 array [H, W] or [H, W, 3 or 4], RGB(A), with OpenCV."""
    order = {2: None, 3: [2, 1, 0], 4: [2, 1, 0, 3]}[rgb.shape[2] if rgb.ndim == 3 else 2]
    done, data = cv2.imencode(suffix, rgb if order is None else rgb[..., order])
    assert done
    return data.tobytes()


def png(
    width: int, height: int, rows: bytes, depth: int = 8, colour: int = 2, extra: bytes = b""
) -> bytes:
    """Assemble a PNG by hand; ``rows`` are the filtered bytes before compression."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    body = chunk(b"IHDR", header) + extra + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND")
    return b"\x89PNG\r\n\x1a\n" + body


def chunk(kind: bytes, data: bytes = b"") -> bytes:
    """One chunk of a PNG."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
