"""Cost of mining and pair building per photo beside decoding alone, and beside the published way.

    python -m benchmarks.pipeline [--photos 4] [--height 1536] [--width 2048] [--rounds 3]

CPU seconds on one core, interleaved rounds, medians; every line includes decoding the JPEG. The
published way is the released scripts': PIL decode, variance of each grey window by NumPy,
full-resolution correlation then subsampling, one PNG file for each image of a pair.
"""

import argparse
import io
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from PIL import Image as Pillow
from scipy import ndimage

from degrade.arrays import U8
from degrade.degradation import degrade
from degrade.images.colour import to_uint8
from degrade.images.decode import decode
from degrade.kernels.parametric import gaussian_kernel
from degrade.noise.mining import NoiseSettings, mine
from degrade.pairs import PairSettings, make_hr, tile_grid
from degrade.randomness import stream

NOISE, PAIRS = NoiseSettings(), PairSettings(scale=4)
KERNEL = gaussian_kernel((3.0, 2.2), 0.4, 32)


def jpeg(number: int, height: int, width: int) -> bytes:
    """Return a JPEG of occluding discs with a little noise."""
    rng = stream(number, "benchmark-photo")
    picture = np.zeros((height, width, 3), np.uint8)
    for radius in 3 / np.sqrt(rng.uniform(1e-4, 1, 4000)):
        centre = (int(rng.integers(width)), int(rng.integers(height)))
        cv2.circle(picture, centre, int(radius), tuple(map(int, rng.integers(10, 245, 3))), -1)
    noisy = picture + rng.normal(0, 3, picture.shape)
    file = io.BytesIO()
    Pillow.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(file, "JPEG", quality=92)
    return file.getvalue()


def pixels(data: bytes) -> U8:
    """Decode as the pipeline does."""
    return to_uint8(decode(data, "photo.jpg"))


def mining(data: bytes) -> None:
    """Decode and measure all windows."""
    mine(pixels(data), NOISE)


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


def main() -> None:
    """Time all of them and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, value in (("photos", 4), ("height", 1536), ("width", 2048), ("rounds", 3)):
        parser.add_argument(f"--{name}", type=int, default=value)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    photos = [jpeg(number, options.height, options.width) for number in range(options.photos)]
    works: dict[str, Callable[[bytes], object]] = {
        "decode alone": pixels,
        "mine noise": mining,
        "build pairs": pairing,
        "mine noise, published way": published_mining,
        "build pairs, published way": published_pairing,
    }
    seconds: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(options.rounds):
        for name, work in works.items():
            start = time.process_time()
            for photo in photos:
                work(photo)
            seconds[name].append((time.process_time() - start) / len(photos))
    decode_alone = statistics.median(seconds["decode alone"])
    for name, runs in seconds.items():
        median = statistics.median(runs)
        print(f"{name:28}{1000 * median:9.1f} ms a photo{median / decode_alone:8.2f} x decoding")


if __name__ == "__main__":
    main()
