"""Crops of photos as a bank of cameras takes them: what is drawn for each, and the LR."""

from dataclasses import dataclass

import numpy as np

from degrade.arrays import F32, F64, I64, U8
from degrade.camera.jpeg import compressed
from degrade.camera.parameters import Cameras
from degrade.camera.photograph import ShotVariation, developed, sensor_noise
from degrade.camera.planes import Planes, like, mirrored, namespace
from degrade.images.colour import to_uint8
from degrade.images.resize import symmetric

MARGIN = 8
"""Photo pixels around a crop that its own pixels depend on. Strong denoising and JPEG's blocks
reach farther; for them the picture is mirrored."""
EVEN = 4
"""A crop with its margins has a multiple of so many photo pixels, for sensors with 5/4 as many."""
KINDS_AT_ONCE = 4
"""Most kinds of cameras in a batch, as each kind is developed by itself."""
UNIT = 16
"""Pixels of JPEG's largest unit, at any of which a crop may begin."""


@dataclass(frozen=True)
class JpegCompression:
    """How a JPEG file was compressed: steps [2, 8, 8] of luma and chroma, and subsampling."""

    tables: F32
    subsampling: str


@dataclass(frozen=True)
class CameraSamples:
    """Cameras that may have taken the photos, and the compression of their files."""

    cameras: Cameras
    lossy: tuple[JpegCompression, ...]
    """How the photos' files are compressed, each way once; empty where no file is JPEG."""
    frequency: F64
    """Share of the files of each kind."""


@dataclass(frozen=True)
class Draws:
    """What is drawn for B crops.

    Attributes:
        camera: [B], row of the bank.
        lossy: [B], row of its compressions; -1 without any.
        bayer: [B, 2], row and column of the first red pixel of the mosaic, 0 or 1.
        phase: [B, 2], row and column at which the crop begins in JPEG's unit of 16 pixels.
    """

    camera: I64
    lossy: I64
    bayer: I64
    phase: I64

    def rows(self, chosen: slice | I64) -> "Draws":
        """Return some crops' draws."""
        kept = (each[chosen] for each in (self.camera, self.lossy, self.bayer, self.phase))
        return Draws(*kept)


def draw(rng: np.random.Generator, bank: CameraSamples, count: int) -> Draws:
    """Draw a camera and all that differs between its photos, for ``count`` crops.

    Each crop's camera is any of the bank, as likely as another; they are of `KINDS_AT_ONCE` kinds
    (`Cameras.kinds`) at the most, whose crops are developed together.
    """
    alike = -(-count // KINDS_AT_ONCE)
    runs = [min(alike, count - first) for first in range(0, count, alike)]
    camera = np.concatenate([_of_one_kind(rng, bank.cameras.kinds, run) for run in runs])
    bayer, phase = rng.integers(2, size=(count, 2)), rng.integers(UNIT, size=(count, 2))
    lossy = np.full(count, -1)
    if bank.lossy:
        lossy = rng.choice(len(bank.lossy), size=count, p=bank.frequency)
    return Draws(camera, lossy, bayer, phase)


def _of_one_kind(rng: np.random.Generator, kinds: I64, count: int) -> I64:
    """Return rows of cameras that are of the kind of a random one."""
    alike = np.flatnonzero((kinds == kinds[rng.integers(len(kinds))]).all(axis=1))
    return np.asarray(rng.choice(alike, size=count), np.int64)


def surroundings(start: int, side: int, length: int, scale: int) -> I64:
    """Return the pixels of an axis that a crop's photo depends on, mirrored beyond the picture.

    Args:
        start: First HR pixel of the crop.
        side: Of its photo, pixels.
        length: HR pixels that the axis has.
        scale: HR pixels per photo pixel.
    """
    return symmetric(start - MARGIN * scale + np.arange(scale * extent(side)), length)


def extent(side: int) -> int:
    """Return the side in photo pixels of a crop with its margins; the far one may be wider."""
    return -(-(side + 2 * MARGIN) // EVEN) * EVEN


def photographed(
    around: Planes, bank: CameraSamples, draws: Draws, white: F32, scale: int, side: int
) -> Planes:
    """Return LR crops [B, 3, side, side] in [0, 1], multiples of 1/255.

    Args:
        around: [B, 3, n, n] uint8, n = scale * `extent` (side): HR from `MARGIN` photo pixels
            before the crop.
        bank: The cameras.
        draws: What was drawn for each crop.
        white: The sensors' noise, `photograph.sensor_noise` for photos of `extent` (side).
        scale: HR pixels per photo pixel.
        side: Of the crop, photo pixels.
    """
    cameras = bank.cameras.rows(draws.camera)
    photos = developed(around, cameras, ShotVariation(draws.bayer, white), scale)
    if not bank.lossy:
        return _rounded(photos[..., MARGIN : MARGIN + side, MARGIN : MARGIN + side])
    whole = _units(photos, draws.phase, side)
    parts, order = [], []
    for subsampling in sorted({bank.lossy[row].subsampling for row in np.unique(draws.lossy)}):
        same = [bank.lossy[row].subsampling == subsampling for row in draws.lossy]
        rows = np.flatnonzero(same)
        tables = np.stack([bank.lossy[row].tables for row in draws.lossy[rows]])
        parts.append(compressed(whole[rows], tables, subsampling))
        order.append(rows)
    joined = namespace(whole).concatenate(parts, 0)[like(whole, np.argsort(np.concatenate(order)))]
    return _cut(joined, draws.phase, side)


def taken_tile(
    hr: U8,
    corner: tuple[int, int],
    tile: int,
    scale: int,
    bank: CameraSamples,
    rng: np.random.Generator,
) -> tuple[U8, U8]:
    """Return a tile of an HR picture, and the photo of it that a camera of a bank took.

    Args:
        hr: [H, W, 3], of which what surrounds the tile is in the photo's margins.
        corner: Row and column of the tile, multiples of ``scale``.
        tile: Its side, likewise.
        scale: HR pixels per photo pixel.
        bank: The cameras.
        rng: Gives the draws, those of `draw` first.
    """
    (row, col), side = corner, tile // scale
    drawn = draw(rng, bank, 1)
    white = sensor_noise(rng, 1, bank.cameras, extent(side))
    rows = surroundings(row, side, hr.shape[0], scale)
    around = hr[rows[:, None], surroundings(col, side, hr.shape[1], scale)]
    planes = np.ascontiguousarray(around.transpose(2, 0, 1))[None]
    lr = photographed(planes, bank, drawn, white, scale, side)[0].transpose(1, 2, 0)
    return hr[row : row + tile, col : col + tile], to_uint8(np.asarray(lr, np.float32))


def _units(photos: Planes, phase: I64, side: int) -> Planes:
    """Cut each crop with what completes JPEG's units; beyond the margins it is mirrored."""
    whole = -(-(side + UNIT - 1) // UNIT) * UNIT
    return _cut(mirrored(photos, UNIT), UNIT + MARGIN - phase, whole)


def _cut(planes: Planes, corners: I64, side: int) -> Planes:
    """Return the window of each picture that begins at its own corner (row, col)."""
    windows = [
        picture[:, row : row + side, col : col + side]
        for picture, (row, col) in zip(planes, corners.tolist(), strict=True)
    ]
    return namespace(planes).stack(windows, 0)


def _rounded(photos: Planes) -> Planes:
    xp = namespace(photos)
    return xp.round(xp.clip(photos, 0, 1) * 255) / 255
