"""Scores of the pairs that a run validates on."""

from statistics import mean

import numpy as np
import torch
from torch import Tensor

from degrade.arrays import U8
from degrade.errors import SettingsError
from sr_train.compute.device import evaluating
from sr_train.data.batch import Batch, enlarged
from sr_train.evaluation.metric_table import lpips_distance
from sr_train.evaluation.metrics import WINDOW, psnr, ssim
from sr_train.networks.generator import Generator
from sr_train.networks.lpips import SMALLEST_SIDE, Lpips

HIGHEST = 100.0
"""PSNR in dB that an image without any error counts as."""


@torch.no_grad()
def validation_sr(network: Generator, pairs: Batch) -> Tensor:
    """Return the SR of some pairs, on the CPU; one after the other, as they may be large."""
    with evaluating(network):
        ones = (pairs.part(number, number + 1) for number in range(len(pairs)))
        return torch.cat([enlarged(network, one).cpu() for one in ones])


def validation_scores(
    sr: Tensor, hr: Tensor, border: int, lpips: Lpips | None = None
) -> dict[str, float]:
    """Return mean scores over images rounded to 8 bits, by name.

    Args:
        sr: [B, 3, H, W] on the CPU in [0, 1], not clamped.
        hr: The same of HR.
        border: Pixels cut off each side for PSNR and SSIM, both on RGB (BasicSR's validation).
        lpips: LPIPS is measured too, on whole images.

    Returns:
        ``psnr`` in dB; ``ssim``, where its window fits inside the border; ``lpips`` if asked for.
    """
    images = [(_levels(a), _levels(b)) for a, b in zip(sr, hr, strict=True)]
    rows = [_score(a, b, border, lpips) for a, b in images]
    return {name: mean(row[name] for row in rows) for name in rows[0]}


def check_validation(crop: int, lpips: Lpips | None) -> None:
    """Refuse crops that LPIPS cannot take.

    Raises:
        SettingsError: They are too small.
    """
    if lpips and crop < (least := SMALLEST_SIDE[lpips.backbone]):
        raise SettingsError(
            f"crop {crop} is too small for LPIPS on {lpips.backbone}, which needs {least} or more: "
            "give a larger crop, or train without --lpips"
        )


def _score(sr: U8, hr: U8, border: int, lpips: Lpips | None) -> dict[str, float]:
    inner = [image[border:-border, border:-border].astype(np.float64) for image in (sr, hr)]
    scores = {"psnr": min(psnr(*inner), HIGHEST)}
    if min(inner[0].shape[:2]) >= WINDOW:
        scores["ssim"] = ssim(*inner)
    if lpips:
        scores["lpips"] = lpips_distance(lpips, sr, hr)
    return scores


def _levels(image: Tensor) -> U8:
    levels = (image.clamp(0, 1) * 255).round().to(torch.uint8)
    return np.ascontiguousarray(levels.permute(1, 2, 0).numpy())
