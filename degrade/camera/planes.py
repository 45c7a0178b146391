"""Stacks of planes [B, C, H, W]: the operations of camera steps, on NumPy's and torch's arrays."""

import sys
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from degrade.arrays import F32, I64

Planes: TypeAlias = Any
"""float32 [B, C, H, W]: a NumPy array, or a torch tensor on any device. The steps are written once,
in slices, products and functions that both libraries call by the same name."""


def namespace(planes: Planes) -> Any:
    """Return the library that an array is of: numpy, or torch, which is loaded then."""
    return np if isinstance(planes, np.ndarray) else sys.modules["torch"]


def fourier(planes: Planes) -> Any:
    """Return the Fourier transforms for an array: SciPy's, which are faster than NumPy's."""
    if not isinstance(planes, np.ndarray):
        return sys.modules["torch"].fft
    import scipy.fft  # a fifth of a second, when first needed

    return scipy.fft


def like(planes: Planes, values: npt.NDArray[Any]) -> Any:
    """Return constants as an array of the library, and on the device, of ``planes``."""
    if isinstance(planes, np.ndarray):
        return values
    return namespace(planes).from_numpy(np.ascontiguousarray(values)).to(planes.device)


def column(planes: Planes, values: npt.NDArray[Any]) -> Any:
    """Return one number per picture, [B], as float32 [B, 1, 1, 1] beside ``planes``."""
    return like(planes, np.asarray(values, np.float32).reshape(-1, 1, 1, 1))


def looked_up(table: npt.NDArray[Any], levels: Planes) -> Planes:
    """Return float32 of each picture's row of ``table`` [B, 256] at ``levels`` [B, C, H, W]."""
    rows = like(levels, np.asarray(table, np.float32))
    if isinstance(levels, np.ndarray):
        return np.stack([row[picture] for row, picture in zip(rows, levels, strict=True)])
    return rows.gather(1, levels.reshape(len(levels), -1).long()).reshape(levels.shape)


def as_bytes(levels: Planes) -> Planes:
    """Return levels in [0, 255], cut to uint8."""
    if isinstance(levels, np.ndarray):
        return levels.astype(np.uint8)
    return levels.to(namespace(levels).uint8)


def mirrored(planes: Planes, around: int) -> Planes:
    """Return planes with a border of ``around`` pixels, mirrored about the edge pixel.

    So the pattern of a mosaic goes on beyond the edge. Torch's own reflects once at the most.
    """
    if isinstance(planes, np.ndarray):
        return np.pad(planes, ((0, 0), (0, 0), (around, around), (around, around)), "reflect")
    if around < min(planes.shape[-2:]):
        return namespace(planes).nn.functional.pad(planes, (around,) * 4, mode="reflect")
    rows, columns = (_reach(length, around) for length in planes.shape[-2:])
    return planes[..., like(planes, rows)[:, None], like(planes, columns)[None, :]]


def _reach(length: int, around: int) -> I64:
    period = max(1, 2 * (length - 1))
    index = np.arange(-around, length + around) % period
    return np.minimum(index, period - index) if length > 1 else 0 * index


def channel_sum(planes: Planes) -> Planes:
    """Return the sum over the channels, [B, 1, H, W]; NumPy's own takes twice the time."""
    total = planes[:, :1]
    for channel in range(1, planes.shape[1]):
        total = total + planes[:, channel : channel + 1]
    return total


def window(padded: Planes, around: int, row: int, col: int) -> Planes:
    """Return the pixels (row, col) away from each one, from planes that `mirrored` has padded."""
    height, width = (length - 2 * around for length in padded.shape[-2:])
    top, left = around + row, around + col
    return padded[..., top : top + height, left : left + width]


def correlate(planes: Planes, kernel: F32) -> Planes:
    """Correlate each plane with a small [K, K] kernel, K odd; zeros of it cost nothing."""
    around = len(kernel) // 2
    padded = mirrored(planes, around)
    taps = [(r, c, float(kernel[r, c])) for r, c in np.argwhere(kernel)]
    return sum(w * window(padded, around, r - around, c - around) for r, c, w in taps)


def blur(planes: Planes, sigma: F32, around: int) -> Planes:
    """Blur each picture by a Gaussian of its own ``sigma`` [B] in pixels, cut at ``around``."""
    offset = np.arange(-around, around + 1)
    taps = np.exp(-0.5 * np.square(offset / np.maximum(sigma, 0.05)[:, None]))
    taps /= taps.sum(axis=1, keepdims=True)
    weights = [column(planes, taps[:, place]) for place in range(len(offset))]
    padded = mirrored(planes, around)
    height, width = planes.shape[-2:]
    tall = sum(w * padded[..., i : i + height, :] for i, w in enumerate(weights))
    return sum(w * tall[..., :, i : i + width] for i, w in enumerate(weights))


def luma_chroma(rgb: Planes) -> tuple[Planes, Planes]:
    """Return Y [B, 1, H, W], and Cb and Cr [B, 2, H, W] about 0 (BT.601, as in JPEG)."""
    red, green, blue = (rgb[:, i : i + 1] for i in range(3))
    luma = 0.299 * red + 0.587 * green + 0.114 * blue
    both = namespace(rgb).concatenate([(blue - luma) / 1.772, (red - luma) / 1.402], 1)
    return luma, both


def rgb_of(luma: Planes, chroma: Planes) -> Planes:
    """Return RGB of `luma_chroma`."""
    blue, red = luma + 1.772 * chroma[:, :1], luma + 1.402 * chroma[:, 1:]
    green = (luma - 0.299 * red - 0.114 * blue) / 0.587
    return namespace(luma).concatenate([red, green, blue], 1)
