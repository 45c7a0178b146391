"""What references give: TTSR trained small, with references of falling similarity and with none.

    python -m benchmarks.reference_sr CLEAN_FOLDER [--steps 2000] [--crops 12]

Every fifth photo is held out. A pair is a textured crop of 64 pixels and its bicubic LR x4; its
reference is another crop of the same photo, shifted, turned and enlarged the more the higher the
level, or unrelated (of another photo), or black. One small network is trained without references
for half of the steps; from there it goes on twice, without references and with a mix of all kinds,
its texture heads first set to zero, so that both begin as the same network.
The texture extractor is VGG19 with seeded random weights and frozen, so no figure here is one of
the published method: they compare references with one another.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from degrade.arrays import F32, U8
from degrade.degradation import degrade
from degrade.images.colour import luma, to_uint8
from degrade.images.decode import read_image
from degrade.images.files import find_files
from degrade.images.resize import bicubic
from degrade.randomness import derive, stream
from sr_train.data.crops import unit_batch
from sr_train.methods import ttsr
from sr_train.metrics import psnr, score_planes
from sr_train.networks.ttsr import TTSR
from sr_train.networks.vgg19 import random_vgg19
from sr_train.parts.batch import Batch
from sr_train.parts.run import train
from sr_train.settings.ttsr import TtsrSettings
from sr_train.weights import load_network, save_weights

SCALE, CROP, BATCH, HELD_OUT = 4, 64, 4, 5
CANDIDATES = 4
"""Places that are looked at for each crop; the one with most contrast is taken."""
LEARNING_RATE = 1e-3
SEED = 0
CPU = torch.device("cpu")


@dataclass(frozen=True)
class Level:
    """How a reference differs from the crop that it is made for, at most."""

    shift: int
    step: int
    degrees: float
    zoom: float


LEVELS = {
    "level 1": Level(8, 4, 0, 1),
    "level 2": Level(16, 1, 0, 1),
    "level 3": Level(24, 1, 10, 1.1),
    "level 4": Level(40, 1, 45, 1.5),
}
KINDS = (*LEVELS, "unrelated", "black")


@dataclass(frozen=True)
class Place:
    """A crop's photo and its top left corner."""

    photo: int
    row: int
    col: int


def draw_place(photos: list[U8], rng: np.random.Generator) -> Place:
    """Return the place with most contrast among some random ones of one photo."""
    photo = int(rng.integers(len(photos)))
    limits = [side - CROP + 1 for side in photos[photo].shape[:2]]
    places = [Place(photo, *(int(v) for v in rng.integers(limits))) for _ in range(CANDIDATES)]
    return max(places, key=lambda place: float(luma(hr_of(photos, place)).std()))


def hr_of(photos: list[U8], place: Place) -> U8:
    """Return the crop [CROP, CROP, 3] at a place."""
    rows, cols = slice(place.row, place.row + CROP), slice(place.col, place.col + CROP)
    return photos[place.photo][rows, cols]


def lr_of(hr: U8) -> U8:
    """Return bicubic LR in 8 bits."""
    return to_uint8(degrade(hr, None, SCALE))


def reference_of(photos: list[U8], place: Place, kind: str, rng: np.random.Generator) -> U8:
    """Return a reference [CROP, CROP, 3] of a kind for the crop at a place."""
    if kind == "black":
        return np.zeros((CROP, CROP, 3), np.uint8)
    if kind == "unrelated":
        others = [photo for i, photo in enumerate(photos) if i != place.photo]
        return hr_of(others, draw_place(others, rng))
    level = LEVELS[kind]
    shift = rng.integers(-level.shift // level.step, level.shift // level.step + 1, 2) * level.step
    angle = np.deg2rad(rng.uniform(-level.degrees, level.degrees))
    zoom = level.zoom ** rng.uniform(-1, 1)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) / zoom
    middle = np.array([place.col, place.row]) + (CROP - 1) / 2 + shift[::-1]
    offset = middle - turn @ np.full(2, (CROP - 1) / 2)
    warped = cv2.warpAffine(
        photos[place.photo],
        np.column_stack([turn, offset]),
        (CROP, CROP),
        flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REFLECT_101,
    )
    return np.asarray(warped, np.uint8)


