"""What the degradation of the pairs is worth: one network, trained on several kinds of pairs.

    python -m benchmarks.worth ../shared/data/phone_x2 [--target ../shared/data/clean] [--scale 2]
        [--rows bicubic linear camera random second-order truth] [--seeds 0 1 2]
        [--psnr-steps 1500] [--gan-steps 400] [--threads 1] [--precision float32|bfloat16]
        [--lpips] [--fidelity] [--picture FILE.png] [--json]

The folder holds photos in ``source`` and LR/HR pairs of the same camera in ``valid``. Each row is a
kind of pairs, all of the same pictures and tiles: bicubic ones without noise; of the full linear
pipeline (a kernel estimated on each photo, mined noise); by cameras that were found on the photos;
by random cameras; by Real-ESRGAN's random degradations; and, of a simulated phone, by the phone
itself. On each of them the same small RRDBNet is trained with the same settings and seeds, the PSNR
stage and then the GAN stage (``--gan-steps 0`` leaves it out); the weights of both stages are
scored on ``valid``, beside bicubic upsampling; with ``--lpips`` (extra ``stlpips``) by ST-LPIPS,
AlexNet, too. With ``--fidelity`` the table says how far each row's LR is from the photos, and how
well a classifier tells it from them, as `degrade fidelity` does; with the row of found cameras also
what each row is expected to gain on their photos.

HR is the photos after clean-up, or with ``--target`` clean photos alone. The pairs are made with
the first seed and serve all; the deviation, of a sample, is that of training. With the rows bicubic
and truth the table says how much of the PSNR between the two each row gains.
"""

import argparse
import json
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from benchmarks.kinds_of_pairs import SCALE, WAYS, Job, Made
from benchmarks.looks_real import likeness, predicted_gain
from degrade.arrays import U8
from degrade.errors import DegradeError
from degrade.images.colour import to_uint8
from degrade.images.decode import read_image
from degrade.images.resize import bicubic
from degrade.images.windows import crop_to_multiple
from degrade.images.write import write_png
from degrade.pairs import tile_grid
from degrade.pictures import enlarge, row, stacked
from degrade.store.reader import open_store
from pipelines.stages.train import train_method
from sr_train.data.training_data import TrainingData, training_data
from sr_train.evaluation.metric_table import MetricOptions
from sr_train.evaluation.metrics import REALSR
from sr_train.evaluation.scoring import Evaluation, Scorer, evaluate_network, pair_files
from sr_train.inference.upscaling import upscale_image
from sr_train.methods import METHODS
from sr_train.network_files import load_network
from sr_train.settings.esrgan import EsrganSettings
from sr_train.training.training_run import train

MEASURES = ("psnr", "ssim", "sharpness", "lpips")
"""The last only where it is asked for."""
GAIN = "expected gain"
LOSS = {"pixel": 1.0, "perceptual": 0.0, "adversarial": 5e-3}
"""ESRGAN's weight of the discriminator, and 1 of pixels: its 1e-2 is made for a sum with the
perceptual loss, which takes seconds a step without a GPU and is left out. Real-ESRGAN's 0.1, made
for such a sum too, was tried first: it overpowers the pixels and cost 2 to 3 dB."""
SHOWN, SIDE, ABREAST = 96, 240, 4
"""Side of the picture's crops in HR pixels and as shown, and how many there are in a row."""


def settings_of(options: argparse.Namespace, noise: bool, seed: int) -> EsrganSettings:
    """Return the settings of training, equal for all kinds of pairs but for the noise."""
    common = {"milestones": [], "schedule": "cosine"}
    fields = {
        "network": {"blocks": 3, "features": 32, "growth": 16},
        "crop": 48,
        "batch": 16,
        "noise": noise,
        "seed": seed,
        "device": "cpu",
        "threads": options.threads,
        "precision": options.precision,
        "psnr": {**common, "steps": options.psnr_steps, "learning_rate": 2e-3},
        "gan": {**common, "steps": options.gan_steps, "learning_rate": 1e-4},
        "loss": LOSS,
        "discriminator": "patch",
    }
    return EsrganSettings.model_validate(fields)


def score(weights: Path, valid: Path, lpips: bool) -> Evaluation:
    """Score a network on the pairs of the camera."""
    network = load_network(weights, "cpu")
    more = MetricOptions(lpips="st-alex").open() if lpips else ()
    judge = Scorer(REALSR, REALSR.border(network.scale), more)
    return evaluate_network(network, valid / "lr", valid / "hr", judge)


def learn(job: Job, made: Made, settings: EsrganSettings, run: Path) -> None:
    """Train on what a row has made."""
    if made.kind == "clean":
        train(METHODS["esrgan"], clean_pairs(job, settings), settings, run)
    else:
        folders = job.folders if made.kind == "folders" else None
        train_method(job.store, "esrgan", settings, run, scale=job.scale, folders=folders)


