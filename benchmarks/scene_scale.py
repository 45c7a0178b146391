"""How well a classifier separates LR from photos although its blur and noise are the true ones.

    python -m benchmarks.scene_scale ../shared/data/phone_x2 [--splits 5] [--seed 0] [--json]

Pairs are made from reduced photos, whose scenes are smaller by clean-up times scale than those that
the photos show, and scenes do not look the same at all sizes. This is the part of `degrade
fidelity`'s AUC that no kernel and no noise can change. The folder is a simulated camera's: photos
in ``valid/lr``, the pictures that they were taken of in ``valid/hr``, ``truth_kernels.npz`` by file
stem and ``truth.json`` with its noise. Each photo is taken again with its true kernel and fresh
noise, of the picture as it is and reduced (bicubic, without noise), and once more of the photo
itself after clean-up. The classifiers are `degrade fidelity`'s.
"""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from degrade.arrays import F32, F64, U8
from degrade.degradation import downsample
from degrade.fidelity.classifier_settings import FidelitySettings
from degrade.fidelity.statistics import PatchSet, crop_photo, joined
from degrade.images.colour import to_uint8
from degrade.images.decode import read_image
from degrade.pairs import make_hr
from degrade.randomness import derive, stream
from pipelines.stages.fidelity import JUDGED
from sr_train.evaluation.two_sample_test import two_sample_auc

CLEANUP = 2
REDUCED = {
    "the same scene": 1,
    "half of its size": 2,
    "a quarter, as pairs have it": 4,
}
Folder = dict[str, U8]


def images(folder: Path) -> Folder:
    """Return the images of a folder by file stem."""
    return {path.stem: to_uint8(read_image(path)) for path in sorted(folder.glob("*.png"))}


def noisy(lr: F32, truth: dict[str, float], rng: np.random.Generator) -> U8:
    """Add noise of variance a*I + b, partly shared by the channels, spread to the neighbours.

    Args:
        lr: [h, w, 3] in [0, 1].
        truth: ``a`` and ``b`` in levels, ``blur``, a neighbour's tap beside 1, and ``chroma``, the
            channels' correlation.
        rng: Gives the noise.
    """
    shared, own = rng.standard_normal((*lr.shape[:2], 1)), rng.standard_normal(lr.shape)
    white = np.sqrt(truth["chroma"]) * shared + np.sqrt(1 - truth["chroma"]) * own
    taps: F64 = np.array([truth["blur"], 1, truth["blur"]])
    taps /= np.linalg.norm(taps)
    grainy = cv2.sepFilter2D(white, cv2.CV_64F, taps, taps)
    levels = 255 * np.clip(lr, 0, 1)
    taken = levels + grainy * np.sqrt(truth["a"] * levels + truth["b"])
    return to_uint8(np.asarray(np.clip(taken / 255, 0, 1), np.float32))


def patches(pictures: Folder, key: str, settings: FidelitySettings) -> PatchSet:
    """Return patches of pictures; ``key`` names their draw."""
    size = (settings.patch, settings.patches)
    draws = {name: stream(settings.seed, "scene-scale", key, name) for name in pictures}
    return joined([crop_photo(pictures[name], *size, rng) for name, rng in draws.items()])


def aucs(real: PatchSet, other: PatchSet, settings: FidelitySettings) -> list[float]:
    """Return the AUC of each split, made as `degrade fidelity` makes it."""
    count, found = len(real.pixels), []
    for split in range(settings.splits):
        order = stream(settings.seed, "fidelity-split", split).permutation(count)
        judged = max(2, round(count * JUDGED))
        seed = derive(settings.seed, "fidelity-classifier", split)
        parts = (np.sort(order[judged:]), np.sort(order[:judged]))
        found.append(two_sample_auc(real.pixels, other.pixels, *parts, settings, seed))
    return found


def measure(data: Path, settings: FidelitySettings) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each way to take the photos again, and its AUC."""
    truth = json.loads((data / "truth.json").read_text())
    kernels = np.load(data / "truth_kernels.npz")
    photos, scenes = images(data / "valid" / "lr"), images(data / "valid" / "hr")
    real = patches(photos, "real", settings)

    def reduced(pictures: Folder, factor: int) -> Folder:
        return {name: make_hr(image, factor, settings.scale) for name, image in pictures.items()}

    ways = {key: reduced(scenes, factor) for key, factor in REDUCED.items()}
    ways["the photo after clean-up"] = reduced(photos, CLEANUP)
    for key, pictures in ways.items():
        again = {}
        for name, picture in pictures.items():
            lr = downsample(picture, kernels[name], settings.scale)
            rng = stream(settings.seed, "scene-scale-noise", key, name)
            again[name] = noisy(lr, truth["noise"], rng)
        each = aucs(real, patches(again, key, settings), settings)
        yield key, {"auc": float(np.mean(each)), "deviation": float(np.std(each)), "splits": each}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="folder of a simulated camera with its truth")
    parser.add_argument("--splits", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a table")
    options = parser.parse_args()
    scale = json.loads((options.data / "truth.json").read_text())["scale"]
    settings = FidelitySettings(scale=scale, splits=options.splits, seed=options.seed)
    if options.json:
        print(json.dumps(dict(measure(options.data, settings)), indent=2))
        return
    print(f"true kernels and noise, {options.splits} splits, seed {options.seed}")
    for key, row in measure(options.data, settings):
        print(f"{key:32}{row['auc']:7.3f} +- {row['deviation']:.3f}", flush=True)


if __name__ == "__main__":
    main()