def stacked(images: list[U8]) -> Tensor:
    """Return pictures as [B, 3, h, w] in [0, 1]."""
    return unit_batch(np.stack(images), CPU)


@dataclass(frozen=True)
class Crops:
    """Training batches, with references of all kinds in equal shares or with none."""

    photos: list[U8]
    references: bool
    first: int
    """Number of the first step: both branches go on with the same crops."""
    scale: int = SCALE
    content: str = "reference-sr"

    def batch(self, step: int, share: slice, device: torch.device) -> Batch:
        """Return the crops of a step; they do not depend on whether there are references."""
        rng = stream(SEED, "crops", self.first + step)
        places = [draw_place(self.photos, rng) for _ in range(BATCH)]
        hr = [hr_of(self.photos, place) for place in places]
        lr = [lr_of(image) for image in hr]
        if not self.references:
            return Batch(stacked(lr), stacked(hr))
        chosen = stream(SEED, "references", step)
        kinds = chosen.choice(KINDS, BATCH)
        found = [
            reference_of(self.photos, place, kind, chosen)
            for place, kind in zip(places, kinds, strict=True)
        ]
        return Batch(stacked(lr), stacked(hr), stacked(found)[:, None])

    def validation(self, device: torch.device) -> Batch:
        """Return nothing: the held-out photos are scored at the end."""
        return Batch(torch.zeros(0, 3, 1, 1), torch.zeros(0, 3, 4, 4))


def settings(steps: int) -> TtsrSettings:
    """Return a small network's, TTSR-rec with its rate falling to nothing."""
    stage = {"steps": steps, "learning_rate": LEARNING_RATE, "schedule": "cosine", "warm_up": 20}
    return TtsrSettings.model_validate(
        {
            "network": {"features": 24, "shallow": 2, "first": 2, "second": 1, "third": 1},
            "crop": CROP,
            "batch": BATCH,
            "seed": SEED,
            "device": "cpu",
            "threads": 1,
            "extractor_rate": 0.0,
            "reconstruction": stage,
            "all": {"steps": 0},
        }
    )


def train_both(photos: list[U8], steps: int, folder: Path) -> dict[str, Path]:
    """Return the weights of the network that has gone on without and with references."""
    vgg = random_vgg19(("relu3_1",), derive(SEED, "vgg"))
    half = steps // 2

    def trained(name: str, data: Crops, count: int, init: Path | None) -> Path:
        began = time.monotonic()
        path = train(ttsr.METHOD, data, settings(count), folder / name, vgg=vgg, init=init)
        print(f"{name}: {count} steps in {time.monotonic() - began:.0f} s", flush=True)
        return path

    start = trained("start", Crops(photos, False, 0), half, None)
    mute_textures(start)
    return {
        "without": trained("without", Crops(photos, False, half), steps - half, start),
        "with": trained("with", Crops(photos, True, half), steps - half, start),
    }


def mute_textures(weights: Path) -> None:
    """Zero the heads that add textures: both branches then begin as the very same network."""
    network = load_network(weights)
    assert isinstance(network, TTSR)
    main = network.MainNet
    for head in (main.conv11_head, main.conv22_head, main.conv33_head):
        torch.nn.init.zeros_(head.weight)
        assert head.bias is not None
        torch.nn.init.zeros_(head.bias)
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
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--crops", type=int, default=12, help="of each held-out photo")
    given = parser.parse_args()
    torch.set_num_threads(1)
    names = find_files(given.folder).images
    photos = [to_uint8(read_image(given.folder / name)) for name in names]
    kept = [photo for i, photo in enumerate(photos) if i % HELD_OUT]
    with tempfile.TemporaryDirectory() as folder:
        weights = train_both(kept, given.steps, Path(folder))
        found = scores(photos[::HELD_OUT], weights, given.crops)
    print_table(found)


def print_table(found: dict[str, F32]) -> None:
    """Print mean PSNR, and the mean difference to no reference with its standard error."""
    single = found["no reference, network without"]
    print(f"\nPSNR on TTSR's Y, {len(single)} crops; random VGG19 features, frozen")
    for kind, values in found.items():
        gain = values - single
        error = gain.std(ddof=1) / np.sqrt(len(gain))
        print(f"{kind:<32}{values.mean():7.2f} dB  {gain.mean():+6.2f} +- {error:.2f}")


if __name__ == "__main__":
    main()
