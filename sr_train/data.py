"""Pairs to batches: the only place where HWC becomes NCHW.

Every draw is a function of (seed, step): a resumed run goes on with the same crops, and twin runs
on two stores see the same ones.
"""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from degrade.arrays import F32, I64, U8, Strings
from degrade.errors import SettingsError, TrainingError
from degrade.images.colour import unit_float
from degrade.noise.injection import inject
from degrade.randomness import stream
from sr_train.parts.batch import Batch
from sr_train.settings.common import SCALES, TrainingSettings


class Tiles(Protocol):
    """Square uint8 RGB tiles, as degrade.store.reader.TileArray has them."""

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """[N, T, T, 3]."""

    def tile(self, index: int) -> U8:
        """Return a view [T, T, 3] of one tile."""

    def crop(self, index: int, row: int, col: int, size: int) -> U8:
        """Return a view [size, size, 3] of one tile."""


class PairTiles(Protocol):
    """Aligned tiles, as degrade.store.reader.Pairs has them."""

    @property
    def scale(self) -> int:
        """HR pixels per LR pixel."""

    @property
    def hr(self) -> Tiles:
        """HR tiles."""

    @property
    def lr(self) -> Tiles:
        """LR tiles, ``scale`` times smaller."""

    @property
    def split(self) -> Strings:
        """``train`` or ``valid``, one per pair."""

    @property
    def noise(self) -> Any:
        """Row of the noise patch that is baked into each LR, -1 = none."""

    @property
    def content(self) -> str:
        """Hash of the pairs' content."""


class NoiseTiles(Protocol):
    """Noise patches, as degrade.store.reader.NoiseBank has them."""

    @property
    def patches(self) -> Tiles:
        """Patches as cut from the photos."""

    @property
    def content(self) -> str:
        """Hash of the bank's content."""


