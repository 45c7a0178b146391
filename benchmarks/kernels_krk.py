"""Kernel estimation by the field's protocols: DIV2KRK's recipe and FKP's settings, row by row.

    python -m benchmarks.kernels_krk ../shared/data/clean ../shared/data/scenes [--photos 100]
    python -m benchmarks.kernels_krk FOLDER --settings krk_x2 --rows kernelgan --photos 8
    python -m benchmarks.kernels_krk FOLDER --settings krk_x2 --image --photos 20

Kernel PSNR is on the published arrays (11x11, 31x31; peak 1; mean of dB); L1 is 0 for equal kernels
and 2 for disjoint ones; "cov" is the mean absolute difference of the covariances' entries in
squared HR pixels; seconds are CPU time per photo. "constant" is the mean of a thousand drawn
kernels and looks at no photo; "smooth" is the true Gaussian without the noise in its weights, which
nobody can exceed who fits Gaussians. Refused kernels are counted and left out of the means; by
--least-score those below a score are, too. With --image, PSNR (Y, border 16) of a plain non-blind
method with each row's kernels, on crops.
"""

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

import numpy as np
from scipy.fft import irfft2, next_fast_len, rfft2

from benchmarks.kernel_accuracy import spectral_kernels
from benchmarks.krk import (
    SETTINGS,
    Case,
    Setting,
    as_published,
    cases,
    covariance_l1,
    kernel_psnr,
    mean_kernel,
    on_canvas,
)
from degrade.arrays import F32, F64
from degrade.images.colour import y_channel
from degrade.kernels.estimator_settings import KernelSettings
from degrade.kernels.shape import bicubic_kernel
from sr_train.evaluation.metrics import psnr

FIXED = ("constant", "bicubic", "smooth", "truth")
ESTIMATED = ("spectral", "pooled", "kernelgan", "kernelgan_published")
ROWS = (*FIXED, *ESTIMATED)
CROP, BORDER = 384, 16
"""Side of the crops of --image, HR pixels, and what is not scored of them."""
WEIGHTS = {0.0: 0.02, 10 / 255: 4.0}
"""Of the non-blind method's edges by the photos' noise. Chosen with the true kernel of one photo
without noise; that for noisy ones is a guess. All rows have the same."""


@dataclass(frozen=True)
class Line:
    """One row's means, over the kernels not refused."""

    row: str
    psnr: float
    l1: float
    covariance: float
    seconds: float
    refused: int
    image_psnr: float | None


def main() -> None:
    """Estimate, compare, print a table for each setting, and write JSON where ``--json`` says."""
    options = parse()
    results = {}
    for name in options.settings:
        setting = SETTINGS[name]
        some = list(cases(options.folders, setting, options.seed, options.photos))
        print(f"\n{name}, {len(some)} photos")
        print(f"{'':20}{'PSNR':>8}{'L1':>8}{'cov':>8}{'s/photo':>9}{'refused':>9}", end="")
        print(f"{'image PSNR':>12}" if options.image else "", flush=True)
        results[name] = [asdict(measured(row, some, setting, options)) for row in options.rows]
    if options.json:
        options.json.write_text(json.dumps(results, indent=1))


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", type=Path, nargs="+", help="of sharp pictures")
    parser.add_argument("--settings", nargs="+", choices=SETTINGS, default=list(SETTINGS))
    parser.add_argument("--rows", nargs="+", choices=ROWS, default=[*FIXED[:3], *ESTIMATED[:2]])
    parser.add_argument("--photos", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0, help="of the recipe and of KernelGAN")
    parser.add_argument("--least-score", type=float, default=0.05, help="below is refused")
    parser.add_argument("--image", action="store_true", help="restore pictures with the kernels")
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


def measured(row: str, some: list[Case], setting: Setting, options: argparse.Namespace) -> Line:
    """Measure one row and print it."""
    start = time.process_time()
    kernels = estimates(row, some, setting, options)
    seconds = (time.process_time() - start) / len(some)
    kept = [(case, kernel) for case, kernel in zip(some, kernels, strict=True) if kernel.any()]
    figures = [
        (
            kernel_psnr(kernel, case.truth) if (kernel != case.truth).any() else np.nan,
            float(np.abs(kernel - case.truth).sum()),
            covariance_l1(kernel, case.truth),
        )
        for case, kernel in kept
    ]
    mean = [float(value) for value in np.array(figures).reshape(-1, 3).mean(axis=0)]
    image = None
    if options.image:
        image = float(np.mean([image_psnr(case, kernel, setting) for case, kernel in kept]))
    line = Line(row, mean[0], mean[1], mean[2], seconds, len(some) - len(kept), image)
    print(f"{row:20}{mean[0]:8.2f}{mean[1]:8.3f}{mean[2]:8.3f}{seconds:9.2f}", end="")
    print(f"{line.refused:9}", f"{image:11.2f}" if image is not None else "", flush=True)
    return line


