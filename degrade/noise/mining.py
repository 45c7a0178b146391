"""Find the windows of a photo that hold noise and little else (RealSR's noise pool, detrended)."""

from dataclasses import dataclass, fields
from functools import cache
from typing import Self

import cv2
import numpy as np
from pydantic import ConfigDict, Field, model_validator

from degrade.arrays import F32, I32, U8, Bool, Image
from degrade.grouping_setting import BY, GroupBy, GroupedSettings
from degrade.images.colour import luma, to_uint8
from degrade.images.windows import window_starts

CROP = 32
"""Side of the crop that training injects as published (HR 128 / scale 4)."""
BLOCK = 8
"""Side of the blocks whose means count as structure: wider than the grain of camera noise."""
LOOK = 10
"""Windows of up to this many times max_variance are measured in full, to suggest a threshold."""
EVERY = 4
"""One row in so many is measured first. The surface that fits a whole window fits those rows no
better than their own, so the window's variance is above a fourth of their residual: where that is
LOOK times max_variance, the window fails max_variance for certain."""


class NoiseSettings(GroupedSettings):
    """What counts as a noise patch; variances in squared levels of 0..255."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    patch: int = Field(256, ge=16, le=4096, description="side of a patch, pixels")
    stride: int | None = Field(
        None, ge=1, description="pixels from window to window; none: the side of a patch"
    )
    max_variance: float = Field(
        20.0, gt=0, le=65025, description="grey variance below which a window may be noise"
    )
    min_variance: float = Field(
        0.25,
        ge=0,
        description="grey variance a patch has at least; rounding a smooth picture to 8 bit "
        "leaves 0.25 at most",
    )
    min_mean: float = Field(0.0, ge=0, lt=255, description="grey mean that a patch exceeds")
    max_structure: float = Field(
        0.2,
        ge=0,
        le=1,
        description="share of a patch's variance that blocks of 8 pixels may have "
        "(white noise 0.02, ramps and texture more)",
    )
    max_clipped: float = Field(
        0.02, ge=0, le=1, description="share of pixels that may have a channel at 0 or 255"
    )

    group: GroupBy = Field(
        "auto",
        description="what groups photos of several cameras, each of which gets a noise curve "
        f"of its own: {BY}; auto: as the store's kernels were grouped, without them EXIF",
    )

    @model_validator(mode="after")
    def _variances_in_order(self) -> Self:
        if self.min_variance >= self.max_variance:
            raise ValueError(
                f"min_variance {self.min_variance:g} is not below max_variance "
                f"{self.max_variance:g}; lower the one or raise the other"
            )
        return self

    @property
    def step(self) -> int:
        """The stride in force, pixels."""
        return self.stride or self.patch


@dataclass(frozen=True)
class Windows:
    """Every window of a photo and what was measured in it, in levels of 0..255."""

    row: I32
    """[n]: first row of the window."""
    col: I32
    """[n]: first column of the window."""
    mean: F32
    """[n, 3]: mean of each channel."""
    variance: F32
    """[n]: variance of the grey window without its quadratic trend; one row in `EVERY`, taken as
    a window, stands for those where it is far too large."""
    clipped: F32
    """[n]: share of pixels with a channel at 0 or 255; NaN where the variance is far too large."""
    structure: F32
    """[n]: share of the variance in blocks of 8 pixels (`structure`); NaN where clipped is."""
    accepted: Bool
    """[n]: whether it is a noise patch."""

    def __len__(self) -> int:
        return len(self.row)


def mine(photo: Image, settings: NoiseSettings) -> Windows:
    """Measure every window of a photo and decide which are noise patches.

    RealSR (`collect_noise.py`) keeps windows whose grey variance is below a threshold. Here the
    variance is what a least-squares quadratic surface leaves, so that the shading of a sky does
    not count as noise; windows where that leaves nothing, or whose noise is clipped, or whose
    variance lies in ramps and texture, which injection would add to LR, are refused.

    Args:
        photo: [H, W, 3]; uint8, or float32 in [0, 1].
        settings: Thresholds and grid; the last window of a row or column ends at the border.

    Returns:
        The windows in row-major order; none where the photo is smaller than a patch.
    """
    levels = photo if photo.dtype == np.uint8 else np.multiply(photo, 255, dtype=np.float32)
    height, width = photo.shape[:2]
    cols = window_starts(width, settings.patch, settings.step)
    rows = window_starts(height, settings.patch, settings.step) if cols else []
    if not rows:
        return _nothing()
    return merge([_measure_strip(levels, row, cols, settings) for row in rows])


def patches(photo: Image, windows: Windows, side: int) -> U8:
    """Return the accepted windows as uint8 [k, side, side, 3], as cut from the photo."""
    kept = np.flatnonzero(windows.accepted)
    cut = np.empty((len(kept), side, side, 3), np.uint8)
    for patch, row, col in zip(cut, windows.row[kept], windows.col[kept], strict=True):
        patch[:] = to_uint8(photo[row : row + side, col : col + side])
    return cut


def merge(parts: list[Windows]) -> Windows:
    """Return the windows of several strips or photos as one."""
    names = [field.name for field in fields(Windows)]
    together = {name: np.concatenate([getattr(part, name) for part in parts]) for name in names}
    return Windows(**together)


def detrended_variance(grey: F32, mean: F32) -> F32:
    """Return the variance that the best quadratic surface leaves in each grey window.

    Args:
        grey: [n, P, Q].
        mean: [n]: about their means.
    """
    down, across = (polynomials(side) for side in grey.shape[1:])
    centred = grey - mean[:, None, None]
    moments = down.T @ (centred @ across)
    surface = np.square(moments, dtype=np.float64)[:, *_QUADRATIC].sum(axis=1)
    total = np.array([np.vdot(window, window) for window in centred], np.float64)
    left: F32 = np.maximum((total - surface) / centred[0].size, 0).astype(np.float32)
    return left


def structure(windows: list[Image]) -> F32:
    """Return the share of each window's variance that lies in blocks of 8 x 8 pixels.

    Variance is what injection adds to LR, as published: of crops of 32 pixels without the mean of
    each channel, all channels together. White noise has 1/64, noise with a grain of 1 pixel
    (Gaussian sigma) 0.14, a ramp or an edge nearly 1; 0 where there is no variance.

    Args:
        windows: [P, P, 3] levels of 0..255 each, P at least 16.
    """
    side = len(windows[0])
    crop = min(CROP, side) // BLOCK
    crops = side // BLOCK // crop
    blocks = crops * crop
    extent = blocks * BLOCK
    means = np.empty((len(windows), blocks, blocks, 3))
    power = np.empty(len(windows))
    centred = np.empty((extent, extent, 3), np.float32)
    for i, window in enumerate(windows):
        centred[:] = window[:extent, :extent]
        centred -= 128
        means[i] = cv2.resize(centred, (blocks, blocks), interpolation=cv2.INTER_AREA)
        power[i] = cv2.norm(centred, cv2.NORM_L2SQR) / centred.size
    grid = means.reshape(-1, crops, crop, crops, crop, 3)
    offset = np.square(grid.mean(axis=(2, 4))).mean(axis=(1, 2, 3))
    within = power - offset
    coarse = np.square(means).mean(axis=(1, 2, 3)) - offset
    shares = np.divide(coarse, within, out=np.zeros_like(within), where=within > 0)
    return np.asarray(shares, np.float32)


def clipped_share(window: Image) -> float:
    """Return the share of pixels that have a channel at 0 or 255 (levels of 0..255)."""
    inside: int = cv2.countNonZero(cv2.inRange(window, (1.0, 1.0, 1.0), (254.0, 254.0, 254.0)))
    return 1 - inside / float(window.shape[0] * window.shape[1])


def find_faults(
    mean: F32, variance: F32, clipped: F32, structure: F32, settings: NoiseSettings
) -> dict[str, Bool]:
    """Return, for each threshold of the settings, which windows [n] fail it.

    The columns are those of `Windows`; NaN fails nothing, for such windows fail max_variance.
    """
    return {
        "max_variance": variance >= settings.max_variance,
        "min_variance": variance < settings.min_variance,
        "min_mean": luma(mean) <= settings.min_mean,
        "max_clipped": clipped > settings.max_clipped,
        "max_structure": structure > settings.max_structure,
    }


_QUADRATIC = ([0, 0, 0, 1, 1, 2], [0, 1, 2, 0, 1, 0])
"""Degrees in y and x of the terms of a quadratic surface."""


@cache
def polynomials(side: int) -> F32:
    """Return [side, 3]: orthonormal polynomials of degree 0, 1 and 2 over the pixels of an axis."""
    position = np.linspace(-1, 1, side)
    basis, _ = np.linalg.qr(np.vander(position, 3, increasing=True))
    return np.asarray(basis, np.float32)


def _measure_strip(levels: Image, row: int, cols: list[int], settings: NoiseSettings) -> Windows:
    """Measure the windows that start in one row."""
    side = settings.patch
    strip = levels[row : row + side]
    windows = [strip[:, col : col + side] for col in cols]
    mean = _means(strip, cols)
    grey_mean = luma(mean)
    variance = detrended_variance(_grey_windows(strip[::EVERY], cols, side), grey_mean)
    clipped = np.full(len(cols), np.nan, np.float32)
    shares = np.full(len(cols), np.nan, np.float32)
    close = np.flatnonzero(variance < LOOK * settings.max_variance)
    if len(close):
        near = [windows[i] for i in close]
        grey = _grey_windows(strip, [cols[i] for i in close], side)
        variance[close] = detrended_variance(grey, grey_mean[close])
        clipped[close] = [clipped_share(window) for window in near]
        shares[close] = structure(near)
    faults = find_faults(mean, variance, clipped, shares, settings)
    return Windows(
        row=np.full(len(cols), row, np.int32),
        col=np.array(cols, np.int32),
        mean=mean,
        variance=variance,
        clipped=clipped,
        structure=shares,
        accepted=~np.any(list(faults.values()), axis=0),
    )


def _grey_windows(strip: Image, cols: list[int], side: int) -> F32:
    """Return the grey windows [n, rows, side] of a strip that start at columns, left to right."""
    grey = luma(strip[:, cols[0] : cols[-1] + side])
    return np.stack([grey[:, col - cols[0] : col - cols[0] + side] for col in cols])


def _means(strip: Image, cols: list[int]) -> F32:
    """Return the means [n, 3] of the square windows that start at columns of a strip."""
    side = strip.shape[0]
    exact = cv2.CV_32S if strip.dtype == np.uint8 else cv2.CV_64F
    sums = cv2.reduce(strip, 0, cv2.REDUCE_SUM, dtype=exact)[0]
    ends = np.concatenate([np.zeros((1, 3)), np.cumsum(sums, axis=0)])
    starts = np.asarray(cols)
    return np.asarray((ends[starts + side] - ends[starts]) / side**2, np.float32)


def _nothing() -> Windows:
    none = np.empty(0, np.float32)
    place = np.empty(0, np.int32)
    return Windows(
        row=place,
        col=place,
        mean=np.empty((0, 3), np.float32),
        variance=none,
        clipped=none,
        structure=none,
        accepted=np.empty(0, np.bool_),
    )
