"""Paired folders of images (BasicSR's layout) as tiles, checked whole before any training."""

import hashlib
import math
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from degrade.arrays import U8, Strings
from degrade.errors import ImageRefused, TrainingError
from degrade.images.colour import to_uint8
from degrade.images.decode import read_image
from degrade.images.paired import misfit, not_paired, pair_names
from degrade.pairs import tile_grid
from degrade.store.cache import cache_folder

TILE = 256
"""Side of the HR tiles that images are covered with, where they are that large."""


@dataclass(frozen=True)
class ImageTiles:
    """Square windows of decoded images, with the interface of a store's tiles."""

    images: tuple[U8, ...]
    places: tuple[tuple[int, int, int], ...]
    """Image, row and column of each window."""
    side: int

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """[N, T, T, 3]."""
        return len(self.places), self.side, self.side, 3

    def crop(self, index: int, row: int, col: int, size: int) -> U8:
        """Return a view [size, size, 3] of one window."""
        image, top, left = self.places[index]
        return self.images[image][top + row : top + row + size, left + col : left + col + size]


@dataclass(frozen=True)
class FolderPairs:
    """Pairs of two folders, all of them for training."""

    scale: int
    hr: ImageTiles
    lr: ImageTiles
    split: Strings
    noise: tuple[int, ...]
    content: str


def open_folders(lr_dir: Path, hr_dir: Path, scale: int | None, crop: int) -> FolderPairs:
    """Decode every image of two folders once, into an unnamed file in the cache folder.

    They pair as `degrade.images.paired.pair_names` says.

    Args:
        lr_dir: LR images.
        hr_dir: HR images, each exactly ``scale`` times the size of its LR.
        scale: None takes it from the first pair.
        crop: HR crop that every image must hold.

    Raises:
        SettingsError: Any image lacks its partner, cannot be read, is too small or has another size
            than its partner asks for; the text names every one.
    """
    pairing = pair_names(lr_dir, hr_dir, scale)
    faults = list(pairing.faults)
    kept = _ImageFile()
    for lr_name, hr_name in pairing.pairs.values():
        try:
            lr, hr = _decoded(lr_dir / lr_name), _decoded(hr_dir / hr_name)
        except ImageRefused as error:
            faults.append(str(error))
            continue
        scale = scale or max(1, round(hr.shape[0] / lr.shape[0]))
        if fault := misfit(hr.shape, lr.shape, scale) or _too_small(hr.shape, crop):
            faults.append(f"{hr_dir / hr_name}: {fault}")
        elif not faults:
            kept.add(lr)
            kept.add(hr)
    if faults or scale is None:
        raise not_paired(lr_dir, hr_dir, faults)
    maps = kept.maps()
    images = list(zip(maps[::2], maps[1::2], strict=True))
    return _tiled(images, scale, crop, kept.digest.hexdigest())


def _decoded(path: Path) -> U8:
    return to_uint8(read_image(path))


def _too_small(hr: tuple[int, ...], crop: int) -> str | None:
    return f"{hr[1]}x{hr[0]} is smaller than the crop of {crop}" if min(hr[:2]) < crop else None


class _ImageFile:
    """Decoded images, one after the other in an unnamed file that ends with this process."""

    def __init__(self) -> None:
        self.digest = hashlib.sha256()
        self._shapes: list[tuple[int, ...]] = []
        with _room():
            cache_folder().mkdir(parents=True, exist_ok=True)
            self._file = tempfile.TemporaryFile(dir=cache_folder())  # noqa: SIM115

    def add(self, image: U8) -> None:
        data = image.tobytes()
        self.digest.update(str(image.shape).encode() + data)
        self._shapes.append(image.shape)
        with _room():
            self._file.write(data)

    def maps(self) -> list[U8]:
        """Return views of the mapped file, in the order in which images were added."""
        with _room():
            self._file.flush()
        whole = np.memmap(self._file, np.uint8, "r").view(np.ndarray)
        ends = np.cumsum([math.prod(shape) for shape in self._shapes])
        parts = np.split(whole, ends[:-1])
        return [part.reshape(shape) for part, shape in zip(parts, self._shapes, strict=True)]


@contextmanager
def _room() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise TrainingError(
            f"{cache_folder()}: decoded images cannot be kept there ({error}); point DEGRADE_CACHE "
            "to a folder with room for them"
        ) from error


def _tiled(images: list[tuple[U8, U8]], scale: int, crop: int, content: str) -> FolderPairs:
    smallest = min(min(hr.shape[:2]) for _, hr in images)
    side = min(max(TILE, crop), smallest) // scale * scale
    lr_places = [
        (number, row, col)
        for number, (lr, _) in enumerate(images)
        for row, col in tile_grid(lr.shape[0], lr.shape[1], side // scale)
    ]
    hr_places = [(number, row * scale, col * scale) for number, row, col in lr_places]
    return FolderPairs(
        scale,
        ImageTiles(tuple(hr for _, hr in images), tuple(hr_places), side),
        ImageTiles(tuple(lr for lr, _ in images), tuple(lr_places), side // scale),
        np.array(["train"] * len(lr_places)),
        (-1,) * len(lr_places),
        content,
    )
