"""Spectral kernels of photos whose noise falls as a scene does: smooth noise, and enlarged photos.

    python -m benchmarks.soft_photos ../shared/data/clean ../shared/data/scenes [--photos 8]
        [--rows]

Each sharp picture is blurred by Gaussians, and gets noise of 2 and 6 levels that is smoothed by a
Gaussian, as denoising leaves it; or it is blurred, gets white noise of 2 levels and is enlarged,
as a digital zoom does. The truth is the blur in pixels of the photo, what enlarging adds included.
Each line: photos, how many were refused, and of the others how many sigmas are wrong by more than
a tenth, the median error and the median score. The last line has the rank correlation of the score
with the error over all that were accepted.
"""

import argparse
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from scipy.stats import spearmanr

from degrade.arrays import F32, U8
from degrade.images.colour import to_uint8, unit_float
from degrade.images.decode import read_image
from degrade.images.files import find_files
from degrade.kernels import spectral
from degrade.kernels.expected_error import as_score, expected_error
from degrade.randomness import stream

SIDE, SMALL = 640, 420
"""Sides of the photos, and of those that are enlarged, pixels."""
SIGMAS, SMOOTHED, LEVELS = (0.8, 1.6, 2.4), (0.0, 0.5, 1.0, 1.5), (2, 6)
ENLARGED_SIGMAS, ZOOMS = (0.6, 1.2, 2.4), (1.25, 1.5, 2.0, 3.0)
INTERPOLATIONS = {
    "bilinear": cv2.INTER_LINEAR,
    "bicubic": cv2.INTER_CUBIC,
    "Lanczos": cv2.INTER_LANCZOS4,
}
WRONG = 0.1
"""Relative error of a sigma beyond which it is counted as wrong."""


@dataclass(frozen=True)
class Soft:
    """A photo, what it is like, and its true sigma in pixels."""

    kind: str
    photo: U8
    sigma: float


def photos(picture: F32, key: str) -> Iterator[Soft]:
    """Yield all that is made of a picture [n, n, 3] in [0, 1]."""
    for sigma in SIGMAS:
        blurred = cv2.GaussianBlur(picture, (0, 0), sigma)
        for smoothed in SMOOTHED:
            for levels in LEVELS:
                grain = noise(blurred.shape, smoothed, f"{key}/{sigma}/{smoothed}/{levels}")
                noisy = blurred + levels / 255 * grain
                kind = f"sigma {sigma}, noise {levels} smoothed by {smoothed}"
                yield Soft(kind, _rounded(noisy), sigma)
    for sigma in ENLARGED_SIGMAS:
        blurred = cv2.GaussianBlur(picture, (0, 0), sigma)[:SMALL, :SMALL]
        small = _rounded(blurred + 2 / 255 * noise(blurred.shape, 0.0, f"{key}/zoom/{sigma}"))
        for zoom in ZOOMS:
            for name, flag in INTERPOLATIONS.items():
                large = cv2.resize(small, None, fx=zoom, fy=zoom, interpolation=flag)
                # Bilinear interpolation is a triangle; the others have next to no variance.
                added = zoom**2 / 6 if name == "bilinear" else 0.0
                truth = float(np.sqrt((sigma * zoom) ** 2 + added))
                yield Soft(f"sigma {sigma}, {name} x{zoom}", np.asarray(large, np.uint8), truth)


def noise(shape: tuple[int, ...], smoothed: float, key: str) -> F32:
    """Return Gaussian noise of unit variance, smoothed."""
    grain = stream(0, "soft-photos", key).standard_normal(shape).astype(np.float32)
    if smoothed:
        grain = np.asarray(cv2.GaussianBlur(grain, (0, 0), smoothed), np.float32)
    return grain / grain.std()


def _rounded(picture: F32) -> U8:
    return to_uint8(np.clip(picture, 0, 1).astype(np.float32))


def main() -> None:
    """Estimate, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", type=Path, nargs="+", help="of sharp pictures")
    parser.add_argument("--photos", type=int, default=8, help="pictures")
    parser.add_argument("--rows", action="store_true", help="a line for each kind")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    paths = [f / name for f in options.folders for name in find_files(f).images]
    found: dict[str, list[tuple[float, float] | None]] = defaultdict(list)
    for path in paths[: options.photos]:
        for soft in photos(unit_float(read_image(path))[:SIDE, :SIDE], path.name):
            estimate = spectral.estimate(soft.photo)
            if isinstance(estimate, str):
                found[soft.kind].append(None)
                continue
            sigma = float(np.exp(estimate.blur.values[0] / 2))
            error = abs(sigma / soft.sigma - 1)
            found[soft.kind].append((error, as_score(expected_error(estimate))))
    for kind, each in found.items() if options.rows else ():
        print(f"{kind:40}{_line(each)}")
    every = [one for each in found.values() for one in each]
    print(f"{'all':40}{_line(every)}")
    error, score = np.array([one for one in every if one is not None]).T
    print(f"rank correlation of score and error: {spearmanr(score, -error)[0]:.2f}")


def _line(each: list[tuple[float, float] | None]) -> str:
    kept = np.array([one for one in each if one is not None]).reshape(-1, 2)
    text = f"{len(each):5} photos, {len(each) - len(kept):4} refused"
    if len(kept):
        error, score = np.median(kept, axis=0)
        text += f", {(kept[:, 0] > WRONG).sum():4} wrong; error {error:.0%}, score {score:.2f}"
    return text


if __name__ == "__main__":
    main()
