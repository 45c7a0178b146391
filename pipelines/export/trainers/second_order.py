"""Real-ESRGAN's options for making LR (Wang et al., ICCVW 2021), which its descendants share.

It blurs, resizes, adds noise and compresses twice. A camera does so once: the first round blurs
alone, the second samples to LR, adds the noise and compresses.
"""

from typing import Any

import numpy as np

from degrade.kernels.parametric import variance_factor
from pipelines.export.measured import MIDDLE, MeasuredDegradation, MeasuredNoise, Range
from pipelines.export.trainers.trainer import common_remarks, rounded

KERNEL_SIDES = (7, 21)
"""Sides of the kernels, drawn at random, in HR pixels."""
LOSSLESS = [100, 100]
LEAST_SIGMA = 0.1
BILINEAR = 0.25
"""Variance that bilinear sampling between two pixels adds, squared HR pixels."""


def mean_added(scale: int) -> float:
    """Return the mean variance that area, bilinear and bicubic sampling add without antialiasing.

    In squared HR pixels: a box as wide as the scale, the mean of two pixels at even scales, and
    PyTorch's cubic of a = -0.75 half way between two (weights -3/32, 19/32).
    """
    box = (scale**2 - 1) / 12
    between = (BILINEAR, 2 * (19 / 32 * 0.25 - 3 / 32 * 2.25)) if scale % 2 == 0 else (0.0, 0.0)
    return (box + sum(between)) / 3


def processes(measured: MeasuredDegradation) -> dict[str, Any]:
    """Return the options of both rounds but for the kernels."""
    noise, lossy = measured.noise, measured.compression
    return {
        "resize_prob": [0, 0, 1],
        "resize_range": [1, 1],
        "gaussian_noise_prob": 1,
        "noise_range": [0, 0],
        "poisson_scale_range": [0, 0],
        "gray_noise_prob": 0,
        "jpeg_range": LOSSLESS,
        "second_blur_prob": 0,
        "resize_prob2": [0, 0, 1],
        "resize_range2": [1, 1],
        **_noise(noise),
        "jpeg_range2": LOSSLESS if lossy is None else rounded(lossy.qualities, 0),
    }


def kernels(measured: MeasuredDegradation, added: float) -> dict[str, Any]:
    """Return the kernels' options.

    Args:
        measured: The degradation.
        added: Variance along each axis that the trainer's own resizing adds.
    """
    family = "iso" if measured.round else "aniso"
    shapes = measured.shapes
    name = family if measured.gaussian else f"generalized_{family}"
    sigma = (measured.across[0], measured.along[1])
    if not measured.gaussian:
        sigma = (_scale(sigma[0], shapes[0]), _scale(sigma[1], shapes[1]))
    first = {
        "kernel_list": [name],
        "kernel_prob": [1.0],
        "sinc_prob": 0,
        "blur_sigma": rounded(_without(sigma, added)),
        "betag_range": rounded(shapes),
        "betap_range": [1, 1],
    }
    second = {f"{key}2": value for key, value in first.items()}
    sides = {"blur_kernel_size": KERNEL_SIDES[1], "blur_kernel_size2": KERNEL_SIDES[1]}
    return {**sides, **first, **second, "final_sinc_prob": 0}


def remarks(measured: MeasuredDegradation) -> list[str]:
    """Return what these options cannot say of a degradation."""
    found = []
    if not measured.round:
        found.append("the sigmas along both axes are drawn apart, so some kernels are rounder")
    if not measured.gaussian:
        found.append("half of the exponents are drawn below 1, wherever the range lies")
    if 3 * measured.along[1] > KERNEL_SIDES[0] / 2:
        low, high = KERNEL_SIDES
        found.append(f"kernels are cut off at a random side of {low} to {high} HR pixels")
    if measured.noise is not None:
        found.append(
            "each crop's noise is Gaussian or of Poisson, as strong as both at level "
            f"{MIDDLE:.0f}; the camera's is the sum of both"
        )
    if measured.compression is not None and measured.compression.subsampling != ("4:2:0",):
        kinds = ", ".join(measured.compression.subsampling)
        found.append(f"the files' chroma is {kinds}; here it is always 4:2:0")
    return [*found, *common_remarks(measured)]


def _noise(noise: MeasuredNoise | None) -> dict[str, Any]:
    if noise is None:
        nothing = [0, 0]
        return {
            "gaussian_noise_prob2": 1,
            "noise_range2": nothing,
            "poisson_scale_range2": nothing,
            "gray_noise_prob2": 0,
        }
    total = noise.middle**2
    # Its Poisson noise of scale c has the variance c^2 * level, in squared levels.
    poisson = float(np.sqrt(total / MIDDLE))
    return {
        "gaussian_noise_prob2": round(noise.constant / max(total, 1e-9), 3),
        "noise_range2": rounded((noise.middle, noise.middle)),
        "poisson_scale_range2": rounded((poisson, poisson)),
        "gray_noise_prob2": round(noise.shared, 3),
    }


def _scale(sigma: float, shape: float) -> float:
    """Return the width in exp(-(x' W^-2 x)^shape / 2) of a kernel of a standard deviation."""
    return float(sigma * (0.5 / variance_factor(shape)) ** (1 / (2 * shape)))


def _without(sigma: Range, added: float) -> Range:
    low, high = (float(np.sqrt(max(one**2 - added, LEAST_SIGMA**2))) for one in sigma)
    return low, high
