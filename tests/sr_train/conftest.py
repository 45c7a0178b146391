"""Small stand-ins for a store's pairs and noise, and settings that train in milliseconds."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
import torch

from degrade.arrays import U8
from sr_train import settings
from sr_train.data.stored import training_data
from sr_train.methods import METHODS
from sr_train.networks.vgg19 import random_vgg19
from sr_train.parts import run
from sr_train.settings.common import TrainingSettings
from sr_train.settings.esrgan import EsrganSettings


@dataclass(frozen=True)
class ArrayTiles:
    """Tiles in memory with the reader's interface."""

    array: U8

    @property
    def shape(self) -> tuple[int, ...]:
        return self.array.shape

    def __len__(self) -> int:
        return len(self.array)

    def tile(self, index: int) -> U8:
        return self.array[index]

    def crop(self, index: int, row: int, col: int, size: int) -> U8:
        crop = self.array[index, row : row + size, col : col + size]
        assert crop.shape == (size, size, 3), "crop leaves its tile"
        return crop


@dataclass(frozen=True)
class ArrayPairs:
    hr: ArrayTiles
    lr: ArrayTiles
    split: np.ndarray
    scale: int
    noise: np.ndarray = field(default_factory=lambda: np.array([-1]))
    content: str = "pairs"


@dataclass(frozen=True)
class ArrayNoise:
    patches: ArrayTiles
    content: str = "noise"


@dataclass(frozen=True)
class ArrayReferences:
    hr: ArrayTiles
    count: int = 1
    content: str = "references"


@pytest.fixture(autouse=True)
def _one_thread():
    torch.set_num_threads(1)


@pytest.fixture
def make_pairs() -> Callable[..., ArrayPairs]:
    """Random HR tiles; LR is the mean over each scale x scale block, so that any crop, flip or
    transposition of a pair keeps that relation."""

    def make(scale: int = 2, tile: int = 48, count: int = 6, valid: int = 1) -> ArrayPairs:
        rng = np.random.default_rng(0)
        small = tile // scale
        lr = rng.integers(40, 216, (count, small, small, 3), dtype=np.uint8)
        hr = lr.repeat(scale, 1).repeat(scale, 2)
        split = np.array(["train"] * (count - valid) + ["valid"] * valid)
        return ArrayPairs(ArrayTiles(hr), ArrayTiles(lr), split, scale)

    return make


@pytest.fixture
def train(make_pairs) -> Callable[..., Path]:
    """Train a method with references, which are the pairs' own HR, and VGG19 of random weights."""

    def call(chosen: TrainingSettings, folder: Path, **options) -> Path:
        (name,) = (name for name, model in settings.METHODS.items() if type(chosen) is model)
        pairs = make_pairs(4, tile=chosen.crop, count=3)
        data = training_data(pairs, None, chosen, references=ArrayReferences(pairs.hr))
        given = {"vgg": random_vgg19(chosen.vgg_layers, 0)} | options
        return run.train(METHODS[name], data, chosen, folder, **given)

    return call


@pytest.fixture
def make_noise() -> Callable[..., ArrayNoise]:
    def make(size: int = 32, count: int = 3) -> ArrayNoise:
        rng = np.random.default_rng(1)
        level = np.array([60, 120, 200])
        patches = rng.normal(level, 4, (count, size, size, 3)).round().astype(np.uint8)
        return ArrayNoise(ArrayTiles(patches))

    return make


@pytest.fixture
def make_settings() -> Callable[..., EsrganSettings]:
    """Settings of a tiny network and short stages; keywords replace fields, also nested dicts."""

    def make(psnr: int | dict = 3, gan: int | dict = 2, **fields) -> EsrganSettings:
        rates = {"learning_rate": 1e-3, "betas": [0.9, 0.99], "milestones": [2]}
        base = {
            "network": {"features": 8, "blocks": 1, "growth": 4},
            "crop": 24,
            "batch": 2,
            "psnr": rates | _stage(psnr),
            "gan": rates | _stage(gan),
            "loss": {"perceptual": 0.0},
            "device": "cpu",
            "threads": 1,
            "log_every": 1,
            "save_every": 2,
            "validate_every": 4,
            "validation_tiles": 2,
        }
        return EsrganSettings.model_validate(base | fields)

    return make


def _stage(given: int | dict) -> dict:
    return given if isinstance(given, dict) else {"steps": given}