def clean_pairs(job: Job, settings: EsrganSettings) -> TrainingData:
    """Return the pairs of clean photos in a store that has those of the others, too."""
    store = open_store(job.store)
    pairs = store.pairs(job.scale)
    split = np.where(np.asarray(pairs.domain) == "target", pairs.split, "left out")
    noise = store.noise() if settings.noise else None
    return training_data(replace(pairs, split=split), noise, settings)


def stages_of(options: argparse.Namespace) -> dict[str, str]:
    """Return the names of the trained stages, and of the files with their weights."""
    if options.gan_steps and options.psnr_steps:
        return {"PSNR stage": "weights_psnr.safetensors", "GAN stage": "weights.safetensors"}
    return {"GAN stage" if options.gan_steps else "PSNR stage": "weights.safetensors"}


def measure(options: argparse.Namespace, scratch: Path) -> dict[str, Any]:
    """Return the scores of every row, and by which settings and protocol they came about."""
    found: dict[str, Any] = {"rows": {}, "seconds": {}, "notes": {}, "refused": {}, "likeness": {}}
    done: dict[str, tuple[Job, Made]] = {}
    for key in options.rows:
        way, job = WAYS[key], job_of(key, options, scratch)
        began = time.perf_counter()
        try:
            made = way.make(job)
        except DegradeError as error:
            found["refused"][way.label] = str(error)
            continue
        built = time.perf_counter()
        done[key] = job, made
        if options.fidelity:
            found["likeness"][way.label] = likeness(job, made)
        each = [trained(job, made, options, seed, found) for seed in options.seeds]
        for stage in stages_of(options):
            scores = summed_up([one[stage] for one in each])
            found["rows"][f"{way.label}, {stage}"] = scores
            print(f"{way.label}, {stage}: {scores['psnr']:.2f} dB", file=sys.stderr, flush=True)
        seconds = {"pairs": built - began, "training": time.perf_counter() - built}
        found["seconds"][way.label] = seconds
        found["notes"] |= {way.label: made.note} if made.note else {}
    if options.fidelity and "camera" in done:
        for key, row in done.items():
            gain = predicted_gain(*row, done["camera"][0])
            found["likeness"][WAYS[key].label][GAIN] = gain
    for stage in stages_of(options):
        add_shares(found["rows"], stage)
    training = settings_of(options, True, options.seeds[0]).model_dump(mode="json")
    return {**found, "training": training, "seeds": options.seeds, "scale": options.scale}


def job_of(key: str, options: argparse.Namespace, scratch: Path) -> Job:
    """Return the job of a row."""
    return Job(options.data, options.target, options.scale, options.seeds[0], scratch / key)


def trained(
    job: Job, made: Made, options: argparse.Namespace, seed: int, found: dict[str, Any]
) -> dict[str, dict[str, float]]:
    """Train with a seed and return the scores by stage; note bicubic's and the protocol."""
    run, result = job.folder / f"run{seed}", {}
    learn(job, made, settings_of(options, made.noise, seed), run)
    for stage, weights in stages_of(options).items():
        scores = score(run / weights, options.data / "valid", options.lpips).as_dict()
        found["rows"].setdefault("bicubic upsampling", summed_up([scores["bicubic_mean"]]))
        found["protocol"] = scores["protocol"]
        result[stage] = scores["mean"]
    return result


def summed_up(each: list[dict[str, float]]) -> dict[str, Any]:
    """Return the mean of each measure over the seeds, the deviation, and all of them."""
    columns = {name: [scores[name] for scores in each] for name in MEASURES if name in each[0]}
    means = {name: float(np.mean(column)) for name, column in columns.items()}
    freedom = min(1, len(each) - 1)
    spread = {name: float(np.std(column, ddof=freedom)) for name, column in columns.items()}
    return {**means, "deviation": spread, "seeds": columns}


def add_shares(rows: dict[str, Any], stage: str) -> None:
    """Add to each row of a stage how much of the way from bicubic pairs to the truth it goes."""
    low, high = (rows.get(f"{WAYS[key].label}, {stage}") for key in ("bicubic", "truth"))
    if low is None or high is None:
        return
    for name, scores in rows.items():
        if name.endswith(stage):
            scores["closed"] = {
                measure: (scores[measure] - low[measure]) / (high[measure] - low[measure])
                for measure in ("psnr", "ssim")
            }


