"""CPU time of each stage per photo beside decoding alone, for this checkout and for another.

    OMP_NUM_THREADS=1 python -m benchmarks.per_photo [--photos 4] [--height 1536] [--width 2048]
        [--rounds 5] [--files 0] [--beside ../base] [--json]

One process for each checkout, on one core. They take turns round by round, and within a round all
ways take theirs. A way's time is that of each photo in its quickest round: other processes on the
machine take caches away, which makes CPU time longer and never shorter. Every line but
the kernels' includes decoding. The last line is the sum of what a recipe does with a photo that it
cache once, without training; with ``files`` the recipe itself is run, too, on a folder of so
many, in this process, with all that the store costs.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import IO

import cv2

from benchmarks.pipeline import KERNEL, NOISE, PAIRS, jpeg, pairing, pixels, write_folder
from degrade.arrays import U8
from degrade.degradation import degrade
from degrade.images.colour import to_uint8
from degrade.images.decode import DEFAULT_POLICY
from degrade.images.source_record import inspect_file
from degrade.kernels.estimators.spectral import SpectralMeasure
from degrade.pairs import make_hr, tile_grid
from pipelines.execution.cluster import connect
from pipelines.recipes.recipe import load_recipe
from pipelines.recipes.runner import RunOptions, run_recipe
from pipelines.stages.mine_noise import NoiseMeasure

Seconds = dict[str, float]
Round = dict[str, list[float]]
"""The CPU seconds of every photo, one way after the other."""
DECODING, KERNELS = "decode alone", "spectral kernel, decoded"
LEAST = 86
"""Sides of less are refused by `check`."""


def main() -> None:
    """Measure and print, or serve another process's measuring."""
    options = parse()
    if options.serve:
        serve(options)
        return
    places = {"this checkout": Path(__file__).parents[1]}
    if options.beside:
        places["the other"] = options.beside.resolve()
    found = measure(places, options)
    if options.json:
        print(json.dumps(found, indent=2))
    else:
        show(found)


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    numbers = {"photos": 4, "height": 1536, "width": 2048, "rounds": 5, "files": 0}
    for name, value in numbers.items():
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--beside", type=Path, metavar="CHECKOUT", help="measured in turns")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a table")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


def measure(places: dict[str, Path], options: argparse.Namespace) -> dict[str, Seconds]:
    """Return the least CPU seconds a photo of every way in every checkout."""
    sizes = [f"--{name}={getattr(options, name)}" for name in ("photos", "height", "width")]
    rounds: dict[str, list[Round]] = {name: [] for name in places}
    with ExitStack() as stack:
        servers = {
            name: stack.enter_context(started(place, [*sizes, f"--files={options.files}"]))
            for name, place in places.items()
        }
        for _ in range(options.rounds):
            for name, server in servers.items():
                rounds[name].append(json.loads(asked(server)))
        for server in servers.values():
            piped(server.stdin).close()
    return {
        name: {way: quickest([run[way] for run in runs]) for way in runs[0]}
        for name, runs in rounds.items()
    }


def quickest(runs: list[list[float]]) -> float:
    """Return the mean over photos of each one's least time in any round."""
    return statistics.mean(map(min, zip(*runs, strict=True)))


def started(place: Path, sizes: list[str]) -> subprocess.Popen[str]:
    """Start this file on the packages of a checkout."""
    return subprocess.Popen(
        [sys.executable, "-P", __file__, "--serve", *sizes],
        env={**os.environ, "PYTHONPATH": str(place), "OMP_NUM_THREADS": "1"},
        cwd=place,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def asked(server: subprocess.Popen[str]) -> str:
    """Let a server measure a round."""
    print(file=piped(server.stdin), flush=True)
    return piped(server.stdout).readline()


def piped(pipe: IO[str] | None) -> IO[str]:
    """Return a pipe that is there."""
    assert pipe is not None
    return pipe


def serve(options: argparse.Namespace) -> None:
    """Measure a round for every line that is read."""
    cv2.setNumThreads(1)
    data = [jpeg(number, options.height, options.width) for number in range(options.photos)]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for number, one in enumerate(data):
            (folder / f"{number}.jpg").write_bytes(one)
        if options.files:
            write_folder(folder / "photos", data, options.files)
        one_round(data, folder, 0)  # imports and tables
        for _ in sys.stdin:
            print(json.dumps(one_round(data, folder, options.files)), flush=True)


def one_round(data: list[bytes], folder: Path, files: int) -> Round:
    """Return the CPU seconds of every way."""
    decoded = [pixels(one) for one in data]
    ways: dict[str, Callable[[int], object]] = {
        DECODING: lambda number: pixels(data[number]),
        "check": lambda number: checked(folder, number),
        KERNELS: lambda number: SpectralMeasure()(decoded[number]),
        "mine noise": lambda number: NoiseMeasure(NOISE)(pixels(data[number])),
        "build pairs x4": lambda number: pairing(data[number]),
        "whole recipe, once each": lambda number: whole(folder, number),
    }
    seconds = {
        name: [timed(way, number) for number in range(len(data))] for name, way in ways.items()
    }
    if files:
        seconds["the recipe itself"] = [recipe(folder / "photos") / files]
    return seconds


def timed(way: Callable[[int], object], number: int) -> float:
    """Return the CPU seconds that a way takes for a photo."""
    start = time.process_time()
    way(number)
    return time.process_time() - start


def checked(folder: Path, number: int) -> U8:
    """Read and decode a photo and say all that `check` says of it."""
    _, found = inspect_file(folder, f"{number}.jpg", DEFAULT_POLICY, LEAST)
    assert found is not None
    return to_uint8(found)


def whole(folder: Path, number: int) -> None:
    """Do with a photo what a recipe does, training aside."""
    photo = checked(folder, number)
    SpectralMeasure()(photo)
    NoiseMeasure(NOISE)(photo)
    hr = make_hr(photo, PAIRS.cleanup, PAIRS.scale)
    lr = to_uint8(degrade(hr, KERNEL, PAIRS.scale))
    side = PAIRS.tile // PAIRS.scale
    with tempfile.TemporaryFile() as file:
        for row, col in tile_grid(*hr.shape[:2], PAIRS.tile):
            file.write(hr[row : row + PAIRS.tile, col : col + PAIRS.tile].tobytes())
            top, left = row // PAIRS.scale, col // PAIRS.scale
            file.write(lr[top : top + side, left : left + side].tobytes())


def recipe(photos: Path) -> float:
    """Return the CPU seconds of a recipe of kernels, noise and pairs, in this process."""
    with tempfile.TemporaryDirectory() as name, connect(0) as client:
        folder = Path(name)
        text = "name: all\nscale: 4\nstages: {kernels: {}, noise: {}, pairs: {}}\n"
        (folder / "recipe.yaml").write_text(text)
        options = RunOptions(photos, None, str(folder / "all.zarr"), folder / "runs")
        start = time.process_time()
        run_recipe(load_recipe(str(folder / "recipe.yaml")), options, client)
        return time.process_time() - start


def show(found: dict[str, Seconds]) -> None:
    """Print a table."""
    first = next(iter(found.values()))
    for name, seconds in found.items():
        print(f"{name}, CPU on one core")
        for way, value in seconds.items():
            line = f"{1000 * value:9.1f} ms a photo{value / seconds[DECODING]:8.2f} x decoding"
            if seconds is not first:
                line += f"{value / first[way]:8.2f} x this checkout's"
            print(f"  {way:26}{line}")


if __name__ == "__main__":
    main()
