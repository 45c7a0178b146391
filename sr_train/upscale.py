"""Upscale images with a network, in tiles that give the same pixels as the whole image."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from degrade.arrays import F32, U8, Image
from degrade.errors import DegradeError, ImageRefused, NothingToDo, SettingsError
from degrade.images.colour import to_uint8, unit_float
from degrade.images.decode import DEFAULT_POLICY, DecodePolicy, read_image
from degrade.images.files import find_files
from degrade.images.write import write_png

TILE = 512
"""Side of a tile without its surroundings, LR pixels."""


class Upscaler(Protocol):
    """What upscaling asks of a network, in evaluation mode."""

    scale: int
    """SR pixels per LR pixel."""
    multiple: int
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


@dataclass(frozen=True)
class Upscaled:
    """What became of the files."""

    written: tuple[Path, ...]
    refused: tuple[ImageRefused, ...]


def upscale_image(
    network: Upscaler,
    lr: Image,
    tiling: Tiling = DEFAULT_TILING,
    device: str | torch.device = "cpu",
) -> U8:
    """Return SR as uint8 [s*h, s*w, 3], rounded half up, of LR [h, w, 3]."""
    return to_uint8(np.clip(upscale_float(network, lr, tiling, device), 0, 1))


@torch.inference_mode()
def upscale_float(
    network: Upscaler,
    lr: Image,
    tiling: Tiling = DEFAULT_TILING,
    device: str | torch.device = "cpu",
) -> F32:
    """Return SR as the network gives it, float32 [s*h, s*w, 3], neither clipped nor rounded.

    Args:
        network: On ``device``, in evaluation mode.
        lr: [h, w, 3]; uint8, or float32 in [0, 1].
        tiling: How to cut.
        device: Where the tiles are computed; the image itself stays in main memory.
    """
    scale = network.scale
    overlap = network.radius if tiling.overlap is None else tiling.overlap
    height, width = lr.shape[:2]
    sr = np.empty((height * scale, width * scale, 3), np.float32)
    for row in spans(height, tiling.tile, overlap, network.multiple):
        for col in spans(width, tiling.tile, overlap, network.multiple):
            part = np.ascontiguousarray(unit_float(lr[row.read, col.read]).transpose(2, 0, 1))
            result = network(torch.from_numpy(part)[None].to(device))[0].float().cpu().numpy()
            keep = result[:, _scaled(row.keep, scale), _scaled(col.keep, scale)]
            sr[_scaled(row.write, scale), _scaled(col.write, scale)] = keep.transpose(1, 2, 0)
    return sr


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


def upscale_files(
    network: Upscaler,
    source: Path,
    out: Path,
    tiling: Tiling = DEFAULT_TILING,
    device: str | torch.device = "cpu",
    policy: DecodePolicy = DEFAULT_POLICY,
    done: Callable[[Path], None] = lambda path: None,
) -> Upscaled:
    """Upscale a file, or every image of a folder; files that cannot be read are left and reported.

    Args:
        network: As for `upscale_float`.
        source: A file or a folder.
        out: A folder, which gets ``<stem>.png`` in the same subfolders; or a ``.png`` for one file.
        tiling: How to cut.
        device: Where to compute.
        policy: What to do with images that are not 8-bit RGB.
        done: Called with each path after it was dealt with.

    Raises:
        NothingToDo: No image at ``source``.
        DegradeError: An output would replace an input or another output, or cannot be written.
    """
    jobs = _plan(source, out)
    written, refused = [], []
    for path, target in jobs.items():
        try:
            lr = read_image(path, policy)
        except ImageRefused as reason:
            refused.append(reason)
        else:
            write_png(target, upscale_image(network, lr, tiling, device))
            written.append(target)
        done(path)
    return Upscaled(tuple(written), tuple(refused))


def _plan(source: Path, out: Path) -> dict[Path, Path]:
    """Return input -> output, checked."""
    if source.is_dir():
        names = find_files(source).images
        jobs = {source / name: out / Path(name).with_suffix(".png") for name in names}
    elif source.is_file():
        jobs = {source: out if out.suffix.lower() == ".png" else out / f"{source.stem}.png"}
    else:
        raise NothingToDo(f"{source}: no such file or folder; give an image or a folder of images")
    if not jobs:
        raise NothingToDo(f"{source}: holds no images; give a folder with png, jpg, tif, ...")
    _check_targets(jobs)
    return jobs


def _check_targets(jobs: dict[Path, Path]) -> None:
    inputs = {path.resolve() for path in jobs}
    origin: dict[Path, Path] = {}
    for path, target in jobs.items():
        if target.resolve() in inputs:
            raise DegradeError(f"{target}: would replace an input; give another output folder")
        if target in origin:
            raise DegradeError(
                f"{target}: {origin[target].name} and {path.name} would both be written there; "
                "rename one"
            )
        origin[target] = path


def _scaled(span: slice, scale: int) -> slice:
    return slice(span.start * scale, span.stop * scale)
