"""The demo: photos by a simulated phone, and clean pictures of other things, through everything.

The pictures ship with scikit-image. The phone has a whole image processor (`pipelines.phones`), and
all that is known of it here is compared with what the pipeline finds from the photos alone.
"""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from degrade.arrays import U8
from degrade.errors import DegradeError
from degrade.images.colour import to_uint8
from degrade.images.decode import read_image
from degrade.images.resize import bicubic
from degrade.images.windows import crop_to_multiple
from degrade.images.write import write_bytes, write_png
from degrade.kernels.shape import bicubic_kernel
from degrade.pictures import enlarge, kernel_picture, noise_picture, row, stacked
from degrade.store.reader import Store, open_store
from pipelines.camera_report import intervals
from pipelines.execution.cluster import Client
from pipelines.phones.catalogue import PHONES
from pipelines.phones.processor import take
from pipelines.recipes.recipe import load_recipe
from pipelines.recipes.runner import RunOptions, run_recipe
from pipelines.stages.exchange_camera import camera_rows
from sr_train.evaluation.scoring import Scores, evaluate_network, mean_scores
from sr_train.export.export_model import export_model
from sr_train.inference.upscaling import upscale_image
from sr_train.network_files import load_network

PHONE = PHONES["plain"]
TRAINING = ("astronaut", "immunohistochemistry", "retina", "rocket", "stereo_motorcycle", "cat")
"""Names in `skimage.data`: the left half of each is photographed, the right half is a clean
picture."""
HELD_OUT = ("coffee",)
BY_CAMERA = (
    "target=true",
    "stages.camera={}",
    "stages.pairs.degradation=camera",
    "stages.noise.max_variance=20",  # sharpened noise is stronger
)
"""What the demo changes of its recipe, which works without clean pictures, too."""
WIDTH, CROP = 904, 145
"""Width of the picture, and side of the crop of the results, in pixels."""


@dataclass(frozen=True)
class Finding:
    """A parameter of the phone, and the interval that was found from its photos."""

    truth: float
    low: float
    high: float


@dataclass(frozen=True)
class DemoReport:
    """What was found of the phone beside the truth, and scores on the held-out photo."""

    phone: dict[str, Finding]
    misfit: float
    bicubic: Scores
    network: Scores
    picture: str
    weights: str
    exported: str


def run_demo(folder: Path, client: Client) -> DemoReport:
    """Make the phone's photos, run the demo recipe on them, and compare with the truth.

    Args:
        folder: Gets ``photos``, ``clean``, ``valid``, ``degrade.zarr``, ``runs``, ``demo.png`` and
            ``demo.pth``.
        client: Where to run.

    Raises:
        DegradeError: scikit-image is not installed.
    """
    take_photos(folder)
    store = str(folder / "degrade.zarr")
    options = RunOptions(folder / "photos", folder / "clean", store, folder / "runs")
    run_recipe(load_recipe("demo", BY_CAMERA), options, client)
    return _compare(folder, open_store(store), folder / "runs" / "demo" / "weights.safetensors")


def take_photos(folder: Path) -> None:
    """Write the phone's photos, clean pictures, and the truth beside the held-out photos."""
    for name in (*TRAINING, *HELD_OUT):
        scene = _scene(name)
        if name in HELD_OUT:
            shot = take(scene, PHONE, name)
            write_bytes(folder / "valid" / "lr" / f"{name}.jpg", shot.jpeg)
            write_png(folder / "valid" / "hr" / f"{name}.png", shot.hr)
        else:
            middle = scene.shape[1] // 2 // PHONE.scale * PHONE.scale
            write_bytes(
                folder / "photos" / f"{name}.jpg", take(scene[:, :middle], PHONE, name).jpeg
            )
            write_png(folder / "clean" / f"{name}.png", np.ascontiguousarray(scene[:, middle:]))


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
    return np.ascontiguousarray(crop_to_multiple(np.asarray(clean, np.uint8), PHONE.scale))


def _truth() -> dict[str, float]:
    """Return what of the phone the camera model has a number for, in the model's units."""
    longer, shorter = max(PHONE.lens.green), min(PHONE.lens.green)
    return {
        "blur": longer / PHONE.scale,
        "aspect": shorter / longer,
        "gain_red": PHONE.sensor.gains[0],
        "gain_blue": PHONE.sensor.gains[1],
        "shot": PHONE.sensor.shot,
        "sharpening": PHONE.sharpening.amount,
        "radius": PHONE.sharpening.radius,
        "clamp": PHONE.sharpening.clamp,
    }


def _compare(folder: Path, store: Store, weights: Path) -> DemoReport:
    found = intervals(store.camera())
    scores = evaluate_network(load_network(weights), folder / "valid" / "lr", folder / "valid/hr")
    assert scores.bicubic is not None
    picture = folder / "demo.png"
    write_png(picture, _picture(folder, store, weights))
    return DemoReport(
        phone={
            name: Finding(truth, found[name][0], found[name][2]) for name, truth in _truth().items()
        },
        misfit=store.camera().misfit,
        bicubic=mean_scores(scores.bicubic.values()),
        network=mean_scores(scores.images.values()),
        picture=str(picture),
        weights=str(weights),
        exported=str(export(weights, folder)),
    )


def export(weights: Path, folder: Path) -> Path:
    """Write the demo's weights as programs load them that know RRDBNet of growth 32 alone."""
    path = folder / "demo.pth"
    export_model(weights, path, widen=True)
    return path


def _picture(folder: Path, store: Store, weights: Path) -> U8:
    """Draw what the demo did: kernels, noise, the camera, a pair, and the network's result."""
    kernels, noise, pairs = store.kernels(PHONE.scale), store.noise(), store.pairs(PHONE.scale)
    estimates = [
        (f"estimate, score {score:.2f}", kernel_picture(kernel, 110))
        for kernel, score, kept in zip(
            kernels.weights, kernels.score, kernels.accepted, strict=True
        )
        if kept
    ]
    bicubic_tile = ("bicubic", kernel_picture(bicubic_kernel(PHONE.scale), 110))
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
            row("Kernels, estimated from the photos", [bicubic_tile, *estimates], WIDTH),
            row("Noise cut from the photos (amplified 6 times)", noise_row, WIDTH),
            *camera_rows(store, WIDTH),
            row("Pairs by those cameras", pair_row, WIDTH),
            row("A photo that was not trained on", _results(folder, weights), WIDTH),
        ]
    )


def _results(folder: Path, weights: Path) -> list[tuple[str, U8]]:
    name = HELD_OUT[0]
    lr = to_uint8(read_image(folder / "valid" / "lr" / f"{name}.jpg"))
    hr = to_uint8(read_image(folder / "valid" / "hr" / f"{name}.png"))
    versions = {
        "bicubic": to_uint8(bicubic(lr, PHONE.scale)),
        "network": upscale_image(load_network(weights), lr),
        "truth": hr,
    }
    top, left = (side // 2 - CROP // 2 for side in hr.shape[:2])
    return [
        (label, enlarge(image[top : top + CROP, left : left + CROP], 290))
        for label, image in versions.items()
    ]
