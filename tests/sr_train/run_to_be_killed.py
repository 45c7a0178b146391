"""A small run; as a script (FOLDER) it stands still after its first checkpoint, to be killed."""

import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from conftest import ArrayPairs, ArrayTiles

from sr_train.data.stored import training_data
from sr_train.methods.esrgan import METHOD
from sr_train.parts.loop import Progress
from sr_train.parts.run import train
from sr_train.settings.esrgan import EsrganSettings

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
    "save_every": 3,
}


def run_to_be_killed(
    folder: Path, resume: bool = False, progress: Callable[[Progress], None] | None = None
) -> Path:
    lr = np.random.default_rng(0).integers(0, 255, (4, 16, 16, 3), dtype=np.uint8)
    hr = lr.repeat(2, 1).repeat(2, 2)
    pairs = ArrayPairs(ArrayTiles(hr), ArrayTiles(lr), np.array(["train"] * 4), 2)
    settings = EsrganSettings.model_validate(SETTINGS)
    return train(
        METHOD,
        training_data(pairs, None, settings),
        settings,
        folder,
        resume=resume,
        progress=progress,
    )


if __name__ == "__main__":
    run_to_be_killed(
        Path(sys.argv[1]), progress=lambda now: time.sleep(120 if now.step == 3 else 0)
    )
