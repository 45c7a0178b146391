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


# Primaries adapted to D50, columns X, Y and Z of red, green and blue.
P3 = (
    (0.515102, 0.241182, -0.00105),
    (0.291965, 0.692236, 0.041882),
    (0.157153, 0.066582, 0.784379),
)
PROPHOTO = ((0.79767, 0.28804, 0.0), (0.13519, 0.71188, 0.0), (0.03134, 0.00009, 0.82491))
SRGB = ((0.43607, 0.22249, 0.01392), (0.38515, 0.71687, 0.09708), (0.14307, 0.06061, 0.7141))
ADOBE = ((0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457))


def numbers(*values: float) -> bytes:
    """Numbers as ICC profiles hold them, 16 bits before the point and 16 behind."""
    return b"".join(struct.pack(">i", round(value * 65536)) for value in values)


def gamma_curve(gamma: float) -> bytes:
    """A curve of one power."""
    return b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256))


def srgb_curve() -> bytes:
    """sRGB's curve as a table, as in profiles of version 2."""
    steps = np.linspace(0, 1, 1024)
    light = np.where(steps <= 0.04045, steps / 12.92, ((steps + 0.055) / 1.055) ** 2.4)
    return (
        b"curv\0\0\0\0" + struct.pack(">I", 1024) + (light * 65535).round().astype(">u2").tobytes()
    )


def parametric_curve(kind: int, *values: float) -> bytes:
    """A curve of ICC's parametric type."""
    return b"para\0\0\0\0" + struct.pack(">HH", kind, 0) + numbers(*values)


def profile(name: str, tags: dict[bytes, bytes], colours: bytes = b"RGB ") -> bytes:
    """An ICC profile of version 2 with the tags, a description and the white of D50."""
    text = name.encode() + b"\0"
    every = {
        b"desc": b"desc\0\0\0\0" + struct.pack(">I", len(text)) + text + bytes(78),
        b"wtpt": b"XYZ \0\0\0\0" + numbers(0.9642, 1, 0.8249),
        **tags,
    }
    table, body = struct.pack(">I", len(every)), b""
    for tag, content in every.items():
        padded = content + bytes(-len(content) % 4)
        table += tag + struct.pack(">II", 132 + 12 * len(every) + len(body), len(content))
        body += padded
    size = struct.pack(">I", 128 + len(table) + len(body))
    head = size + b"none\2\x10\0\0mntr" + colours + b"XYZ " + bytes(12) + b"acsp" + bytes(28)
    return (head + numbers(0.9642, 1, 0.8249)).ljust(128, b"\0") + table + body


def matrix_profile(name: str, primaries: tuple[tuple[float, ...], ...], curve: bytes) -> bytes:
    """An RGB profile of primaries and a curve for all three."""
    columns = {
        tag: b"XYZ \0\0\0\0" + numbers(*xyz)
        for tag, xyz in zip((b"rXYZ", b"gXYZ", b"bXYZ"), primaries, strict=True)
    }
    return profile(name, {**columns, **dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve)})


def sixteen_bit_png(rgb: np.ndarray, extra: bytes = b"") -> bytes:
    """A PNG of uint16 [H, W, 3] with chunks before its pixels."""
    rows = b"".join(b"\0" + row.tobytes() for row in rgb.astype(">u2"))
    return png(rgb.shape[1], rgb.shape[0], rows, depth=16, extra=extra)


def icc_chunk(icc: bytes) -> bytes:
    """PNG's chunk of a profile."""
    return chunk(b"iCCP", b"icc\0\0" + zlib.compress(icc))
