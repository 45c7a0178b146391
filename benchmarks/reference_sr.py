"""What references give: TTSR or SRNTT trained small, with references of falling similarity.

    python -m benchmarks.reference_sr CLEAN_FOLDER [--method ttsr|srntt] [--crops 24]

Every fifth photo is held out. A pair is a textured crop of 64 pixels and its bicubic LR x4; its
reference is another crop of the same photo, shifted, turned and enlarged the more the higher the
level, or unrelated (of another photo), or black. One small network is trained without references;
from there it goes on twice, without references, and with references of all levels in equal shares
and, for the share `unrelated` of the crops, with unrelated ones; black ones it never sees.
Both branches begin as the same network: TTSR's texture heads are first set to zero, SRNTT's texture
transfer starts as the content extractor's picture.
The texture extractor is VGG19 with seeded random weights and frozen, so no figure here is one of
the published methods: they compare references with one another.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.reference_crops import (
    CROP,
    KINDS,
    SCALE,
    SEED,
    Crops,
    Place,
    calibrated_vgg19,
    draw_place,
    hr_of,
    lr_of,
    reference_of,
    stacked,
)
from degrade.arrays import F32, U8
from degrade.images.colour import to_uint8
from degrade.images.decode import read_image
from degrade.images.files import find_files
from degrade.images.resize import bicubic
from degrade.randomness import derive, stream
from sr_train.evaluation.metrics import psnr, score_planes
from sr_train.methods import srntt, ttsr
from sr_train.network_files import load_network, save_weights
from sr_train.networks.vgg19 import VGG19Features
from sr_train.reference.ttsr import TTSR
from sr_train.settings.common import TrainingSettings
from sr_train.settings.srntt import SrnttSettings
from sr_train.settings.ttsr import TtsrSettings
from sr_train.training.training_run import Method, train

HELD_OUT = 5
CALIBRATION = 64
"""Crops on which the random features are scaled."""
BATCH = 4
LEARNING_RATE = 1e-3
UNRELATED = 0.5


@dataclass(frozen=True)
class Way:
    """How a method is trained, without references and with.

    Attributes:
        method: Its stages; `reconstruction` learns with references.
        settings: Its settings.
        fields: Of these, apart from the stage that is trained.
        without: The stage that learns without references.
        start: Steps before the branches.
        steps: Steps of each branch.
    """

    method: Method
    settings: type[TrainingSettings]
    fields: dict[str, Any]
    without: str
    start: int
    steps: int

    def of(self, steps: int, stage: str) -> TrainingSettings:
        """Return settings of one stage alone, its rate falling to nothing."""
        own = {"steps": steps, "learning_rate": LEARNING_RATE, "schedule": "cosine", "warm_up": 20}
        common = {"crop": CROP, "batch": BATCH, "unrelated": UNRELATED, "seed": SEED}
        machine = {"device": "cpu", "threads": 1}
        return self.settings.model_validate(common | machine | self.fields | {stage: own})


NONE = {"steps": 0}
WAYS = {
    "ttsr": Way(
        ttsr.METHOD,
        TtsrSettings,
        {
            "network": {"features": 24, "shallow": 2, "first": 2, "second": 1, "third": 1},
            "extractor_rate": 0.0,
            "all": NONE,
        },
        without="reconstruction",
        start=1000,
        steps=600,
    ),
    "srntt": Way(
        srntt.METHOD,
        SrnttSettings,
        {
            "network": {"features": 24, "content": 4, "blocks": 4},
            "content_loss": "l1",
            "start_from_content": True,
            "truth": False,  # HR's own textures teach to trust all
            "content": NONE,
            "reconstruction": NONE,
            "all": NONE,
        },
        without="content",
        start=2000,
        steps=1200,
    ),
}


def train_both(way: Way, photos: list[U8], folder: Path) -> dict[str, Path]:
    """Return the weights of the network that has gone on without and with references."""
    vgg = features(photos)

    def trained(name: str, data: Crops, count: int, stage: str, init: Path | None) -> Path:
        began = time.monotonic()
        chosen = way.of(count, stage)
        path = train(way.method, data, chosen, folder / name, vgg=vgg, init=init)
        print(f"{name}: {count} steps in {time.monotonic() - began:.0f} s", flush=True)
        return path

    start = trained("start", Crops(photos, BATCH, 0), way.start, way.without, None)
    mute_textures(start)
    plain, mixed = (Crops(photos, BATCH, way.start, share) for share in (None, UNRELATED))
    return {
        "without": trained("without", plain, way.steps, way.without, start),
        "with": trained("with", mixed, way.steps, "reconstruction", start),
    }


def features(photos: list[U8]) -> VGG19Features:
    """Return random VGG19, its features scaled on some crops of the photos."""
    rng = stream(SEED, "calibration")
    crops = [hr_of(photos, draw_place(photos, rng)) for _ in range(CALIBRATION)]
    return calibrated_vgg19(stacked(crops), derive(SEED, "vgg"))


def mute_textures(weights: Path) -> None:
    """Zero the heads that add textures: both branches then begin as the very same network."""
    network = load_network(weights)
    if not isinstance(network, TTSR):
        return
    main = network.MainNet
    for head in (main.conv11_head, main.conv22_head, main.conv33_head):
        for weight in head.parameters():
            nn.init.zeros_(weight)
    save_weights(weights, network)


def score(sr: F32 | U8, hr: U8) -> float:
    """Return PSNR in dB by TTSR's protocol: its Y, no border."""
    return psnr(*(score_planes(image, 0, "ttsr-y") for image in (to_uint8(sr), hr)))


