"""How often the intervals about a kernel's sigmas and angle hold the truth.

    python -m benchmarks.kernel_intervals ../shared/data/clean ../shared/data/scenes [--photos 40]
    python -m benchmarks.kernel_intervals --truth ../shared/data/phone_x2 [--pool]

The first draws kernels and photos as `benchmarks.kernels_krk` does, each photo alone; the second
takes a folder with source/ and truth_kernels.npz, each photo alone or all as one camera's.
Intervals of 90 % should hold 90 %. "deviations" is the root mean square of an error over its
claimed standard deviation, which should be 1. An angle counts where true axes differ by a fifth.
"""

import argparse
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.kernel_accuracy import given
from benchmarks.krk import SETTINGS, cases, on_canvas
from degrade.arrays import F32, U8
from degrade.kernels import spectral
from degrade.kernels.expected_error import MIN_SCORE, as_score, expected_error
from degrade.kernels.parametric import gaussian_parameters
from degrade.kernels.pooling import pool
from degrade.kernels.uncertainty import QUANTILE, deviation, half_widths

ROUND = 1.2
"""Ratio of a kernel's axes below which its angle is not asked for."""


@dataclass(frozen=True)
class Coverage:
    """Shares of the intervals that hold the truth.

    Attributes:
        kernels: How many kernels were not refused.
        of_sigmas: Of both sigmas.
        of_angles: Of the angles of kernels that are not round; NaN where all are.
        deviations: Root mean square of the sigmas' errors over their claimed standard deviations.
    """

    kernels: int
    of_sigmas: float
    of_angles: float
    deviations: float


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", type=Path, nargs="*", help="of sharp pictures")
    parser.add_argument("--truth", type=Path, nargs="+", default=[], help="photos with kernels")
    parser.add_argument("--pool", action="store_true", help="photos of --truth are one camera's")
    parser.add_argument("--settings", nargs="+", choices=SETTINGS, default=list(SETTINGS))
    parser.add_argument("--photos", type=int, default=40)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    print(f"{'':24}{'kernels':>8}{'sigmas':>8}{'angles':>8}{'deviations':>12}", flush=True)
    for folder in options.truth:
        some = [(case.photo, case.truth) for case in given(folder)]
        _print(folder.name, held(some, some[0][1].shape[0] // 8, pooled=options.pool))
    for name in options.settings if options.folders else []:
        _print(name, coverage(options.folders, name, options.seed, options.photos))


def coverage(folders: list[Path], setting: str, seed: int, count: int) -> Coverage:
    """Return the shares over photos made by a setting of `benchmarks.krk`."""
    drawn = cases(folders, SETTINGS[setting], seed, count)
    scale = SETTINGS[setting].scale
    return held(((one.photo, on_canvas(one.truth, scale)) for one in drawn), scale, pooled=False)


def held(photos: Iterable[tuple[U8, F32]], scale: int, *, pooled: bool) -> Coverage:
    """Return the shares over photos and their true kernels."""
    found = [(spectral.estimate(photo), truth) for photo, truth in photos]
    good = [
        (fit.blur, truth)
        for fit, truth in found
        if not isinstance(fit, str) and as_score(expected_error(fit)) >= MIN_SCORE
    ]
    blurs = [blur for blur, _ in good]
    after = pool(blurs) if pooled else blurs
    spreads = [deviation(new, pooled=new is not old) for old, new in zip(blurs, after, strict=True)]
    half = half_widths(np.array([blur.values for blur in after]), np.array(spreads), scale)
    estimates = np.array([blur.parameters(scale) for blur in after])
    truths = np.array([gaussian_parameters(np.maximum(truth, 0)) for _, truth in good])
    errors = np.abs(estimates - truths)
    errors[:, 2] = np.minimum(errors[:, 2], np.pi - errors[:, 2])
    widths = np.stack([half.sigma_major, half.sigma_minor, half.angle], axis=1)
    inside = errors <= widths
    oval = truths[:, 0] > ROUND * truths[:, 1]
    shares = errors[:, :2] / (widths[:, :2] / QUANTILE)
    return Coverage(
        kernels=len(good),
        of_sigmas=float(inside[:, :2].mean()),
        of_angles=float(inside[oval, 2].mean()) if oval.any() else float("nan"),
        deviations=float(np.sqrt((shares**2).mean())),
    )


def _print(name: str, found: Coverage) -> None:
    print(
        f"{name:24}{found.kernels:8}{found.of_sigmas:8.2f}{found.of_angles:8.2f}"
        f"{found.deviations:12.2f}",
        flush=True,
    )


if __name__ == "__main__":
    main()
