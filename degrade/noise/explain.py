"""Explain why a search found no noise patches, and suggest settings that would find some."""

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from degrade.arrays import F32
from degrade.noise.mining import LOOK, NoiseSettings, Windows, find_faults

WANTED = (10, 100, 1000)
"""Numbers of patches for which a threshold is suggested."""


@dataclass(frozen=True)
class Distribution:
    """Which grey variances the windows of a run had, and what became of them."""

    windows: int
    accepted: int
    variance: dict[str, float]
    """Minimum and percentiles ("min", "5 %", "25 %", "50 %"); empty without windows."""
    refused: dict[str, int]
    """Windows per failed setting ("max_variance", ...); a window may fail several."""
    thresholds: dict[int, float]
    """Patches -> max_variance that would give so many: 10, 100, 1000, or all if fewer than 10."""


def distribution(parts: Iterable[Windows], settings: NoiseSettings) -> Distribution:
    """Summarise the windows of all photos, given a few photos at a time.

    Of a window that is gone, eight bytes at most are kept: its variance, twice where it matters.
    """
    variances: list[F32] = []
    eligible: list[F32] = []
    accepted = 0
    refused: Counter[str] = Counter()
    for windows in parts:
        columns = (windows.mean, windows.variance, windows.clipped, windows.structure)
        faults = find_faults(*columns, settings)
        other = np.any([fault for name, fault in faults.items() if name != "max_variance"], axis=0)
        variances.append(windows.variance)
        eligible.append(windows.variance[~other & ~np.isnan(windows.structure)])
        accepted += int(windows.accepted.sum())
        refused.update({name: int(fault.sum()) for name, fault in faults.items()})
    variance = np.concatenate(variances)
    seen = np.percentile(variance, (0, 5, 25, 50)) if len(variance) else ()
    names = ("min", "5 %", "25 %", "50 %")
    return Distribution(
        windows=len(variance),
        accepted=accepted,
        variance={name: float(value) for name, value in zip(names, seen, strict=False)},
        refused=dict(refused),
        thresholds=_thresholds(np.concatenate(eligible)),
    )


def explain_empty(seen: Distribution, settings: NoiseSettings) -> str:
    """Return one line: no patch was found, why, and which thresholds would have given some."""
    values = ", ".join(f"{name} {value:.1f}" for name, value in seen.variance.items())
    refused = ", ".join(f"{count} by {name}" for name, count in seen.refused.items() if count)
    return (
        f"no noise patch among {seen.windows} windows of {settings.patch} pixels (grey variance: "
        f"{values}; refused: {refused}); {_remedy(seen, settings)}"
    )


def suggest_patch(sizes: list[tuple[int, int]]) -> int:
    """Return the power of two, 16 to 256, that fits four times into the median shorter side."""
    shorter = float(np.median([min(size) for size in sizes]))
    return int(2 ** np.clip(np.floor(np.log2(max(shorter, 1) / 4)), 4, 8))


def explain_too_large(sizes: list[tuple[int, int]], patch: int) -> str:
    """Return one line: a patch fits into no photo, and which would.

    Args:
        sizes: (height, width) of the photos, at least one.
        patch: The side asked for, pixels.
    """
    height, width = max(sizes, key=min)
    return (
        f"noise patches of {patch} pixels fit into none of {len(sizes)} photos (the largest has "
        f"{height} rows and {width} columns); give --patch {suggest_patch(sizes)}"
    )


def _remedy(seen: Distribution, settings: NoiseSettings) -> str:
    if seen.thresholds:
        return "; ".join(
            f"--max-variance {value:.1f} would give {count} patches"
            for count, value in seen.thresholds.items()
        )
    return (
        f"no --max-variance up to {LOOK * settings.max_variance:g} would give any; give a smaller "
        "--patch, a larger --max-structure, or photos with smooth areas such as sky or walls"
    )


def _thresholds(eligible: F32) -> dict[int, float]:
    """Return the max_variance for each wanted number of patches, or for all where they are few."""
    counts = [n for n in WANTED if n <= len(eligible)] or [len(eligible)][: len(eligible)]
    ordered = np.sort(eligible).astype(float)
    return {n: (math.floor(ordered[n - 1] * 10) + 1) / 10 for n in counts}
