"""Cost of mining and pair building per photo beside decoding alone, and beside the published way.

    python -m benchmarks.pipeline [--photos 4] [--height 1536] [--width 2048] [--rounds 3]
        [--files 32] [--workers 2] [--kernels bicubic] [--json]

First CPU seconds on one core, interleaved rounds, medians; every line includes decoding the JPEG,
and is set beside decoding it by Pillow (`np.asarray(Image.open(file).convert("RGB"))`) and by ours.
Then the clock of the real stages on a folder of ``files`` photos, writing to disk included, in
this process and with 1 to ``workers`` workers, beside a recipe that cache each photo once; and of
bare decoding by as many processes, whose rate is what workers can reach on the machine. The
published way is the released scripts': PIL decode, variance of each grey window by NumPy,
full-resolution correlation then subsampling, one PNG file for each image of a pair.
"""

import argparse
import io
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
from distributed import Client
from PIL import Image as Pillow
from scipy import ndimage

from degrade.arrays import U8
from degrade.degradation import degrade
from degrade.images.colour import to_uint8
from degrade.images.decode import decode
from degrade.kernels.estimator_settings import SpectralSettings
from degrade.kernels.parametric import gaussian_kernel
from degrade.noise.mining import NoiseSettings, mine
from degrade.pairs import PairSettings, make_hr, tile_grid
from degrade.randomness import stream
from pipelines.execution.cluster import connect
from pipelines.recipes.recipe import load_recipe
from pipelines.recipes.runner import RunOptions, run_recipe
from pipelines.stages.build_pairs import build_pairs
from pipelines.stages.check import check_photos
from pipelines.stages.estimate_kernels import estimate_kernels
from pipelines.stages.mine_noise import NoiseMeasure, mine_noise

NOISE, PAIRS = NoiseSettings(), PairSettings(scale=4)
KERNEL = gaussian_kernel((3.0, 2.2), 0.4, 32)