def estimates(
    row: str, some: list[Case], setting: Setting, options: argparse.Namespace
) -> list[F64]:
    """Return one row's kernels as published arrays; zeros where the photo was refused."""
    scale = setting.scale
    if row == "constant":
        return [_constant(setting)] * len(some)
    if row == "bicubic":
        return [as_published(bicubic_kernel(scale), scale)] * len(some)
    if row in ("smooth", "truth"):
        return [case.smooth if row == "smooth" else case.truth for case in some]
    photos = [case.photo for case in some]
    found: list[tuple[F32, float]]
    if row in ("spectral", "pooled"):
        found = spectral_kernels(photos, scale, pooled=row == "pooled")
    else:
        from degrade.kernels.kernelgan import estimate_kernels

        settings = KernelSettings(
            scale=scale, seed=options.seed, as_published=row == "kernelgan_published"
        )
        keys = [case.name for case in some]
        found = [(one.weights, one.score) for one in estimate_kernels(photos, keys, settings)]
    believed = [kernel if score >= options.least_score else 0 * kernel for kernel, score in found]
    return [as_published(kernel, scale) for kernel in believed]


_constant = cache(mean_kernel)


def image_psnr(case: Case, kernel: F64, setting: Setting) -> float:
    """Return the PSNR of the non-blind method's crop from the picture's middle, dB."""
    scale = setting.scale
    height, width = case.photo.shape[:2]
    side = min(CROP // scale, height, width)
    top, left = (height - side) // 2, (width - side) // 2
    photo = y_channel(case.photo)[top : top + side, left : left + side]
    rows, cols = (slice(scale * first, scale * (first + side)) for first in (top, left))
    made = restore(
        photo.astype(np.float32), on_canvas(kernel, scale), scale, WEIGHTS[setting.image_noise]
    )
    inner = (slice(BORDER, -BORDER),) * 2
    return psnr(made.clip(0, 255)[inner], y_channel(case.hr)[rows, cols].astype(float)[inner])


EDGE = 2.0
"""Gradient in levels below which the penalty is quadratic."""
REWEIGHTINGS, STEPS = 4, 12


def restore(photo: F32, kernel: F32, scale: int, weight: float) -> F64:
    """Return the HR picture [scale * H, scale * W] of a grey photo [H, W], in levels.

    Plain non-blind super-resolution: the photo's own equation and few edges, nothing learnt,

        x = argmin |(x * k) sampled - y|^2 + weight * sum sqrt(|grad x|^2 + EDGE^2)

    by iteratively reweighted least squares, each solved by conjugate gradients. What it lacks
    beside a network it lacks for every kernel, so that its PSNR tells what a wrong kernel costs.

    Args:
        photo: Grey levels of 0..255.
        kernel: [S, S] on the scale's canvas.
        scale: HR pixels per LR pixel.
        weight: Of the edges, grows with the photo's noise.
    """
    margin = len(kernel) // 2
    height, width = (scale * side for side in photo.shape)
    shape = tuple(next_fast_len(side + 2 * margin, real=True) for side in (height, width))
    pixels = (slice(margin, margin + height), slice(margin, margin + width))
    transfer = rfft2(_around_first(kernel, scale, shape))

    def blurred(x: F64, gain: F64) -> F64:
        return np.asarray(irfft2(rfft2(x) * gain, shape))

    def photographed(x: F64) -> F64:
        return blurred(x, transfer.conj())[pixels][::scale, ::scale]

    def back(y: F64 | F32) -> F64:
        spread = np.zeros(shape)
        spread[pixels][::scale, ::scale] = y
        return blurred(spread, transfer)

    target = back(photo)
    inner = np.repeat(np.repeat(photo, scale, 0), scale, 1)
    after = [side - margin - length for side, length in zip(shape, inner.shape, strict=True)]
    x = np.pad(inner.astype(np.float64), [(margin, end) for end in after], "edge")
    for _ in range(REWEIGHTINGS):
        across, down = _differences(x)
        diffusivity = weight / np.sqrt(across**2 + down**2 + EDGE**2)

        def normal(v: F64, diffusivity: F64 = diffusivity) -> F64:
            across, down = _differences(v)
            return back(photographed(v)) - _divergence(diffusivity * across, diffusivity * down)

        x = _conjugate_gradients(normal, target, x)
    return x[pixels]


def _around_first(kernel: F32, scale: int, shape: tuple[int, ...]) -> F64:
    """Place a kernel, periodically, its centre (scale - 1) / 2 after the first pixel."""
    whole = np.zeros(shape)
    whole[: len(kernel), : len(kernel)] = kernel
    before = (len(kernel) - scale) // 2
    return np.roll(whole, (-before, -before), (0, 1))


def _differences(x: F64) -> tuple[F64, F64]:
    return np.roll(x, -1, 1) - x, np.roll(x, -1, 0) - x


def _divergence(across: F64, down: F64) -> F64:
    return np.asarray(across - np.roll(across, 1, 1) + down - np.roll(down, 1, 0))


def _conjugate_gradients(normal: Callable[[F64], F64], target: F64, x: F64) -> F64:
    rest = target - normal(x)
    direction, size = rest, float((rest**2).sum())
    for _ in range(STEPS):
        moved = normal(direction)
        step = size / float((direction * moved).sum())
        x, rest = x + step * direction, rest - step * moved
        before, size = size, float((rest**2).sum())
        direction = rest + size / before * direction
    return x


if __name__ == "__main__":
    main()
