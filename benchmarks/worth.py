"""What the estimated degradation is worth: one network, trained on two kinds of pairs.

    python -m benchmarks.worth ../shared/data/phone_x2 [--seed 0] [--psnr-steps 1500]
        [--gan-steps 400] [--threads 1] [--json]

The folder holds photos in ``source`` and LR/HR pairs of the same camera in ``valid``. A store of
bicubic pairs without noise and one of the full pipeline (a kernel estimated on each photo, mined
noise) are built from the same photos, tiles and clean-up. On each of them the same small RRDBNet is
trained with the same settings and seed, the PSNR stage and then the GAN stage; the weights of both
stages are scored on ``valid``, beside bicubic upsampling.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any, Literal

import cv2
import torch

from degrade.kernels.settings import SpectralSettings
from degrade.noise.mining import NoiseSettings
from degrade.pairs import PairSettings
from pipelines.cluster import connect
from pipelines.stages.build_pairs import build_pairs
from pipelines.stages.estimate_kernels import estimate_kernels
from pipelines.stages.mine_noise import mine_noise
from pipelines.stages.scan import use_sources
from pipelines.stages.train import train_method
from sr_train.evaluate import Evaluation, evaluate_network
from sr_train.settings.esrgan import EsrganSettings
from sr_train.weights import load_network

SCALE, TILE = 2, 96
NOISE_PATCH = 32
"""The photos of 512x384 pixels have no smooth windows of the usual 256; LR crops have 24."""
Kind = Literal["bicubic", "estimated"]
KINDS: dict[str, Kind] = {"bicubic pairs": "bicubic", "full pipeline": "estimated"}
STAGES = {"PSNR stage": "weights_psnr.safetensors", "GAN stage": "weights.safetensors"}
LOSS = {"pixel": 1.0, "perceptual": 0.0, "adversarial": 5e-3}
"""ESRGAN's weight of the discriminator, and 1 of pixels: its 1e-2 is made for a sum with the
perceptual loss, which is left out here because it needs VGG19's weights. Real-ESRGAN's 0.1, made
for such a sum too, was tried first: it overpowers the pixels and cost 2 to 3 dB."""


def settings_of(options: argparse.Namespace, noise: bool) -> EsrganSettings:
    """Return the settings of training, equal for both kinds of pairs but for the noise."""
    common = {"milestones": [], "schedule": "cosine"}
    fields = {
        "network": {"blocks": 3, "features": 32, "growth": 16},
        "crop": 48,
        "batch": 16,
        "noise": noise,
        "seed": options.seed,
        "device": "cpu",
        "threads": options.threads,
        "psnr": {**common, "steps": options.psnr_steps, "learning_rate": 2e-3},
        "gan": {**common, "steps": options.gan_steps, "learning_rate": 1e-4},
        "loss": LOSS,
        "discriminator": "patch",
    }
    return EsrganSettings.model_validate(fields)


def build_store(
    location: str, photos: Path, kernels: Kind, seed: int, target: Path | None = None
) -> None:
    """Run the stages that the kind of pairs needs, in this process.

    With clean photos (``target``) there are pairs of them beside those of the cleaned-up photos.
    """
    pairs = PairSettings(scale=SCALE, tile=TILE, kernels=kernels, seed=seed)
    with connect(0) as client:
        use_sources(location, client, photos, target)
        if kernels == "estimated":
            estimate_kernels(location, client, SpectralSettings(scale=SCALE))
            mine_noise(location, client, NoiseSettings(patch=NOISE_PATCH))
        build_pairs(location, client, pairs)


def score(weights: Path, valid: Path) -> Evaluation:
    """Score a network on the pairs of the camera."""
    return evaluate_network(load_network(weights, "cpu"), valid / "lr", valid / "hr")


def measure(data: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Return the mean scores of every row, and by which settings and protocol they came about."""
    rows, seconds = {}, {}
    with tempfile.TemporaryDirectory() as folder:
        for name, kernels in KINDS.items():
            store, run = str(Path(folder, f"{kernels}.zarr")), Path(folder, kernels)
            began = time.perf_counter()
            build_store(store, data / "source", kernels, options.seed)
            built = time.perf_counter()
            settings = settings_of(options, noise=kernels == "estimated")
            train_method(store, "esrgan", settings, run, scale=SCALE)
            seconds[name] = {"pairs": built - began, "training": time.perf_counter() - built}
            for stage, weights in STAGES.items():
                scores = score(run / weights, data / "valid").as_dict()
                rows["bicubic upsampling"] = scores["bicubic_mean"]
                rows[f"{name}, {stage}"] = scores["mean"]
    facts = {"training": settings.model_dump(mode="json"), "protocol": scores["protocol"]}
    return {"rows": rows, "seconds": seconds, **facts}


def show(found: dict[str, Any]) -> None:
    """Print the table."""
    training = found["training"]
    sizes = ", ".join(f"{value} {name}" for name, value in training["network"].items())
    print(
        f"RRDBNet x{SCALE} ({sizes}), crop {training['crop']}, batch {training['batch']}; "
        f"{training['psnr']['steps']} + {training['gan']['steps']} steps, seed {training['seed']}"
    )
    weights = ", ".join(f"{name} {value:g}" for name, value in training["loss"].items())
    print(f"GAN stage: patch discriminator, {weights}; no perceptual loss: no VGG19 weights\n")
    print(f"{'':28}{'PSNR':>8}{'SSIM':>9}{'sharpness':>11}")
    for name, row in found["rows"].items():
        print(f"{name:28}{row['psnr']:8.2f}{row['ssim']:9.4f}{row['sharpness']:11.3f}")
    print(f"\nprotocol: {found['protocol']}")
    for name, took in found["seconds"].items():
        print(f"{name}: pairs in {took['pairs']:.0f} s, trained in {took['training']:.0f} s")


def main() -> None:
    """Build, train, score and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="folder with source, valid/lr and valid/hr")
    for name, value in {"seed": 0, "psnr-steps": 1500, "gan-steps": 400, "threads": 1}.items():
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a table")
    options = parser.parse_args()
    cv2.setNumThreads(options.threads)
    torch.set_num_threads(options.threads)
    found = measure(options.data, options)
    if options.json:
        print(json.dumps(found, indent=2))
    else:
        show(found)


if __name__ == "__main__":
    main()
