"""PSNR, SSIM and sharpness as papers report them, and the protocols by which they score SR."""

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np

from degrade.arrays import F64, Image
from degrade.errors import SettingsError
from degrade.images.colour import y_channel

Channel = Literal["y", "ttsr-y", "rgb"]
TTSR_WEIGHTS = (65.738, 129.057, 25.064)
"""Weights of R, G and B in levels of 0..255, over 256, for Y in TTSR's evaluation (utils.py)."""
WINDOW, SIGMA = 11, 1.5
"""Side and standard deviation of SSIM's Gaussian window (Wang et al. 2004)."""
C1, C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
"""SSIM's stabilising constants for levels of 0..255."""


def score_planes(image: Image, border: int, channel: Channel) -> F64:
    """Return what is scored: [h, w, n] float64 levels, borders cut.

    Args:
        image: [H, W, 3]; uint8, or float32 in [0, 1].
        border: Pixels to cut on each side.
        channel: "y" or TTSR's "ttsr-y" (one, 16..235, not rounded) or "rgb" (three, 0..255).

    Raises:
        SettingsError: Nothing that SSIM's window fits into is left.
    """
    height, width = image.shape[:2]
    if min(height, width) - 2 * border < WINDOW:
        raise SettingsError(
            f"image of {height} rows and {width} columns leaves less than {WINDOW} pixels inside a "
            f"border of {border}; give a smaller border"
        )
    inner = image[border : height - border, border : width - border]
    if channel == "y":
        return y_channel(inner)[..., None]
    levels: F64 = inner.astype(np.float64) * (1 if image.dtype == np.uint8 else 255)
    if channel == "ttsr-y":
        weighted: F64 = levels @ np.asarray(TTSR_WEIGHTS)
        return weighted[..., None] / 256 + 16
    return levels


def psnr(first: F64, second: F64) -> float:
    """Return 10 log10(255^2 / MSE) in dB of two equal-sized arrays of levels; inf if identical."""
    error = float(np.mean(np.square(first - second)))
    return float("inf") if error == 0 else float(10 * np.log10(255**2 / error))


def ssim(first: F64, second: F64) -> float:
    """Return the mean SSIM of two [h, w, n] arrays of levels, over pixels and channels.

    Gaussian window 11x11, sigma 1.5, where it lies fully inside; biased variances (Wang et al.
    2004, eq. 13, and the authors' `ssim.m`).
    """
    pairs = zip(np.moveaxis(first, 2, 0), np.moveaxis(second, 2, 0), strict=True)
    return float(np.mean([_ssim_map(a, b).mean() for a, b in pairs]))


def sharpness(sr: F64, hr: F64) -> float:
    """Return the variance of the Laplacian of SR over that of HR, [h, w, n] levels, mean over n.

    Below 1 where SR is softer than HR, above 1 where it is sharper or noisier. The Laplacian is the
    five-point one, where it lies fully inside (Pech-Pacheco et al. 2000). 1 where both are flat.
    """
    ratios = [
        1.0 if a == b else a / b if b else float("inf")
        for a, b in zip(_laplacian_variance(sr), _laplacian_variance(hr), strict=True)
    ]
    return float(np.mean(ratios))


def _laplacian_variance(planes: F64) -> list[float]:
    inner = planes[1:-1, 1:-1]
    vertical, horizontal = planes[:-2] + planes[2:], planes[:, :-2] + planes[:, 2:]
    laplacian = vertical[:, 1:-1] + horizontal[1:-1] - 4 * inner
    return [float(value) for value in laplacian.var(axis=(0, 1))]


def _ssim_map(a: F64, b: F64) -> F64:
    mean_a, mean_b = _smooth(a), _smooth(b)
    square_a, square_b, product = mean_a * mean_a, mean_b * mean_b, mean_a * mean_b
    variances = _smooth(a * a) - square_a + _smooth(b * b) - square_b
    covariance = _smooth(a * b) - product
    luminance = (2 * product + C1) / (square_a + square_b + C1)
    structure: F64 = (2 * covariance + C2) / (variances + C2)
    return luminance * structure


def _smooth(plane: F64) -> F64:
    """Filter [h, w] with the Gaussian window, valid region only."""
    taps = cv2.getGaussianKernel(WINDOW, SIGMA, cv2.CV_64F)
    cut = WINDOW // 2
    return np.asarray(cv2.sepFilter2D(plane, cv2.CV_64F, taps, taps), np.float64)[
        cut:-cut, cut:-cut
    ]


Name = Literal["realsr", "basicsr", "ttsr"]

CHANNELS: dict[Channel, str] = {
    "y": "Y = 16 + (65.481 R + 128.553 G + 24.966 B)/255",
    "ttsr-y": "Y = 16 + (65.738 R + 129.057 G + 25.064 B)/256",
    "rgb": "RGB, SSIM is the mean of the channels",
}
"""What is scored, by channel name."""


@dataclass(frozen=True)
class ScoringProtocol:
    """How images are made comparable before PSNR and SSIM."""

    name: Name
    channel: Channel
    crops_scale: bool
    """Whether as many HR pixels as the scale are cut on each side; otherwise none."""

    def border(self, scale: int | None, given: int | None = None) -> int:
        """Return the HR pixels to cut on each side: those given, or the protocol's.

        Raises:
            SettingsError: They depend on a scale that is not known.
        """
        if given is not None:
            return given
        if self.crops_scale and scale is None:
            raise SettingsError(
                f"protocol {self.name} cuts the scale on each side, and SR images alone do not "
                "tell it: give --border N (0 cuts nothing)"
            )
        return (scale or 0) if self.crops_scale else 0

    def describe(self, border: int) -> dict[str, str | int]:
        """Return what must be said beside every score made this way."""
        return {
            "name": self.name,
            "channel": CHANNELS[self.channel],
            "border": border,
            "range": "levels of 0..255, peak 255",
            "rounding": "SR to 8 bits, half up; the channel not rounded",
            "ssim": f"Gaussian {WINDOW}x{WINDOW}, sigma {SIGMA}, valid region",
            "sharpness": "variance of the Laplacian of SR over that of HR, same channel and border",
            "mean": "over images",
        }


PROTOCOLS: dict[Name, ScoringProtocol] = {
    "realsr": ScoringProtocol("realsr", "y", crops_scale=True),
    "basicsr": ScoringProtocol("basicsr", "rgb", crops_scale=True),
    "ttsr": ScoringProtocol("ttsr", "ttsr-y", crops_scale=False),
}
"""RealSR's test.py (NTIRE 2020), BasicSR's validation, TTSR's evaluation of reference-SR."""
REALSR = PROTOCOLS["realsr"]
