"""Time KernelGAN: the textbook, layer by layer and one photo at a time, against the batched one.

    python -m benchmarks.kernels [--batches 1 4 8 16] [--iterations 40] [--rounds 3]

On one core, in interleaved rounds, so that other load falls on both; CPU time per photo and
iteration, median over rounds.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from degrade.arrays import U8
from degrade.kernels.feed import Lane, batches, open_lanes
from degrade.kernels.kernelgan import train
from degrade.kernels.quality import examine
from degrade.kernels.settings import KernelSettings
from degrade.randomness import stream
from tests.degrade.kernels.textbook import KernelGAN

CPU = torch.device("cpu")


def photo(number: int) -> U8:
    """Return a 240x320 picture of coloured rectangles."""
    rng = stream(number, "benchmark-photo")
    picture = np.full((240, 320, 3), 128, np.uint8)
    for _ in range(400):
        top, left = rng.integers(0, 240), rng.integers(0, 320)
        picture[top : top + 20, left : left + 25] = rng.integers(0, 256, 3)
    return picture


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


def ours(count: int, iterations: int) -> float:
    """Return ``train``'s milliseconds of CPU per photo and iteration, all it does included."""
    settings = KernelSettings(iterations=iterations, lanes=max(count, 1))
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


def main() -> None:
    """Measure, print a table, and write JSON where ``--json`` says."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 4, 8, 16])
    parser.add_argument("--iterations", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    cases: dict[str, Callable[[], float]] = {
        "textbook": lambda: textbook(max(4, options.iterations // 10))
    }
    for count in options.batches:
        cases[f"ours, {count} photos"] = lambda count=count: ours(count, options.iterations)
    last = options.batches[-1]
    cases[f"  of which crops and noise, {last}"] = lambda: feed_alone(last, options.iterations)
    times: dict[str, list[float]] = {name: [] for name in cases}
    for _ in range(options.rounds):
        for name, measure in cases.items():
            times[name].append(measure())
    medians = {name: statistics.median(values) for name, values in times.items()}
    print(f"{'':32}{'ms/photo/iteration':>20}{'ratio':>8}")
    for name, value in medians.items():
        print(f"{name:32}{value:20.2f}{medians['textbook'] / value:8.1f}")
    if options.json:
        options.json.write_text(json.dumps(medians, indent=1))


if __name__ == "__main__":
    main()
