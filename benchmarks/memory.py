"""Peak memory of every stage over a hundred and over ten thousand photos.

    python -m benchmarks.memory [--photos 100 10000] [--side 128] [--folder DIR]
    python -m benchmarks.memory --large 200

Each stage is a fresh process that does everything itself (`--workers 0`): scheduler, client and
worker at once, so what is printed bounds each of them. The photos are the smallest of which the
spectral estimator accepts kernels; it takes 0.4 s for each. With `--large`, one photo of so many
megapixels goes through the stages instead.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import cv2
import numpy as np
from PIL import Image as Pillow

from degrade.randomness import stream

COMMAND = "from degrade.cli.main import run; run()"
STAGES = {
    "check": ("check", "{photos}", "--scale", "2"),
    "check again": ("check", "{photos}", "--scale", "2"),
    "estimate-kernels": ("estimate-kernels", "--scale", "2"),
    "mine-noise": ("mine-noise", "--patch", "32"),
    "build-pairs": ("build-pairs", "--scale", "2", "--tile", "16", "--kernels", "bicubic"),
    "verify": ("verify",),
}
LARGE = {
    "check": ("check", "{photos}"),
    "estimate-kernels": ("estimate-kernels",),
    "mine-noise": ("mine-noise",),
    "build-pairs": ("build-pairs", "--kernels", "bicubic"),
}


def write_photos(folder: Path, count: int, side: int) -> None:
    """Write JPEG files of discs below a grey stripe, a little blurred, with a little noise."""
    folder.mkdir(parents=True)
    for number in range(count):
        rng = stream(number, "benchmark-memory")
        picture = np.full((side, side, 3), 128, np.uint8)
        for _ in range(side * side // 100):
            column, row = map(int, rng.integers((0, side // 4), side))
            radius = int(1 + 3 / rng.uniform(0.01, 1) ** 0.5)
            cv2.circle(picture, (column, row), radius, rng.integers(30, 226, 3).tolist(), -1)
        picture[: side // 4 + 2] = 128
        picture = np.asarray(cv2.GaussianBlur(picture, (0, 0), 1.0), np.uint8)
        noisy = picture + rng.normal(0, 2, picture.shape)
        finished = Pillow.fromarray(noisy.clip(0, 255).astype(np.uint8))
        finished.save(folder / f"photo {number:05d}.jpg", quality=97)


def write_large(folder: Path, megapixels: int) -> None:
    """Write one JPEG file of about so many megapixels, no more, of the shape 4:3."""
    folder.mkdir(parents=True)
    width = int((megapixels * 1e6 * 4 / 3) ** 0.5)
    height = int(megapixels * 1e6 / width)
    rng = stream(0, "benchmark-memory")
    piece = rng.integers(100, 116, (height, 256, 3)).astype(np.uint8)
    row = np.tile(piece, (1, -(-width // 256), 1))[:, :width]
    Pillow.fromarray(row).save(folder / "large.jpg", quality=95)


def peak(arguments: list[str]) -> tuple[float, float]:
    """Run `degrade` in a process of its own; return its peak memory in MB and its seconds."""
    process = subprocess.Popen(
        [sys.executable, "-c", COMMAND, *arguments], stdout=subprocess.DEVNULL
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        print(f"exit {process.returncode}: degrade {' '.join(arguments)}", file=sys.stderr)
    unit = 1 if sys.platform == "darwin" else 1024
    return usage.ru_maxrss * unit / 1e6, usage.ru_utime + usage.ru_stime


def measured(
    stages: dict[str, tuple[str, ...]], photos: Path, store: Path
) -> dict[str, tuple[float, float]]:
    """Return each stage's peak memory in MB and CPU seconds."""
    place = ["--store", str(store)]
    return {
        name: peak([part.format(photos=photos) for part in stage] + place)
        for name, stage in stages.items()
    }


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", type=int, nargs=2, default=(100, 10_000))
    parser.add_argument("--side", type=int, default=128)
    parser.add_argument("--large", type=int, metavar="MEGAPIXELS")
    parser.add_argument("--folder", type=Path, help="where photos and stores are made and kept")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        top = options.folder or Path(scratch)
        if options.large:
            write_large(top / "large", options.large)
            for name, (memory, cpu) in measured(LARGE, top / "large", top / "large.zarr").items():
                print(f"{name:18}{memory:9.0f} MB{cpu:9.1f} s")
            return
        found = []
        for count in options.photos:
            if not (top / str(count)).exists():
                write_photos(top / str(count), count, options.side)
            found.append(measured(STAGES, top / str(count), top / f"{count}.zarr"))
        few, many = options.photos
        print(f"{'':18}{few:>9} photos{many:>9} photos   ratio  bytes a photo")
        for name in STAGES:
            (low, _), (high, _) = found[0][name], found[1][name]
            each = (high - low) * 1e6 / (many - few)
            print(f"{name:18}{low:12.0f} MB{high:13.0f} MB{high / low:8.2f}{each:15.0f}")


if __name__ == "__main__":
    main()
