"""The demo: photos that ship with scikit-image, taken with a simulated phone, through everything.

The phone's kernel and noise are known here, so that what the pipeline estimates from the photos
alone can be compared with the truth.
"""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from distributed import Client

from degrade.arrays import F32, U8
from degrade.degradation import degrade
from degrade.errors import DegradeError
from degrade.images.colour import to_uint8
from degrade.images.decode import read_image
from degrade.images.resize import bicubic
from degrade.images.tiles import crop_to_multiple
from degrade.images.write import write_png
from degrade.kernels.parametric import gaussian_kernel
from degrade.kernels.shape import bicubic_kernel, canvas_size, l1_distance
from degrade.noise.injection import zero_mean
from degrade.pictures import enlarge, kernel_picture, noise_picture, row, stacked
from degrade.randomness import stream
from degrade.store.reader import open_store
from degrade.store.tiles import TileArray
from pipelines.recipe_files import load_recipe
from pipelines.runner import RunOptions, run_recipe
from sr_train.evaluate import Scores, evaluate_network, mean_scores
from sr_train.upscale import upscale_image
from sr_train.weights import load_network

SCALE = 2
TRAINING = ("astronaut", "immunohistochemistry", "retina", "rocket", "stereo_motorcycle", "cat")
HELD_OUT = ("coffee",)
"""Names in `skimage.data`."""
SIGMAS = (1.7, 1.1)
ANGLE = 0.6
"""Radians from the x axis to the kernel's longer axis."""
NOISE_GAIN, NOISE_FLOOR = 0.05, 5.0
"""Noise variance = gain * brightness + floor, in levels of 0..255."""


LR_CROP = 24
"""Side of the LR crops that the demo recipe trains on: what noise is injected into."""
WIDTH, CROP = 904, 145
"""Width of the picture, and side of the crop of the results, in pixels."""


@dataclass(frozen=True)
class DemoReport:
    """Estimates beside the truth, and scores on the held-out photo."""

    kernel_l1: float
    bicubic_kernel_l1: float
    noise_deviation: float
    true_noise_deviation: float
    bicubic: Scores
    network: Scores
    picture: str
    weights: str


def run_demo(folder: Path, client: Client) -> DemoReport:
    """Make the phone's photos, run the demo recipe on them, and compare with the truth.

    Args:
        folder: Gets ``photos``, ``valid``, ``degrade.zarr``, ``runs`` and ``demo.png``.
        client: Where to run.

    Raises:
        DegradeError: scikit-image is not installed.
    """
    truth = gaussian_kernel(SIGMAS, ANGLE, canvas_size(SCALE))
    take_photos(folder, truth)
    store = str(folder / "degrade.zarr")
    options = RunOptions(source=folder / "photos", target=None, store=store, runs=folder / "runs")
    run_recipe(load_recipe("demo"), options, client)
    weights = folder / "runs" / "demo" / "weights.safetensors"
    return _compare(folder, store, weights, truth)


def take_photos(folder: Path, kernel: F32) -> None:
    """Write the simulated phone's photos, and of the held-out scenes the truth beside them."""
    for name in (*TRAINING, *HELD_OUT):
        scene = _scene(name)
        photo = _photograph(scene, kernel, name)
        if name in TRAINING:
            write_png(folder / "photos" / f"{name}.png", photo)
        else:
            write_png(folder / "valid" / "lr" / f"{name}.png", photo)
            write_png(folder / "valid" / "hr" / f"{name}.png", scene)


def _scene(name: str) -> U8:
    try:
        from skimage import data
    except ImportError as error:
        raise DegradeError(
            "the demo's photos ship with scikit-image, which is not installed; "
            'run `pip install "degrade[demo]"`'
        ) from error
    loaded = getattr(data, name)()
    picture = np.asarray(loaded[0] if isinstance(loaded, tuple) else loaded, np.uint8)
    # The photos have noise of their own; the simulated phone's is to be the only one.
    clean = cv2.bilateralFilter(picture, d=7, sigmaColor=14, sigmaSpace=3)
    return np.ascontiguousarray(crop_to_multiple(np.asarray(clean, np.uint8), SCALE))