@dataclass(frozen=True)
class TrainingData:
    """Pairs and noise that were found to fit the settings, with the rows of each split."""

    pairs: PairTiles
    noise: NoiseTiles | None
    settings: TrainingSettings
    train: I64
    valid: I64

    @property
    def scale(self) -> int:
        """HR pixels per LR pixel."""
        return self.pairs.scale

    @property
    def content(self) -> str:
        """What the run's results depend on: hashes of pairs and noise."""
        return f"{self.pairs.content} {self.noise.content if self.noise else 'no-noise'}"

    def batch(self, step: int) -> Batch:
        """Return the training batch of one step.

        Aligned random crops, drawn with replacement, randomly flipped and transposed (each with
        p = 1/2), then noise from the bank (RealSR: a random LR-sized crop of a random patch, minus
        its mean per channel, added and clipped).
        """
        settings, pairs = self.settings, self.pairs
        rng = stream(settings.seed, "batch", step)
        rows = self.train[rng.integers(len(self.train), size=settings.batch)]
        side = pairs.lr.shape[1] - settings.crop // pairs.scale + 1
        corners = rng.integers(side, size=(settings.batch, 2))
        turns = rng.integers(2, size=(settings.batch, 3)) * settings.flips
        lr, hr = _crops(pairs, rows, corners, turns, settings.crop)
        return _finish(self.noise, lr, hr, stream(settings.seed, "batch-noise", step))

    def validation(self) -> Batch:
        """Return the central crops of pairs spread over the valid split, degraded as in training.

        ``validation_tiles`` pairs, or as many as there are.
        """
        settings, pairs = self.settings, self.pairs
        count = min(settings.validation_tiles, len(self.valid))
        rows = self.valid[np.linspace(0, len(self.valid) - 1, count).astype(int)]
        middle = (pairs.lr.shape[1] - settings.crop // pairs.scale) // 2
        corners = np.full((count, 2), middle)
        lr, hr = _crops(pairs, rows, corners, np.zeros((count, 3), int), settings.crop)
        return _finish(self.noise, lr, hr, stream(settings.seed, "validation-noise"))


def training_data(
    pairs: PairTiles, noise: NoiseTiles | None, settings: TrainingSettings
) -> TrainingData:
    """Check that pairs and noise serve the settings.

    Raises:
        SettingsError: Crop, scale or noise setting does not fit what the store holds.
        TrainingError: No pair to train on, or no noise although noise is asked for.
    """
    train, valid = (np.flatnonzero(pairs.split == name) for name in ("train", "valid"))
    if not len(train):
        raise TrainingError(
            f"the x{pairs.scale} pairs have none in split 'train'; "
            f"run `degrade build-pairs --scale {pairs.scale}` with more photos"
        )
    _check_crop(pairs, settings.crop)
    if settings.noise:
        _check_noise(pairs, noise, settings.crop)
    return TrainingData(pairs, noise if settings.noise else None, settings, train, valid)


def _crops(pairs: PairTiles, rows: I64, corners: I64, turns: I64, crop: int) -> tuple[U8, U8]:
    """Cut aligned crops; ``corners`` are (row, col) in LR pixels, ``turns`` as in ``_turn``."""
    scale, count = pairs.scale, len(rows)
    lr = np.empty((count, crop // scale, crop // scale, 3), np.uint8)
    hr = np.empty((count, crop, crop, 3), np.uint8)
    for i, (pair, (row, col), turn) in enumerate(zip(rows, corners, turns, strict=True)):
        lr[i] = _turn(pairs.lr.crop(int(pair), int(row), int(col), crop // scale), turn)
        hr[i] = _turn(pairs.hr.crop(int(pair), int(row * scale), int(col * scale), crop), turn)
    return lr, hr


def _turn(image: U8, turn: I64) -> U8:
    """Return a view: flipped across (``turn[0]``), upside down (1), transposed (2)."""
    across, down, transpose = turn
    image = image[:: -1 if down else 1, :: -1 if across else 1]
    return image.transpose(1, 0, 2) if transpose else image


def _finish(noise: NoiseTiles | None, lr: U8, hr: U8, rng: np.random.Generator) -> Batch:
    """Scale to [0, 1], inject noise into LR if there is a bank, and go over to NCHW."""
    lr_unit, hr_unit = unit_float(lr), unit_float(hr)
    if noise:
        patches = noise.patches
        for image in lr_unit:
            patch = patches.tile(int(rng.integers(patches.shape[0])))
            image[:] = inject(image, patch, rng)
    return Batch(_to_nchw(lr_unit), _to_nchw(hr_unit))


def _to_nchw(images: F32) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(images.transpose(0, 3, 1, 2)))


def _check_crop(pairs: PairTiles, crop: int) -> None:
    tile, scale = pairs.hr.shape[1], pairs.scale
    if scale not in SCALES:
        raise SettingsError(f"the pairs are x{scale}: networks exist for scales {SCALES}")
    if crop > tile:
        raise SettingsError(
            f"crop is {crop}, the store's HR tiles are {tile}: set crop to at most {tile}, "
            f"or run `degrade build-pairs --tile {crop} --overwrite`"
        )
    if crop % scale:
        near = crop - crop % scale
        raise SettingsError(f"crop is {crop}, no multiple of scale {scale}: set it to {near}")


def _check_noise(pairs: PairTiles, noise: NoiseTiles | None, crop: int) -> None:
    if noise is None or not noise.patches.shape[0]:
        raise TrainingError(
            "noise is on and the store has no noise patches: run `degrade mine-noise` first, "
            "or set noise to false"
        )
    if np.any(np.asarray(pairs.noise) >= 0):
        raise SettingsError(
            "noise is on and these pairs have noise baked in already: set noise to false, "
            "or build the pairs without --bake-noise"
        )
    side, needed = noise.patches.shape[1], crop // pairs.scale
    if needed > side:
        raise SettingsError(
            f"LR crops are {needed} pixels, the noise patches {side}: set crop to at most "
            f"{side * pairs.scale}, or run `degrade mine-noise --patch {needed} --overwrite`"
        )
