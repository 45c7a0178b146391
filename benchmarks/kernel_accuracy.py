"""Compare estimated kernels with the truth, method beside method.

    python -m benchmarks.kernel_accuracy ../shared/data/kernels_x2 [--methods spectral pooled]
    python -m benchmarks.kernel_accuracy ../shared/data/clean --simulate 1000 --scale 3

The folder holds source/ and truth_kernels.npz (kernels by file stem); with --simulate it holds
sharp photos, and each is photographed by a simulated camera with another kernel (Gaussian, disc,
line or generalised Gaussian), a third each with noise, JPEG or neither; no constant of the
estimators was chosen on seeds from 1000 on. L1 is 0 for equal kernels and
2 for disjoint ones, both centred and with sum 1; refused kernels are counted and left out. LR PSNR
compares LR made from the photo with the estimate and with the truth. Spearman is the rank
correlation of the score with -L1 over the kernels not refused.
"""

import argparse
import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from scipy.stats import spearmanr

from benchmarks.simulated_photos import Simulated, simulate
from degrade.arrays import F32, U8
from degrade.degradation import downsample
from degrade.images.colour import to_uint8
from degrade.images.decode import read_image
from degrade.images.windows import crop_to_multiple
from degrade.kernels import spectral
from degrade.kernels.combined import combine
from degrade.kernels.estimator_settings import KernelSettings
from degrade.kernels.expected_error import as_score, expected_error, score
from degrade.kernels.parametric import gaussian_parameters
from degrade.kernels.pooling import pool
from degrade.kernels.shape import bicubic_kernel, canvas_size, centre_of_mass, l1_distance, recentre

METHODS = ("bicubic", "published", "kernelgan", "combined", "spectral", "pooled")


@dataclass(frozen=True)
class Row:
    """One estimate beside its truth."""

    photo: str
    family: str
    wear: str
    l1: float
    correlation: float
    centre: float
    sigma_error: float
    angle_error: float
    lr_psnr: float
    score: float


Estimates = list[tuple[F32, float]]
"""Kernel and score of each photo; a kernel of zeros was refused."""


def main() -> None:
    """Estimate, compare, print a table, and write JSON where ``--json`` says."""
    options = parse()
    if options.simulate is None:
        cases = given(options.folder)[: options.photos]
    else:
        cases = simulate(options.folder, options.scale, options.simulate, options.noise)
        cases = cases[: options.photos]
    scale = cases[0].truth.shape[0] // 8
    photos = [case.photo for case in cases]
    results = {}
    head = "LR PSNR  Spearman  s/photo  refused"
    print(f"{'':12}{'L1':>7}{'worst':>7}{'corr':>7}{'centre':>8}{'sigma':>8}{'angle':>7}  {head}")
    for method in options.methods:
        start = time.process_time()
        estimates = estimate(method, photos, scale, options)
        seconds = (time.process_time() - start) / len(photos)
        table = [compare(case, found, scale) for case, found in zip(cases, estimates, strict=True)]
        results[method] = [asdict(row) for row in table]
        print_line(method, table, seconds)
        if options.simulate is not None:
            print_parts(table)
        if options.rows:
            for row in table:
                print(f"  {row.photo:<24}L1 {row.l1:.3f}  score {row.score:.2f}")
    if options.json:
        options.json.write_text(json.dumps(results, indent=1))


def given(folder: Path) -> list[Simulated]:
    """Read photos with their truth."""
    truth = np.load(folder / "truth_kernels.npz")
    paths = sorted((folder / "source").iterdir())
    return [
        Simulated(
            path.name, to_uint8(read_image(path)), truth[path.stem].astype(np.float32), "given", ""
        )
        for path in paths
    ]


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--simulate", type=int, metavar="SEED", help="photograph sharp photos")
    parser.add_argument("--scale", type=int, default=2, choices=(2, 3, 4, 8), help="to simulate")
    parser.add_argument(
        "--noise", type=float, metavar="SIGMA", help="instead of noise, JPEG or neither: levels"
    )
    parser.add_argument("--photos", type=int, help="only the first so many")
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=METHODS)
    parser.add_argument("--iterations", type=int, default=3000, help="of KernelGAN")
    parser.add_argument("--seed", type=int, default=0, help="of KernelGAN")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--rows", action="store_true", help="print every estimate")
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