def _photograph(scene: U8, kernel: F32, name: str) -> U8:
    """Blur, sample, add noise that grows with brightness, round to 8 bits."""
    clean = degrade(scene, kernel, SCALE)
    deviation = np.sqrt(NOISE_GAIN * 255 * clean + NOISE_FLOOR) / 255
    grain = stream(0, "demo-noise", name).standard_normal(clean.shape)
    return to_uint8(np.clip(clean + deviation * grain, 0, 1).astype(np.float32))


def _compare(folder: Path, location: str, weights: Path, truth: F32) -> DemoReport:
    store = open_store(location)
    kernels, noise = store.kernels(SCALE), store.noise()
    accepted = kernels.weights[kernels.accepted]
    network = load_network(weights)
    scores = evaluate_network(network, folder / "valid" / "lr", folder / "valid" / "hr")
    assert scores.bicubic is not None
    brightness = float(noise.mean.mean())
    picture = folder / "demo.png"
    write_png(picture, _picture(folder, location, weights, truth))
    return DemoReport(
        kernel_l1=float(np.mean([l1_distance(kernel, truth) for kernel in accepted])),
        bicubic_kernel_l1=l1_distance(bicubic_kernel(SCALE), truth),
        noise_deviation=_deviation(noise.patches),
        true_noise_deviation=float(np.sqrt(NOISE_GAIN * brightness + NOISE_FLOOR)),
        bicubic=mean_scores(scores.bicubic.values()),
        network=mean_scores(scores.images.values()),
        picture=str(picture),
        weights=str(weights),
    )


def _deviation(patches: TileArray) -> float:
    """Return the standard deviation of what injection adds, in levels of 0..255."""
    injected = (zero_mean(patch[:LR_CROP, :LR_CROP]) for patch in patches)
    return 255 * float(np.sqrt(np.mean([np.square(noise).mean() for noise in injected])))


def _picture(folder: Path, location: str, weights: Path, truth: F32) -> U8:
    """Draw what the demo did: kernels, noise, a pair, and the network's result."""
    store = open_store(location)
    kernels, noise, pairs = store.kernels(SCALE), store.noise(), store.pairs(SCALE)
    estimates = [
        (f"estimate, score {score:.2f}", kernel_picture(kernel, 110))
        for kernel, score in zip(kernels.weights, kernels.score, strict=True)
    ]
    bicubic_tile = ("bicubic", kernel_picture(bicubic_kernel(SCALE), 110))
    kernel_row = [("truth", kernel_picture(truth, 110)), bicubic_tile, *estimates]
    chosen = np.linspace(0, len(noise.patches) - 1, 6).astype(int)
    noise_row = [
        (f"variance {noise.variance[i]:.1f}", noise_picture(noise.patches.tile(i), 110))
        for i in chosen
    ]
    pair_row = [
        tile
        for i in np.linspace(0, len(pairs.hr) - 1, 3).astype(int)
        for tile in (("HR", enlarge(pairs.hr.tile(i), 140)), ("LR", enlarge(pairs.lr.tile(i), 140)))
    ]
    return stacked(
        [
            row("Kernels: the camera's, and estimated from its photos", kernel_row, WIDTH),
            row("Noise cut from the photos (amplified 6 times)", noise_row, WIDTH),
            row("Pairs that carry both", pair_row, WIDTH),
            row("A photo that was not trained on", _results(folder, weights), WIDTH),
        ]
    )


def _results(folder: Path, weights: Path) -> list[tuple[str, U8]]:
    name = HELD_OUT[0]
    lr = to_uint8(read_image(folder / "valid" / "lr" / f"{name}.png"))
    hr = to_uint8(read_image(folder / "valid" / "hr" / f"{name}.png"))
    versions = {
        "bicubic": to_uint8(bicubic(lr, SCALE)),
        "network": upscale_image(load_network(weights), lr),
        "truth": hr,
    }
    top, left = (side // 2 - CROP // 2 for side in hr.shape[:2])
    return [
        (label, enlarge(image[top : top + CROP, left : left + CROP], 290))
        for label, image in versions.items()
    ]