def scores(photos: list[U8], weights: dict[str, Path], crops: int) -> dict[str, F32]:
    """Return PSNR by kind of reference, of the same crops of held-out photos."""
    rng = stream(SEED, "held-out")
    places = [draw_place(photos, rng) for _ in range(crops * len(photos))]
    networks = {name: load_network(path) for name, path in weights.items()}

    @torch.inference_mode()
    def run(name: str, lr: U8, reference: U8 | None) -> F32:
        inputs = [stacked([lr])] + ([] if reference is None else [stacked([reference])[None]])
        sr: Tensor = networks[name](*inputs)
        return sr[0].permute(1, 2, 0).clamp(0, 1).numpy()

    def each(sr: Callable[[Place, U8], F32 | U8]) -> F32:
        hrs = [hr_of(photos, place) for place in places]
        pairs = zip(places, hrs, strict=True)
        return np.array([score(sr(place, lr_of(hr)), hr) for place, hr in pairs], np.float32)

    def with_reference(kind: str) -> F32:
        draws = stream(SEED, "held-out", kind)
        return each(lambda p, lr: run("with", lr, reference_of(photos, p, kind, draws)))

    return {
        "bicubic": each(lambda _, lr: np.clip(bicubic(lr, SCALE), 0, 1)),
        "no reference, network without": each(lambda _, lr: run("without", lr, None)),
        **{kind: with_reference(kind) for kind in KINDS},
    }


def main() -> None:
    """Train, score and print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--method", choices=WAYS, default="ttsr")
    parser.add_argument("--crops", type=int, default=24, help="of each held-out photo")
    given = parser.parse_args()
    torch.set_num_threads(1)
    names = find_files(given.folder).images
    photos = [to_uint8(read_image(given.folder / name)) for name in names]
    kept = [photo for i, photo in enumerate(photos) if i % HELD_OUT]
    with tempfile.TemporaryDirectory() as folder:
        weights = train_both(WAYS[given.method], kept, Path(folder))
        found = scores(photos[::HELD_OUT], weights, given.crops)
    print_table(given.method, found)


def print_table(method: str, found: dict[str, F32]) -> None:
    """Print mean PSNR, and the mean difference to no reference with its standard error."""
    single = found["no reference, network without"]
    print(f"\n{method}: PSNR on TTSR's Y, {len(single)} crops; random VGG19 features, frozen")
    for kind, values in found.items():
        gain = values - single
        error = gain.std(ddof=1) / np.sqrt(len(gain))
        print(f"{kind:<32}{values.mean():7.2f} dB  {gain.mean():+6.2f} +- {error:.2f}")


if __name__ == "__main__":
    main()
