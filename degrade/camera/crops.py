"""Crops of photos as a bank of cameras takes them: what is drawn for each, and the LR."""

from dataclasses import dataclass

import numpy as np

from degrade.arrays import F32, F64, I64
from degrade.camera.jpeg import SUBSAMPLING, compressed
from degrade.camera.parameters import Cameras
from degrade.camera.photograph import Chances, developed, white_noise
from degrade.camera.planes import Planes, like, mirrored, namespace

MARGIN = 8
"""Photo pixels around a crop that what is in it depends on, but for JPEG's blocks."""
EVEN = 4
"""The photo pixels of a crop with its margins are a multiple of it, for sensors of 5/4 as many."""
UNIT = 16
"""Pixels of JPEG's largest unit, and of the places at which a crop may begin in it."""


@dataclass(frozen=True)
class Lossy:
    """How a JPEG file was compressed: steps [2, 8, 8] of luma and chroma, and subsampling."""

    tables: F32
    subsampling: str


@dataclass(frozen=True)
class Bank:
    """Cameras that may have taken the photos, and the compression of their files."""

    cameras: Cameras
    lossy: tuple[Lossy, ...]
    """Of the files, each kind once; empty where no file is JPEG."""
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


def draw(rng: np.random.Generator, bank: Bank, count: int) -> Draws:
    """Draw a camera and all that differs between its photos, for ``count`` crops."""
    camera = rng.integers(len(bank.cameras), size=count)
    bayer, phase = rng.integers(2, size=(count, 2)), rng.integers(UNIT, size=(count, 2))
    lossy = np.full(count, -1)
    if bank.lossy:
        lossy = rng.choice(len(bank.lossy), size=count, p=bank.frequency)
    return Draws(camera, lossy, bayer, phase)


def extent(side: int) -> int:
    """Return the side in photo pixels of a crop with its margins; the far one may be wider."""
    return -(-(side + 2 * MARGIN) // EVEN) * EVEN


def photographed(
    around: Planes, bank: Bank, draws: Draws, rng: np.random.Generator, scale: int, side: int
) -> Planes:
    """Return LR crops [B, 3, side, side] in [0, 1], multiples of 1/255.

    Args:
        around: [B, 3, n, n] uint8, n = scale * `extent` (side): HR from `MARGIN` photo pixels
            before the crop.
        bank: The cameras.
        draws: What was drawn for each crop.
        rng: Gives the sensor's noise.
        scale: HR pixels per photo pixel.
        side: Of the crop, photo pixels.
    """
    cameras = bank.cameras.rows(draws.camera)
    chances = Chances(draws.bayer, white_noise(rng, cameras, extent(side)))
    photos = developed(around, cameras, chances, scale)
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


assert all(max(pair) * 8 <= UNIT for pair in SUBSAMPLING.values())