def estimate(method: str, photos: list[U8], scale: int, options: argparse.Namespace) -> Estimates:
    """Return each photo's kernel and score by one method."""
    if method == "bicubic":
        return [(bicubic_kernel(scale), 1.0)] * len(photos)
    if method in ("spectral", "pooled"):
        return spectral_kernels(photos, scale, pooled=method == "pooled")
    from degrade.kernels.kernelgan import estimate_kernels

    settings = KernelSettings(
        scale=scale,
        iterations=options.iterations,
        seed=options.seed,
        as_published=method == "published",
    )
    names = [str(index) for index in range(len(photos))]
    found = estimate_kernels(photos, names, settings, options.device)
    if method == "combined":
        both = [
            combine(one, spectral.estimate(photo), scale)
            for one, photo in zip(found, photos, strict=True)
        ]
        return [(one.weights, one.score) for one in both]
    return [
        (one.weights, one.score * spectral_agreement(photo, one.weights, scale))
        for photo, one in zip(photos, found, strict=True)
    ]


def spectral_agreement(photo: U8, kernel: F32, scale: int) -> float:
    """Return the score that a photo's spectrum gives to a kernel."""
    spectrum = spectral.estimate(photo)
    if isinstance(spectrum, str) or not kernel.any():
        return 1.0
    return score(spectrum, kernel, scale)


def spectral_kernels(photos: list[U8], scale: int, *, pooled: bool) -> Estimates:
    """Return the spectral kernels, each photo for itself or as one camera's."""
    fits = [spectral.estimate(photo) for photo in photos]
    good = [fit for fit in fits if not isinstance(fit, str)]
    blurs = [fit.blur for fit in good]
    made = iter(pool(blurs) if pooled else blurs)
    return [
        (np.zeros((canvas_size(scale),) * 2, np.float32), 0.0)
        if isinstance(fit, str)
        else (next(made).kernel(scale), as_score(expected_error(fit)))
        for fit in fits
    ]


def compare(case: Simulated, estimate: tuple[F32, float], scale: int) -> Row:
    """Measure one estimate."""
    (kernel, score), truth = estimate, case.truth
    if not kernel.any():
        return Row(
            case.name, case.family, case.wear, 2.0, 0.0, np.nan, np.nan, np.nan, np.nan, score
        )
    a, b = (recentre(k, truth.shape[0]).ravel().astype(float) for k in (kernel, truth))
    found, true = (gaussian_parameters(np.maximum(k, 0)) for k in (kernel, truth))
    turn = abs(found[2] - true[2]) % np.pi
    hr = crop_to_multiple(case.photo, scale)
    error = downsample(hr, kernel, scale) - downsample(hr, truth, scale)
    centre = np.hypot(*(np.array(centre_of_mass(kernel)) - (kernel.shape[0] - 1) / 2))
    return Row(
        photo=case.name,
        family=case.family,
        wear=case.wear,
        l1=l1_distance(kernel, truth),
        correlation=float(a @ b / (np.linalg.norm(a) * np.linalg.norm(b))),
        centre=float(centre),
        sigma_error=(abs(found[0] / true[0] - 1) + abs(found[1] / true[1] - 1)) / 2,
        angle_error=np.degrees(min(turn, np.pi - turn)) if true[0] > 1.2 * true[1] else np.nan,
        lr_psnr=float(-10 * np.log10(np.mean(error**2))),
        score=score,
    )


def print_line(method: str, table: list[Row], seconds: float) -> None:
    """Print the means of one method."""
    refused = len(table)
    table = [row for row in table if np.isfinite(row.lr_psnr)]
    refused -= len(table)
    l1 = [row.l1 for row in table]
    names = ("l1", "correlation", "centre", "sigma_error", "lr_psnr")
    mean = {name: np.nanmean([getattr(row, name) for row in table]) for name in names}
    angles = [row.angle_error for row in table if np.isfinite(row.angle_error)]
    angle = f"{np.mean(angles):6.0f}°" if angles else "      -"
    scores = [row.score for row in table]
    varied = len(set(scores)) > 1
    rank = f"{spearmanr(scores, -np.array(l1)).statistic:8.2f}" if varied else "       -"
    print(
        f"{method:12}{mean['l1']:7.3f}{max(l1):7.3f}{mean['correlation']:7.3f}{mean['centre']:8.3f}"
        f"{mean['sigma_error']:8.1%}{angle}  {mean['lr_psnr']:7.1f}  {rank}  {seconds:7.2f}"
        f"  {refused:7}",
        flush=True,
    )


def print_parts(table: list[Row]) -> None:
    """Print the mean L1 of the kernels not refused, by family and by wear."""
    kept = [row for row in table if np.isfinite(row.lr_psnr)]
    for part in ("family", "wear"):
        for name in sorted({getattr(row, part) for row in kept}):
            l1 = [row.l1 for row in kept if getattr(row, part) == name]
            print(f"  {name} {np.mean(l1):.3f} ({len(l1)})", end="")
        print(flush=True)


if __name__ == "__main__":
    main()
