"""A short run whose batches several processes share, as torchrun starts them; a script: FOLDER."""

import sys
from pathlib import Path

import numpy as np
import torch

from sr_train.compute.parallel import joined
from sr_train.data.training_data import training_data
from sr_train.methods import METHODS
from sr_train.settings.esrgan import EsrganSettings
from sr_train.training.training_run import train
from tests.sr_train.arrays import ArrayPairs, ArrayTiles
from tests.sr_train.small_runs import RATES

SETTINGS = {
    "network": {"features": 4, "blocks": 1, "growth": 2},
    "crop": 32,
    "batch": 4,
    "noise": False,
    "loss": {"perceptual": 0, "pixel": 1.0, "adversarial": 1.0},
    "device": "cpu",
    "threads": 1,
    "clip": 0.5,
    "log_every": 1,
}


def one_step(folder: Path, stage: str) -> Path:
    """Train one step of a stage on four crops, or on this process's share of them."""
    lr = np.random.default_rng(0).integers(0, 255, (4, 24, 24, 3), dtype=np.uint8)
    hr = lr.repeat(2, 1).repeat(2, 2)
    pairs = ArrayPairs(ArrayTiles(hr), ArrayTiles(lr), np.array(["train"] * 4), 2)
    settings = EsrganSettings.model_validate(
        SETTINGS | {name: {"steps": int(name == stage), **RATES} for name in ("psnr", "gan")}
    )
    data = training_data(pairs, None, settings)
    return train(METHODS["esrgan"], data, settings, folder)


if __name__ == "__main__":
    with joined(torch.device("cpu")):
        for name in ("psnr", "gan"):
            one_step(Path(sys.argv[1]) / name, name)
