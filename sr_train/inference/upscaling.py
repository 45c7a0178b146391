"""Upscale images with a network, in tiles that give the same pixels as the whole image."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from degrade.arrays import F32, U8, Image
from degrade.errors import SettingsError
from degrade.images.colour import to_uint8, unit_float
from sr_train.compute.device import to_device

TILE = 512
"""Side of a tile without its surroundings, LR pixels."""


class Upscaler(Protocol):
    """What upscaling asks of a network, in evaluation mode."""

    @property
    def scale(self) -> int:
        """SR pixels per LR pixel."""

    @property
    def multiple(self) -> int:
        """Tiles must start at a multiple of this many LR pixels."""

    @property
    def radius(self) -> int:
        """How many LR pixels around its own place an SR pixel depends on."""

    def __call__(self, lr: Tensor, /) -> Tensor:
        """Return SR [1, 3, s*h, s*w] of LR [1, 3, h, w], both in [0, 1]."""


@dataclass(frozen=True)
class Tiling:
    """How an image is cut.

    With the network's radius as overlap (the default), each tile sees all that the whole image
    would have shown it, so the pixels are the same to rounding. The price: a tile of side t costs
    (t + 2*radius)^2 pixels of time and memory, and RRDBNet with 23 blocks has a radius of some 350.
    A smaller overlap costs less and is no longer exact near the seams.
    """

    tile: int = TILE
    """LR pixels that each tile contributes, per side."""
    overlap: int | None = None
    """LR pixels read around a tile; none: the network's radius."""

    def __post_init__(self) -> None:
        if self.tile < 1 or (self.overlap is not None and self.overlap < 0):
            raise SettingsError(
                f"tile {self.tile} with overlap {self.overlap}; give a tile of at least 1 and an "
                "overlap of at least 0 pixels"
            )


DEFAULT_TILING = Tiling()


def upscale_image(
    network: Upscaler,
    lr: Image,
    tiling: Tiling = DEFAULT_TILING,
    device: str | torch.device = "cpu",
    bf16: bool = False,
) -> U8:
    """Return SR as uint8 [s*h, s*w, 3], rounded half up, of LR [h, w, 3]; see `upscale_float`."""
    return np.concatenate(list(upscale_strips(network, lr, tiling, device, bf16)))


def upscale_strips(
    network: Upscaler,
    lr: Image,
    tiling: Tiling = DEFAULT_TILING,
    device: str | torch.device = "cpu",
    bf16: bool = False,
) -> Iterator[U8]:
    """Yield SR as `upscale_image` gives it, from the top, one row of tiles at a time.

    So SR, which may be 16 times LR, is never in memory whole.
    """
    scale, width = network.scale, lr.shape[1]
    for row in _cut(lr.shape[0], tiling, network):
        strip = np.empty((_length(row.write) * scale, width * scale, 3), np.uint8)
        for col in _cut(width, tiling, network):
            sr = _tile(network, lr, row, col, device, bf16)
            strip[:, _scaled(col.write, scale)] = to_uint8(np.clip(sr, 0, 1))
        yield strip


def upscale_float(
    network: Upscaler,
    lr: Image,
    tiling: Tiling = DEFAULT_TILING,
    device: str | torch.device = "cpu",
    bf16: bool = False,
) -> F32:
    """Return SR as the network gives it, float32 [s*h, s*w, 3], neither clipped nor rounded.

    Args:
        network: On ``device``, in evaluation mode.
        lr: [h, w, 3]; uint8, or float32 in [0, 1].
        tiling: How to cut.
        device: Where the tiles are computed; the image itself stays in main memory.
        bf16: Convolve in bfloat16 (autocast): faster where the hardware has units for it, and with
            8 bits of mantissa no longer exact.
    """
    scale = network.scale
    height, width = lr.shape[:2]
    sr = np.empty((height * scale, width * scale, 3), np.float32)
    for row in _cut(height, tiling, network):
        for col in _cut(width, tiling, network):
            place = _scaled(row.write, scale), _scaled(col.write, scale)
            sr[place] = _tile(network, lr, row, col, device, bf16)
    return sr


def _tile(
    network: Upscaler, lr: Image, row: "Span", col: "Span", device: str | torch.device, bf16: bool
) -> F32:
    """Return the SR pixels that one tile contributes."""
    part = np.ascontiguousarray(unit_float(lr[row.read, col.read]).transpose(2, 0, 1))
    result = compute(network, part[None], device, bf16)[0]
    kept = result[:, _scaled(row.keep, network.scale), _scaled(col.keep, network.scale)]
    return np.asarray(kept.transpose(1, 2, 0), np.float32)


@torch.inference_mode()
def compute(network: Upscaler, lr: F32, device: str | torch.device, bf16: bool) -> F32:
    """Return SR [1, 3, s*h, s*w] of LR [1, 3, h, w]; see `upscale_float`."""
    batch = to_device(torch.from_numpy(lr), torch.device(device))
    with torch.autocast(batch.device.type, torch.bfloat16, enabled=bf16):
        return np.asarray(network(batch).float().cpu().numpy(), np.float32)


def _cut(length: int, tiling: Tiling, network: Upscaler) -> "list[Span]":
    if tiling.overlap is not None:
        overlap = tiling.overlap
    else:  # the radius of some networks is found by trying, for which there must be a need
        overlap = network.radius if length > tiling.tile else 0
    return spans(length, tiling.tile, overlap, network.multiple)


@dataclass(frozen=True)
class Span:
    """One tile along one axis, LR pixels."""

    write: slice
    """The pixels it contributes."""
    read: slice
    """The pixels it is computed from."""
    keep: slice
    """``write`` relative to ``read``."""


def spans(length: int, tile: int, overlap: int, multiple: int) -> list[Span]:
    """Cut one axis; in one piece where tile and overlaps would reach over all of it anyway.

    A tile ends where the image ends or sees ``overlap`` further pixels: so the network pads with
    zeros at the true borders only, as it does with the whole image.
    """
    step = length if tile + 2 * overlap >= length else tile
    cut = []
    for start in range(0, length, step):
        stop = min(start + step, length)
        first = max(0, start - overlap) // multiple * multiple
        last = min(length, -(-(stop + overlap) // multiple) * multiple)
        keep = slice(start - first, stop - first)
        cut.append(Span(slice(start, stop), slice(first, last), keep))
    return cut


def _scaled(span: slice, scale: int) -> slice:
    return slice(span.start * scale, span.stop * scale)


def _length(span: slice) -> int:
    return int(span.stop - span.start)