def jpeg(number: int, height: int, width: int) -> bytes:
    """Return a JPEG of occluding discs below a grey sky, a little blurred, with a little noise."""
    rng = stream(number, "benchmark-photo")
    picture = np.zeros((height, width, 3), np.uint8)
    for radius in 3 / np.sqrt(rng.uniform(1e-4, 1, 4000)):
        centre = (int(rng.integers(width)), int(rng.integers(height)))
        cv2.circle(picture, centre, int(radius), tuple(map(int, rng.integers(10, 245, 3))), -1)
    picture[: height // 4] = np.linspace(120, 130, width)[:, None]
    picture = np.asarray(cv2.GaussianBlur(picture, (0, 0), 1.0), np.uint8)
    noisy = picture + rng.normal(0, 3, picture.shape)
    file = io.BytesIO()
    Pillow.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(file, "JPEG", quality=92)
    return file.getvalue()


def pixels(data: bytes) -> U8:
    """Decode as the pipeline does."""
    return to_uint8(decode(data, "photo.jpg"))


def plain_pixels(data: bytes) -> U8:
    """Decode as a loader by Pillow does."""
    return np.asarray(Pillow.open(io.BytesIO(data)).convert("RGB"))


def mining(data: bytes) -> None:
    """Decode and measure all windows."""
    mine(pixels(data), NOISE)


def mining_and_sensor(data: bytes) -> None:
    """Decode and do all that the stage does with a photo: curve, grain and channels, too."""
    NoiseMeasure(NOISE)(pixels(data))


def pairing(data: bytes) -> None:
    """Decode, clean up, degrade, cut tiles and write them as one raw file."""
    hr = make_hr(pixels(data), PAIRS.cleanup, PAIRS.scale)
    lr = to_uint8(degrade(hr, KERNEL, PAIRS.scale))
    side = PAIRS.tile // PAIRS.scale
    with tempfile.TemporaryFile() as file:
        for row, col in tile_grid(hr.shape[0], hr.shape[1], PAIRS.tile):
            file.write(hr[row : row + PAIRS.tile, col : col + PAIRS.tile].tobytes())
            top, left = row // PAIRS.scale, col // PAIRS.scale
            file.write(lr[top : top + side, left : left + side].tobytes())


def published_mining(data: bytes) -> None:
    """Do as `collect_noise.py`: PIL, then mean and variance of every grey window."""
    grey = np.asarray(Pillow.open(io.BytesIO(data)).convert("L"))
    side = NOISE.patch
    for row in range(0, grey.shape[0] - side, side):
        for col in range(0, grey.shape[1] - side, side):
            window = grey[row : row + side, col : col + side]
            window.var(), window.mean()


def published_pairing(data: bytes) -> None:
    """Do as `create_kernel_dataset.py`: PIL, correlate every pixel, subsample, two PNG files."""
    photo = Pillow.open(io.BytesIO(data)).convert("RGB")
    small = photo.resize((photo.width // 2, photo.height // 2), Pillow.Resampling.BICUBIC)
    hr = np.asarray(small)
    lr = np.stack([ndimage.correlate(hr[..., c], KERNEL, mode="reflect") for c in range(3)], -1)
    with tempfile.TemporaryDirectory() as folder:
        Pillow.fromarray(hr).save(Path(folder) / "hr.png")
        Pillow.fromarray(lr[::4, ::4]).save(Path(folder) / "lr.png")


def per_core(photos: list[bytes], rounds: int) -> dict[str, float]:
    """Return the median CPU seconds a photo of each way."""
    works: dict[str, Callable[[bytes], object]] = {
        "Pillow's decoding": plain_pixels,
        "decode alone": pixels,
        "mine noise": mining,
        "mine noise, sensor": mining_and_sensor,
        "build pairs": pairing,
        "mine noise, published way": published_mining,
        "build pairs, published way": published_pairing,
    }
    seconds: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(rounds):
        for name, work in works.items():
            start = time.process_time()
            for photo in photos:
                work(photo)
            seconds[name].append((time.process_time() - start) / len(photos))
    return {name: statistics.median(runs) for name, runs in seconds.items()}


def write_folder(folder: Path, photos: list[bytes], count: int) -> None:
    """Write ``count`` different files: the photos, each rolled by a few rows more every time."""
    folder.mkdir()
    for number in range(count):
        picture = np.roll(pixels(photos[number % len(photos)]), 5 * number, axis=0)
        Pillow.fromarray(picture).save(folder / f"{number:04}.jpg", quality=92)


def on_the_clock(
    folder: Path, photos: Path, workers: int, kernels: Literal["estimated", "bicubic"]
) -> tuple[dict[str, float], dict[str, float]]:
    """Return the seconds of every stage by itself and of a recipe of all: clock, this process."""
    store = str(folder / f"stages {workers}.zarr")
    recipe = folder / "recipe.yaml"
    estimated = kernels == "estimated"
    made = (
        "kernels: {}, noise: {}, pairs: {}" if estimated else "noise: {}, pairs: {kernels: bicubic}"
    )
    recipe.write_text(f"name: all\nscale: 4\nstages: {{{made}}}\n")
    pairs = PAIRS.model_copy(update={"kernels": kernels})
    options = RunOptions(photos, None, str(folder / f"run {workers}.zarr"), folder / f"{workers}")
    clock, own = {}, {}
    with connect(workers) as client:
        warm_up(client)
        stages: dict[str, Callable[[], object]] = {
            "check": lambda: check_photos(store, client, source=photos),
            "estimate-kernels": lambda: estimate_kernels(store, client, SpectralSettings(scale=4)),
            "mine-noise": lambda: mine_noise(store, client, NOISE),
            "build-pairs": lambda: build_pairs(store, client, pairs),
            "recipe of all": lambda: run_recipe(load_recipe(str(recipe)), options, client),
        }
        if not estimated:
            del stages["estimate-kernels"]
        for name, stage in stages.items():
            start, begun = time.perf_counter(), time.process_time()
            stage()
            clock[name] = time.perf_counter() - start
            own[name] = time.process_time() - begun
    return clock, own


def warm_up(client: Client) -> None:
    """Import in every worker what its first task would."""
    client.run(pixels, jpeg(0, 64, 64))


def decode_files(paths: list[Path]) -> None:
    """Read and decode files on one thread."""
    cv2.setNumThreads(1)
    for path in paths:
        pixels(path.read_bytes())


def decode_folder(photos: Path, processes: int) -> float:
    """Return the seconds that processes with nothing else to do take to decode a folder."""
    paths = sorted(photos.iterdir())
    shares = [paths[first::processes] for first in range(processes)]
    with ProcessPoolExecutor(processes, get_context("spawn")) as pool:
        list(pool.map(decode_files, [paths[:1]] * 4 * processes))  # imports
        start = time.perf_counter()
        list(pool.map(decode_files, shares))
        return time.perf_counter() - start


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Return seconds a photo: CPU of each way on one core, and the clock's of real stages."""
    cv2.setNumThreads(1)
    photos = [jpeg(number, options.height, options.width) for number in range(options.photos)]
    ways = per_core(photos, options.rounds)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_folder(folder / "photos", photos, options.files)
        counts = range(1, max(1, options.workers) + 1)
        alone = {count: decode_folder(folder / "photos", count) for count in counts}
        runs = {
            workers: on_the_clock(folder, folder / "photos", workers, options.kernels)
            for workers in range(options.workers + 1)
        }
    named = {f"{w} workers" if w else "in process": clock for w, (clock, _) in runs.items()}
    named["in process, CPU"] = runs[0][1]
    stages = {
        how: {stage: value / options.files for stage, value in run.items()}
        for how, run in named.items()
    }
    decoding = {count: seconds / options.files for count, seconds in alone.items()}
    return {"cpu": ways, "decode alone": decoding, "clock": stages}


def show(found: dict[str, Any]) -> None:
    """Print the two tables."""
    print("CPU seconds, one core")
    for name, value in found["cpu"].items():
        ratios = [value / found["cpu"][unit] for unit in ("Pillow's decoding", "decode alone")]
        times = "{:8.2f} x Pillow's decoding{:8.2f} x ours".format(*ratios)
        print(f"{name:28}{1000 * value:9.1f} ms a photo{times}")
    print("\nby the clock")
    decoding = found["decode alone"]
    for count, seconds in decoding.items():
        faster = f"{decoding[1] / seconds:28.2f} x one process's rate"
        print(
            f"{count} processes     {'decoding alone':20}{1000 * seconds:9.1f} ms a photo{faster}"
        )
    one = found["clock"].get("1 workers", {})
    for how, run in found["clock"].items():
        for stage, value in run.items():
            cpu = how.endswith("CPU")
            ratio = value / (found["cpu"]["decode alone"] if cpu else decoding[1])
            against = f"{one[stage] / value:8.2f} x one worker's rate" if one and not cpu else ""
            times = f"{1000 * value:9.1f} ms a photo{ratio:8.2f} x decoding{against}"
            print(f"{how:16}{stage:20}{times}")


def main() -> None:
    """Time all of them and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    numbers = {"photos": 4, "height": 1536, "width": 2048, "rounds": 3, "files": 32, "workers": 2}
    for name, value in numbers.items():
        parser.add_argument(f"--{name}", type=int, default=value)
    kernels = ("estimated", "bicubic")
    parser.add_argument("--kernels", choices=kernels, default="estimated", help="of real stages")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of tables")
    options = parser.parse_args()
    found = measure(options)
    if options.json:
        print(json.dumps(found, indent=2))
    else:
        show(found)


if __name__ == "__main__":
    main()
