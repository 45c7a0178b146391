"""Training from RealSR's published DF2K network beside training from scratch, on a camera's pairs.

    python -m benchmarks.published_start ../shared/data/phone_x4 --target ../shared/data/clean
        [--steps 300] [--crop 48] [--batch 2] [--learning-rate 1e-4] [--side 64] [--json]

The folder holds photos in ``source`` and LR/HR pairs of the same camera in ``valid``. Pairs are
made of the clean photos (``--target``), by kernels that are estimated on the camera's photos and
with noise that is mined in them. Both trainings are of the same RRDBNet (64 features, 23 blocks,
growth 32) by L1 alone, with the same settings, seed and crops, in float32 on one core; the last
weights are scored, beside bicubic upsampling and the published network as it is, on the middle of
each held-out LR photo, ``--side`` pixels square. Needs the extra ``published``.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path

import cv2
import torch

from benchmarks.kinds_of_pairs import WAYS, Job
from benchmarks.worth import clean_pairs
from degrade.arrays import U8
from degrade.images.colour import to_uint8
from degrade.images.decode import read_image
from degrade.images.resize import bicubic
from sr_train.evaluation.metrics import REALSR
from sr_train.evaluation.scoring import Scorer, Scores, mean_scores, pair_files
from sr_train.inference.upscaling import upscale_image
from sr_train.methods import METHODS
from sr_train.network_files import load_network
from sr_train.networks.generator import Generator
from sr_train.settings.psnr import PsnrSettings
from sr_train.training.training_run import train

SCALE, PUBLISHED = 4, Path("realsr-df2k")


def settings_of(options: argparse.Namespace) -> PsnrSettings:
    """Return the settings of both trainings."""
    fields = {
        "crop": options.crop,
        "batch": options.batch,
        "ema": 0,
        "device": "cpu",
        "threads": 1,
        "save_every": options.steps,
        "validate_every": options.steps,
        "psnr": {
            "steps": options.steps,
            "learning_rate": options.learning_rate,
            "milestones": [],
            "schedule": "cosine",
        },
    }
    return PsnrSettings.model_validate(fields)


def held_out(folder: Path, side: int) -> list[tuple[U8, U8]]:
    """Return the middle of each LR photo, ``side`` pixels square, and its HR."""
    found = []
    for lr_path, hr_path in pair_files(folder / "lr", folder / "hr", SCALE).values():
        lr, hr = (to_uint8(read_image(path)) for path in (lr_path, hr_path))
        top, left = ((length - side) // 2 for length in lr.shape[:2])
        rows, cols = (slice(SCALE * at, SCALE * (at + side)) for at in (top, left))
        found.append((lr[top : top + side, left : left + side], hr[rows, cols]))
    return found


def measure(options: argparse.Namespace, scratch: Path) -> tuple[dict[str, Scores], float]:
    """Return the mean scores by row, and the seconds of a step."""
    job = Job(options.data, options.target, SCALE, 0, scratch / "pairs")
    WAYS["linear"].make(job)
    settings, pictures = settings_of(options), held_out(options.data / "valid", options.side)
    judge = Scorer(REALSR, REALSR.border(SCALE))

    def score(network: Generator) -> Scores:
        return mean_scores(judge.score(upscale_image(network, lr), hr) for lr, hr in pictures)

    rows = {
        "bicubic upsampling": mean_scores(
            judge.score(to_uint8(bicubic(lr, SCALE)), hr) for lr, hr in pictures
        ),
        "realsr-df2k as published": score(load_network(PUBLISHED)),
    }
    began = time.process_time()
    data = clean_pairs(job, settings)
    for label, init in (("from realsr-df2k", PUBLISHED), ("from scratch", None)):
        weights = train(METHODS["psnr"], data, settings, scratch / label, init=init)
        rows[f"{options.steps} steps {label}"] = score(load_network(weights))
    return rows, (time.process_time() - began) / (2 * options.steps)


def main() -> None:
    """Build, train, score and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="folder with source, valid/lr and valid/hr")
    parser.add_argument("--target", type=Path, required=True, help="folder of clean photos")
    for name, value in {"steps": 300, "crop": 48, "batch": 2, "side": 64}.items():
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--learning-rate", type=float, default=1e-4)
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a table")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        rows, seconds = measure(options, Path(folder))
    found = {label: scores.by_name() for label, scores in rows.items()}
    if options.json:
        print(json.dumps({"rows": found, "cpu_seconds_a_step": seconds}, indent=2))
        return
    for label, scores in found.items():
        print(f"{label:34}" + "".join(f"{name} {value:8.4f}  " for name, value in scores.items()))
    print(f"{seconds:.2f} s of CPU a step, scoring included")


if __name__ == "__main__":
    main()