def picture(options: argparse.Namespace, scratch: Path) -> U8:
    """Return the busiest crop of the first held-out photo: LR, as each row restores it, and HR."""
    folders = (options.data / "valid" / "lr", options.data / "valid" / "hr")
    name, paths = next(iter(pair_files(*folders).items()))
    lr, hr = (to_uint8(read_image(path)) for path in paths)
    shown = {"LR": enlarge(lr, max(hr.shape)), "bicubic": to_uint8(bicubic(lr, options.scale))}
    for key in options.rows:
        weights = scratch / key / f"run{options.seeds[0]}" / "weights.safetensors"
        if weights.exists():
            shown[WAYS[key].label] = upscale_image(load_network(weights, "cpu"), lr)
    shown["HR"] = hr
    top, left = busiest(crop_to_multiple(hr, options.scale))
    crops = {label: each[top : top + SHOWN, left : left + SHOWN] for label, each in shown.items()}
    tiles = [(label, enlarge(crop, SIDE)) for label, crop in crops.items()]
    width = ABREAST * (SIDE + 8) + 8
    parts = [tiles[first : first + ABREAST] for first in range(0, len(tiles), ABREAST)]
    return stacked([row("" if n else name, part, width) for n, part in enumerate(parts)])


def busiest(hr: U8) -> tuple[int, int]:
    """Return the corner of the tile with the strongest detail."""

    def detail(corner: tuple[int, int]) -> float:
        top, left = corner
        tile = hr[top : top + SHOWN, left : left + SHOWN]
        return float(cv2.Laplacian(tile, cv2.CV_32F).var())

    return max(tile_grid(hr.shape[0], hr.shape[1], SHOWN), key=detail)


def show(found: dict[str, Any]) -> None:
    """Print the table."""
    training = found["training"]
    sizes = ", ".join(f"{value} {name}" for name, value in training["network"].items())
    seeds = ", ".join(map(str, found["seeds"]))
    print(
        f"RRDBNet x{found['scale']} ({sizes}), crop {training['crop']}, batch {training['batch']}; "
        f"{training['psnr']['steps']} + {training['gan']['steps']} steps, "
        f"{training['precision']}, seeds {seeds}"
    )
    if training["gan"]["steps"]:
        weights = ", ".join(f"{name} {value:g}" for name, value in training["loss"].items())
        print(f"GAN stage: patch discriminator, {weights}")
    lpips = f"{'ST-LPIPS':>10}{'+-':>8}" if "lpips" in found["rows"]["bicubic upsampling"] else ""
    columns = f"{'PSNR':>8}{'+-':>6}{'SSIM':>9}{'+-':>8}{'sharpness':>11}{'+-':>7}{lpips}"
    print(f"\n{'':30}{columns}  of the gap")
    for name, scores in found["rows"].items():
        print(f"{name:30}{_line(scores)}")
    print(f"\nprotocol: {found.get('protocol')}")
    for name, took in found["seconds"].items():
        note = found["notes"].get(name, "")
        times = f"pairs in {took['pairs']:.0f} s, trained in {took['training']:.0f} s"
        print(f"{name}: {times}{note and '; '}{note}")
    for name, like in found["likeness"].items():
        auc = f"{like['mean']:.3f} +- {like['deviation']:.3f}"
        gain = f"; expected to gain {like[GAIN]:+.2f} dB" if GAIN in like else ""
        print(
            f"{name}: {like['distance']:.2f} from the photos, told from them with AUC {auc}{gain}"
        )
    for name, reason in found["refused"].items():
        print(f"{name}: left out, {reason}")


def _line(scores: dict[str, Any]) -> str:
    spread = scores["deviation"]
    share = f"{scores['closed']['psnr']:11.0%}" if "closed" in scores else ""
    lpips = f"{scores['lpips']:10.4f}{spread['lpips']:8.4f}" if "lpips" in scores else ""
    return (
        f"{scores['psnr']:8.2f}{spread['psnr']:6.2f}{scores['ssim']:9.4f}{spread['ssim']:8.4f}"
        f"{scores['sharpness']:11.3f}{spread['sharpness']:7.3f}"
        f"{lpips}{share}"
    )


def parse() -> argparse.Namespace:
    """Return the command line's options."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="folder with source, valid/lr and valid/hr")
    parser.add_argument("--target", type=Path, help="folder of clean photos, which are HR then")
    parser.add_argument("--scale", type=int, default=SCALE, choices=(2, 3, 4))
    parser.add_argument("--rows", nargs="+", choices=WAYS, default=["bicubic", "linear"])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    for name, value in {"psnr-steps": 1500, "gan-steps": 400, "threads": 1}.items():
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--precision", choices=("float32", "bfloat16"), default="float32")
    parser.add_argument("--lpips", action="store_true", help="score by ST-LPIPS, too")
    parser.add_argument(
        "--fidelity", action="store_true", help="compare each row's LR with the photos"
    )
    parser.add_argument("--picture", type=Path, help="gets crops of a held-out photo")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a table")
    return parser.parse_args()


def main() -> None:
    """Build, train, score and print."""
    options = parse()
    cv2.setNumThreads(options.threads)
    torch.set_num_threads(options.threads)
    with tempfile.TemporaryDirectory() as folder:
        found = measure(options, Path(folder))
        if options.picture:
            write_png(options.picture, picture(options, Path(folder)))
    if options.json:
        print(json.dumps(found, indent=2))
    else:
        show(found)


if __name__ == "__main__":
    main()
