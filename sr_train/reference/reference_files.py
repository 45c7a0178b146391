"""References of pictures in files: which ones a picture has, and how they become a network's input.

In a folder of references a picture ``NAME.png`` (in the same subfolder) has every picture of the
folder ``NAME``, or else ``NAME.*``, ``NAME_1.*``, ``NAME_2.*`` ... in this order.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
import torch
from torch import Tensor

from degrade.arrays import U8
from degrade.errors import ImageRefused, NothingToDo
from degrade.images.colour import to_uint8
from degrade.images.decode import DecodePolicy, decode
from degrade.images.files import find_files
from sr_train.data.crops import unit_batch
from sr_train.networks.generator import ReferenceGenerator

MULTIPLE = 4
"""Sides of references are multiples of it: their textures come at a half and a quarter of them."""
SMALLEST = 3 * MULTIPLE
"""Sides of the smallest reference that holds a patch of 3 at a quarter of its size."""
WHOLE = 2**30
"""Farther than any picture is large: upscaling takes it in one piece."""


@dataclass(frozen=True)
class ReferenceFolder:
    """A folder of references, listed once."""

    root: Path
    names: tuple[str, ...]

    def of(self, name: PurePosixPath) -> list[Path]:
        """Return the references of a picture, in order; ``name`` is relative to its folder.

        Raises:
            ImageRefused: It has none.
        """
        stem = name.with_suffix("").as_posix()
        inside = [other for other in self.names if other.startswith(f"{stem}/")]
        numbered = re.compile(re.escape(stem) + r"(?:_(\d+))?\.[^./]+")
        found = [
            (int(m[1] or 0), other) for other in self.names if (m := numbered.fullmatch(other))
        ]
        chosen = inside or [other for _, other in sorted(found)]
        if not chosen:
            raise ImageRefused(
                name, f"has no reference in {self.root}: name one {stem}.png, or {stem}_1.png ..."
            )
        return [self.root / other for other in chosen]


def open_references(root: Path) -> ReferenceFolder:
    """List a folder of references.

    Raises:
        NothingToDo: It is absent or holds no images.
    """
    names = find_files(root).images
    if not names:
        raise NothingToDo(f"{root}: holds no references; give a folder with png, jpg, tif, ...")
    return ReferenceFolder(root, names)


def read_reference(path: Path, policy: DecodePolicy) -> tuple[bytes, U8]:
    """Return a reference's bytes and 8-bit pixels [H, W, 3].

    Raises:
        ImageRefused: It cannot be read, or is smaller than a patch.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ImageRefused(path, f"cannot be read ({error.strerror or error})") from error
    picture = to_uint8(decode(data, str(path), policy))
    if min(picture.shape[:2]) < SMALLEST:
        raise ImageRefused(
            path,
            f"is {picture.shape[0]} rows by {picture.shape[1]} columns, smaller than a patch; "
            f"a reference needs {SMALLEST} or more",
        )
    return data, picture


def stacked(pictures: Sequence[U8], side: int | None = None) -> Tensor:
    """Return references [1, R, 3, H, W] in [0, 1].

    A single one is cut at the bottom and right to multiples of 4; several are laid in the top left
    corner of black squares of ``side`` pixels, or rectangles that hold the largest.
    """
    if len(pictures) == 1 and side is None:
        height, width = (length - length % MULTIPLE for length in pictures[0].shape[:2])
        canvas = np.ascontiguousarray(pictures[0][None, :height, :width])
    else:
        sides = [-(-max(p.shape[axis] for p in pictures) // MULTIPLE) * MULTIPLE for axis in (0, 1)]
        height, width = (side, side) if side else sides
        canvas = np.zeros((len(pictures), height, width, 3), np.uint8)
        for place, picture in zip(canvas, pictures, strict=True):
            part = picture[:height, :width]
            place[: part.shape[0], : part.shape[1]] = part
    return unit_batch(canvas, torch.device("cpu"))[None]


class WithReferences:
    """A network and the references of one picture, as `inference.upscaling` takes networks."""

    multiple = 1
    radius = WHOLE

    def __init__(self, network: ReferenceGenerator, references: Tensor) -> None:
        self.scale = network.scale
        self._network, self._references = network, references

    def __call__(self, lr: Tensor, /) -> Tensor:
        """Return SR [1, 3, s*h, s*w] of LR [1, 3, h, w], both in [0, 1]."""
        sr: Tensor = self._network(lr, self._references.to(lr.device))
        return sr
