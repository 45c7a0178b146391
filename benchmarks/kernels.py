"""Time KernelGAN: the textbook, layer by layer and one photo at a time, against the batched one.

    python -m benchmarks.kernels [--truth ../shared/data/phone_x2 --photos 8] [--json FILE]

CPU time on one core, in interleaved rounds, so that other load falls on both; medians over rounds.
With ``--truth`` (a folder with source/ and truth_kernels.npz) also the time to a kernel beside its
mean L1 distance from the truth. The textbook's time is then 3,000 times its iteration's, since
training it takes 6 minutes a photo; its accuracy is that of the batched code in float32 and as
published, which the tests hold to it.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

import numpy as np
import torch

from degrade.arrays import U8
from degrade.images.colour import to_uint8
from degrade.images.decode import read_image
from degrade.images.write import write_png
from degrade.kernels import spectral
from degrade.kernels.acceptance import examine
from degrade.kernels.crop_batches import Lane, batches, open_lanes
from degrade.kernels.estimator_settings import KernelSettings
from degrade.kernels.kernelgan import estimate_kernels, train
from degrade.kernels.shape import l1_distance
from degrade.randomness import stream
from tests.degrade.kernels.textbook import KernelGAN

PUBLISHED = "as published, float32"
RUNS = {
    PUBLISHED: KernelSettings(as_published=True),
    "default": KernelSettings(),
    "default, --iterations 1500": KernelSettings(iterations=1500),
    "default, --iterations 1000": KernelSettings(iterations=1000),
}
Precision = Literal["float32", "bfloat16"]
CPU = torch.device("cpu")


def photo(number: int, height: int = 240, width: int = 320) -> U8:
    """Return a grainy picture whose spectrum falls as a natural photo's does."""
    rng = stream(number, "benchmark-photo")
    noise = np.fft.rfft2(rng.standard_normal((3, height, width)), axes=(1, 2))
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width))
    picture = np.fft.irfft2(noise / np.maximum(frequency, 1 / width), (height, width), axes=(1, 2))
    levels = 128 + 40 * picture / picture.std()
    return np.ascontiguousarray(np.moveaxis(levels, 0, -1).clip(0, 255).astype(np.uint8))


def lanes_for(count: int, settings: KernelSettings) -> list[Lane]:
    """Open one lane for each of ``count`` photos."""
    lanes: list[Lane] = []
    for number in range(count):
        maps = examine(photo(number), settings)
        assert not isinstance(maps, str), maps
        lanes += open_lanes(photo(number), str(number), maps, settings)
    return lanes


def textbook(iterations: int) -> float:
    """Return the textbook's milliseconds of CPU per photo and iteration."""
    torch.manual_seed(0)
    model = KernelGAN()
    crops = torch.rand(iterations + 2, 1, 3, 64, 64) * 2 - 1
    real, noise = torch.rand(1, 3, 26, 26), torch.rand(1, 3, 26, 26)
    for index in range(2):
        model.step(crops[index], real, noise)
    start = time.process_time()
    for index in range(iterations):
        model.step(crops[index + 2], real, noise)
    return 1e3 * (time.process_time() - start) / iterations


def ours(count: int, iterations: int, precision: Precision) -> float:
    """Return ``train``'s milliseconds of CPU per photo and iteration, all it does included."""
    settings = KernelSettings(
        iterations=iterations, tolerance=0.0, lanes=count, precision=precision
    )
    lanes = lanes_for(count, settings)
    start = time.process_time()
    train(lanes, settings, CPU)
    return 1e3 * (time.process_time() - start) / iterations / count


def feed_alone(count: int, iterations: int) -> float:
    """Return the part of ``ours`` that cuts crops and draws noise."""
    settings = KernelSettings(iterations=iterations, lanes=count)
    lanes = lanes_for(count, settings)
    start = time.process_time()
    for _ in batches(lanes, settings, CPU):
        pass
    return 1e3 * (time.process_time() - start) / iterations / count


def spectral_seconds(count: int) -> float:
    """Return the spectral estimator's seconds per photo of 3 megapixels, decoding included."""
    with TemporaryDirectory() as folder:
        paths = [Path(folder) / f"{number}.png" for number in range(count)]
        for number, path in enumerate(paths):
            write_png(path, photo(number, 1536, 2048))
        start = time.process_time()
        for path in paths:
            fit = spectral.estimate(to_uint8(read_image(path)))
            assert not isinstance(fit, str), fit
        return (time.process_time() - start) / count


def to_accuracy(folder: Path, count: int, settings: KernelSettings) -> tuple[float, float]:
    """Return KernelGAN's seconds per photo and its mean L1 from the truth; 2 for no kernel."""
    truth = np.load(folder / "truth_kernels.npz")
    paths = sorted((folder / "source").iterdir())[:count]
    photos = [to_uint8(read_image(path)) for path in paths]
    start = time.process_time()
    found = estimate_kernels(photos, [path.name for path in paths], settings)
    seconds = (time.process_time() - start) / len(paths)
    errors = [
        l1_distance(one.weights, truth[path.stem].astype(np.float32)) if one.weights.any() else 2.0
        for one, path in zip(found, paths, strict=True)
    ]
    return seconds, statistics.fmean(errors)


def per_iteration(options: argparse.Namespace) -> dict[str, float]:
    """Return every case's milliseconds per photo and iteration."""
    few, count = options.iterations, options.batches[-1]
    cases: dict[str, Callable[[], float]] = {"textbook": lambda: textbook(max(4, few // 10))}
    for lanes in options.batches:
        cases[f"bfloat16, {lanes} photos"] = partial(ours, lanes, few, "bfloat16")
    cases[f"float32, {count} photos"] = partial(ours, count, few, "float32")
    cases[f"  of which crops and noise, {count}"] = partial(feed_alone, count, few)
    times: dict[str, list[float]] = {name: [] for name in cases}
    for _ in range(options.rounds):
        for name, measure in cases.items():
            times[name].append(measure())
    return {name: statistics.median(values) for name, values in times.items()}


def main() -> None:
    """Measure, print tables, and write JSON where ``--json`` says."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 2, 4, 8, 16])
    parser.add_argument("--iterations", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--truth", type=Path)
    parser.add_argument("--photos", type=int, default=8, help="of --truth, the first so many")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    result: dict[str, object] = {}
    cost = result["ms_per_photo_and_iteration"] = per_iteration(options)
    print(f"{'':36}{'ms/photo/iteration':>20}{'ratio':>8}")
    for name, value in cost.items():
        print(f"{name:36}{value:20.2f}{cost['textbook'] / value:8.1f}")
    seconds = result["spectral_seconds_per_photo"] = spectral_seconds(3)
    print(
        f"\nspectral, 3 MP, decoding included: {seconds:.2f} s/photo, {60 / seconds:.0f} a minute"
    )
    if options.truth:
        slow = 3 * cost["textbook"]
        print(f"\n{options.truth.name:36}{'s/photo':>20}{'ratio':>8}{'mean L1':>9}", flush=True)
        runs = result["to_accuracy"] = {}
        for name, settings in RUNS.items():
            seconds, error = to_accuracy(options.truth, options.photos, settings)
            runs[name] = {"seconds": seconds, "ratio": slow / seconds, "l1": error}
            print(f"{name:36}{seconds:20.1f}{slow / seconds:8.1f}{error:9.3f}", flush=True)
        print(f"{'textbook, 3000 iterations':36}{slow:20.1f}{1:8.1f}{runs[PUBLISHED]['l1']:9.3f}")
    if options.json:
        options.json.write_text(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
