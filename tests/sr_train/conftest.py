"""Pairs and noise in memory, and settings that train in milliseconds."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from sr_train import settings
from sr_train.data.training_data import training_data
from sr_train.methods import METHODS, esrgan
from sr_train.networks.vgg19 import random_vgg19
from sr_train.reference import texture_discriminator
from sr_train.settings.common import TrainingSettings
from sr_train.settings.esrgan import EsrganSettings
from sr_train.training import training_run
from tests.sr_train.arrays import ArrayNoise, ArrayPairs, ArrayReferences, ArrayTiles
from tests.sr_train.small_runs import NarrowCritic


@pytest.fixture(autouse=True)
def _one_thread():
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
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


@pytest.fixture(scope="session")
def data(make_pairs, make_noise) -> tuple[ArrayPairs, ArrayNoise]:
    """Pairs and noise; tests must not write into them."""
    return make_pairs(), make_noise()


@pytest.fixture(scope="module")
def narrow_critic() -> Iterator[None]:
    """Let ESRGAN, SRNTT and TTSR train against critics with an eighth of the channels."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(esrgan, "PatchDiscriminator", NarrowCritic)
        patch.setattr(texture_discriminator, "CHANNELS", (4, 8, 16, 32, 64))
        patch.setattr(texture_discriminator, "HIDDEN", 128)
        yield


@pytest.fixture
def train(make_pairs) -> Callable[..., Path]:
    """Train a method with references, which are the pairs' own HR, and VGG19 of random weights."""

    def call(chosen: TrainingSettings, folder: Path, **options) -> Path:
        (name,) = (name for name, model in settings.METHODS.items() if type(chosen) is model)
        pairs = make_pairs(4, tile=chosen.crop, count=3)
        data = training_data(pairs, None, chosen, references=ArrayReferences(pairs.hr))
        given = {"vgg": random_vgg19(chosen.vgg_layers, 0)} | options
        return training_run.train(METHODS[name], data, chosen, folder, **given)

    return call


@pytest.fixture(scope="session")
def make_noise() -> Callable[..., ArrayNoise]:
    def make(size: int = 32, count: int = 3) -> ArrayNoise:
        rng = np.random.default_rng(1)
        level = np.array([60, 120, 200])
        patches = rng.normal(level, 4, (count, size, size, 3)).round().astype(np.uint8)
        return ArrayNoise(ArrayTiles(patches))

    return make


@pytest.fixture(scope="session")
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
