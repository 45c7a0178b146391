"""Whether KernelGAN can learn from a photo, and whether the kernel that it gives is accepted."""

from dataclasses import dataclass

import numpy as np

from degrade.arrays import F32, F64, Image
from degrade.kernels.crops import CropMaps, crop_maps
from degrade.kernels.estimator_settings import KERNEL_SIDE, KernelSettings
from degrade.kernels.shape import (
    canvas_size,
    centre_of_mass,
    l1_distance,
    prune,
    recentre,
    x2_to_x4,
)
from degrade.kernels.unfit_photos import unfit

MAX_EDGE = 0.3
"""Share of a kernel's weight in the outermost ring, above which its support did not fit."""
MAX_NEGATIVE = 0.4
"""Negative share of a kernel's absolute weight, above which it is no blur."""
MAX_MOVE = 2.5
"""Pixels that a kernel's centre had to be moved, above which it was trained off-centre."""
MAX_SUM_ERROR = 0.3
"""Distance of a trained kernel's sum from 1, above which training failed."""
MAX_SPREAD = 1.0
"""Mean L1 distance to a photo's other restarts, above which none is to be believed."""


@dataclass(frozen=True)
class KernelEstimate:
    """One kernel estimated from one photo, or the reason why there is none.

    Attributes:
        weights: [S, S] float32 on the scale's canvas, centred, sum 1; zeros if there is no kernel.
        key: The photo's name.
        seed: Of this restart: the run's seed plus the restart's number.
        score: Quality in [0, 1].
        accepted: Whether it passed all checks.
        reason: Why it was refused, one line; empty if accepted.
    """

    weights: F32
    key: str
    seed: int
    score: float
    accepted: bool
    reason: str


def unusable(photo: Image, settings: KernelSettings) -> str | None:
    """Return why KernelGAN cannot learn from a photo, or None if it can try."""
    found = examine(photo, settings)
    return found if isinstance(found, str) else None


def examine(photo: Image, settings: KernelSettings) -> CropMaps | str:
    """Return where to crop a photo, or why it is unusable."""
    reason = unfit(photo, settings.min_side)
    if reason:
        return reason
    maps = crop_maps(photo, settings)
    return maps if maps is not None else "no texture: no gradients stand out to learn from"


def refuse(key: str, reason: str, settings: KernelSettings) -> list[KernelEstimate]:
    """Return refused estimates without kernels, one per restart, for a photo that was not tried."""
    return [_empty(key, settings.seed + r, reason, settings) for r in range(settings.restarts)]


def judge(key: str, trained: F32, settings: KernelSettings) -> list[KernelEstimate]:
    """Finish one photo's kernels and judge them.

    A kernel loses score for weight at its edge, negative weight, the distance its centre had to be
    moved and, with several restarts, its distance from the other restarts' kernels; it is refused
    where one of these exceeds its limit above.

    Args:
        key: The photo's name.
        trained: [R, 13, 13], one composed kernel per restart; NaN if training diverged.
        settings: Scale and seeds.
    """
    finished = [_finish(kernel, settings) for kernel in trained]
    estimates = []
    for restart, (kernel, raw) in enumerate(zip(finished, trained, strict=True)):
        seed = settings.seed + restart
        if isinstance(kernel, str):
            estimates.append(_empty(key, seed, kernel, settings))
            continue
        others = [k for i, k in enumerate(finished) if i != restart and not isinstance(k, str)]
        faults = _faults(prune(raw, settings.kept_weights), raw, kernel, others)
        score = float(np.prod([max(0.0, 1 - fault.share) for fault in faults]))
        reason = "; ".join(fault.text for fault in faults if fault.share > 1)
        estimates.append(KernelEstimate(kernel, key, seed, score, not reason, reason))
    return estimates


@dataclass(frozen=True)
class _Fault:
    """What speaks against a kernel, as a share of its limit."""

    share: float
    text: str


def _faults(pruned: F64, raw: F32, kernel: F32, others: list[F32]) -> list[_Fault]:
    edge = 1 - float(pruned[1:-1, 1:-1].sum())
    negative = float(-raw.clip(max=0).sum() / np.abs(raw).sum())
    moved = float(np.hypot(*(np.array(centre_of_mass(pruned)) - KERNEL_SIDE / 2)))
    faults = [
        _Fault(edge / MAX_EDGE, f"{edge:.0%} of its weight lies at its edge"),
        _Fault(negative / MAX_NEGATIVE, f"{negative:.0%} of its weight is negative"),
        _Fault(moved / MAX_MOVE, f"its centre lay {moved:.1f} pixels off"),
    ]
    if others:
        spread = float(np.mean([l1_distance(kernel, other) for other in others]))
        faults.append(_Fault(spread / MAX_SPREAD, f"restarts differ by {spread:.2f} in L1"))
    return faults


def _finish(trained: F32, settings: KernelSettings) -> F32 | str:
    """Return the kernel on its canvas, or why there is none."""
    if not np.isfinite(trained).all():
        return "training diverged: the kernel has no finite weights"
    total = float(trained.sum())
    if not abs(total - 1) <= MAX_SUM_ERROR:
        return f"training collapsed: the kernel sums to {total:.2f}, not 1"
    half = recentre(prune(trained, settings.kept_weights), canvas_size(2))
    return half if settings.scale == 2 else x2_to_x4(half)


def _empty(key: str, seed: int, reason: str, settings: KernelSettings) -> KernelEstimate:
    side = canvas_size(settings.scale)
    return KernelEstimate(np.zeros((side, side), np.float32), key, seed, 0.0, False, reason)
