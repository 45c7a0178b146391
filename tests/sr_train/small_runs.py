"""Short runs of ESRGAN on small stand-ins, which can be stopped, against a narrow critic."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from sr_train.data.training_data import training_data
from sr_train.methods import esrgan
from sr_train.networks.patchgan import PatchDiscriminator
from sr_train.settings.esrgan import EsrganSettings
from sr_train.training import training_run
from sr_train.training.loop import Progress
from tests.sr_train.arrays import ArrayPairs, ArrayTiles


def train(pairs: Any, noise: Any, settings: EsrganSettings, folder: Path, **options: Any) -> Path:
    data = training_data(pairs, noise, settings)
    return training_run.train(esrgan.METHOD, data, settings, folder, **options)


class Stopped(Exception):
    pass


def stop_at(step: int) -> Callable[[Progress], None]:
    def progress(now: Progress) -> None:
        if now.step == step:
            raise Stopped

    return progress


class NarrowCritic(PatchDiscriminator):
    """The patch discriminator with an eighth of its channels: stepping and saving takes less."""

    def __init__(self) -> None:
        nn.Module.__init__(self)
        self.arguments = {}
        layers: list[nn.Module] = [nn.Conv2d(3, 8, 4, 2, 1), nn.LeakyReLU(0.2, inplace=True)]
        for inputs, outputs, stride in ((8, 16, 2), (16, 32, 2), (32, 64, 1)):
            layers += [
                nn.Conv2d(inputs, outputs, 4, stride, 1, bias=False),
                nn.BatchNorm2d(outputs),
                nn.LeakyReLU(0.2, inplace=True),
            ]
        self.model = nn.Sequential(*layers, nn.Conv2d(64, 1, 4, 1, 1))


RATES = {"learning_rate": 1e-3, "betas": [0.9, 0.99], "milestones": [2]}
SETTINGS = {
    "network": {"features": 4, "blocks": 1, "growth": 2},
    "crop": 24,
    "batch": 2,
    "noise": False,
    "psnr": {"steps": 2, **RATES},
    "gan": {"steps": 3, **RATES},
    "loss": {"perceptual": 0},
    "device": "cpu",
    "threads": 1,
    "save_every": 1,
}


def run_to_be_killed(
    folder: Path, resume: bool = False, progress: Callable[[Progress], None] | None = None
) -> Path:
    lr = np.random.default_rng(0).integers(0, 255, (4, 16, 16, 3), dtype=np.uint8)
    hr = lr.repeat(2, 1).repeat(2, 2)
    pairs = ArrayPairs(ArrayTiles(hr), ArrayTiles(lr), np.array(["train"] * 4), 2)
    settings = EsrganSettings.model_validate(SETTINGS)
    return train(pairs, None, settings, folder, resume=resume, progress=progress)
