"""NIQE (Mittal, Soundararajan and Bovik 2013): how far an image's statistics are from pristine."""

import zipfile
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from scipy.special import gamma

from degrade.arrays import F64, U8
from degrade.errors import DegradeError, WeightsError
from degrade.images.colour import y_channel
from degrade.images.resize import bicubic
from sr_train.weights.weights_file import file_sha256

BLOCK = 96
"""Side of the blocks whose features are compared; half of it at the second scale."""
FEATURES = 36
"""Eighteen at each of two scales."""
SHAPES = {
    "mu_pris_param": (1, FEATURES),
    "cov_pris_param": (FEATURES, FEATURES),
    "gaussian_window": (7, 7),
}
"""Arrays of the parameter file."""
NEIGHBOURS = ((0, 1), (1, 0), (1, 1), (1, -1))
"""Rows and columns to the neighbour that a coefficient is multiplied with."""
_ALPHAS = np.arange(0.2, 10.001, 0.001)
_RATIOS = gamma(2 / _ALPHAS) ** 2 / (gamma(1 / _ALPHAS) * gamma(3 / _ALPHAS))


@dataclass(frozen=True)
class NiqeModel:
    """Statistics of pristine photos."""

    mean: F64
    """[36]"""
    covariance: F64
    """[36, 36]"""
    window: F64
    """[7, 7] Gaussian of local means, summing to 1."""
    path: Path
    sha256: str


def open_niqe(path: Path) -> NiqeModel:
    """Read a parameter file, such as BasicSR's niqe_pris_params.npz.

    Raises:
        WeightsError: The file is absent, unreadable or holds something else.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            found = {name: np.asarray(file[name], np.float64) for name in SHAPES}
    except FileNotFoundError as error:
        raise WeightsError(f"{path}: no such file of NIQE parameters; check the path") from error
    except (OSError, ValueError, KeyError, EOFError, TypeError, zipfile.BadZipFile) as error:
        raise WeightsError(
            f"{path}: not NIQE parameters; give an .npz with {', '.join(SHAPES)}"
        ) from error
    for name, shape in SHAPES.items():
        if found[name].shape != shape:
            raise WeightsError(f"{path}: {name} is {found[name].shape} instead of {shape}")
    mean, covariance, window = found.values()
    return NiqeModel(mean[0], covariance, window, path, file_sha256(path))


def niqe(image: U8, model: NiqeModel) -> float:
    """Return NIQE of an RGB image [H, W, 3]; lower is better, no reference is needed.

    On Y rounded to levels of 16..235, over the whole blocks of 96 pixels, no border cut, as
    BasicSR's ``niqe.py`` does.

    Raises:
        DegradeError: The image holds less than two blocks.
    """
    levels = np.round(y_channel(image))
    height, width = (side // BLOCK * BLOCK for side in levels.shape)
    if height * width < 2 * BLOCK**2:
        raise DegradeError(
            f"image of {image.shape[0]} rows and {image.shape[1]} columns is too small for NIQE; "
            f"it needs two blocks of {BLOCK}x{BLOCK}"
        )
    levels = levels[:height, :width]
    unit = (levels[..., None] / 255).astype(np.float32)
    half = np.asarray(bicubic(unit, 0.5)[..., 0], np.float64) * 255
    rows = np.concatenate(
        [block_features(x, model.window, side) for x, side in ((levels, 96), (half, 48))], axis=1
    )
    whole = rows[np.isfinite(rows).all(axis=1)]
    if len(whole) < 2:
        raise DegradeError("image is flat in all but one block, so NIQE is not defined for it")
    away = model.mean - np.nanmean(rows, axis=0)
    pooled = (model.covariance + np.cov(whole, rowvar=False)) / 2
    return float(np.sqrt(away @ np.linalg.pinv(pooled) @ away))


def block_features(levels: F64, window: F64, side: int) -> F64:
    """Return the 18 features of each block: [blocks, 18], nan where a block is flat.

    Equations 1 and 4 to 8: mean-subtracted contrast-normalised coefficients and the products of
    neighbours, each fitted by an asymmetric generalised Gaussian.
    """
    mean = _smooth(levels, window)
    deviation = np.sqrt(np.abs(_smooth(levels * levels, window) - mean * mean))
    normal = (levels - mean) / (deviation + 1)
    rows, columns = (length // side for length in normal.shape)
    blocks = normal.reshape(rows, side, columns, side).swapaxes(1, 2).reshape(-1, side, side)
    return np.array([_features(block) for block in blocks])


def _features(block: F64) -> list[float]:
    alpha, left, right = asymmetric_gaussian(block)
    found = [alpha, (left + right) / 2]
    for offset in NEIGHBOURS:
        alpha, left, right = asymmetric_gaussian(block * np.roll(block, offset, axis=(0, 1)))
        mean = (right - left) * float(gamma(2 / alpha) / gamma(1 / alpha))
        found += [alpha, mean, left, right]
    return found


def asymmetric_gaussian(values: F64) -> tuple[float, float, float]:
    """Return shape, left and right scale of an asymmetric generalised Gaussian, by moments.

    Lasmar, Stitou and Berthoumieu 2009; nan where there is nothing on one side of zero.
    """
    below, above = values[values < 0], values[values > 0]
    if not (len(below) and len(above)):
        return (float("nan"),) * 3
    left, right = (float(np.sqrt(np.mean(side * side))) for side in (below, above))
    skew = left / right
    ratio = np.mean(np.abs(values)) ** 2 / np.mean(values * values)
    wanted = ratio * (skew**3 + 1) * (skew + 1) / (skew**2 + 1) ** 2
    alpha = float(_ALPHAS[np.argmin((_RATIOS - wanted) ** 2)])
    spread = float(np.sqrt(gamma(1 / alpha) / gamma(3 / alpha)))
    return alpha, left * spread, right * spread


def _smooth(levels: F64, window: F64) -> F64:
    smoothed = cv2.filter2D(levels, cv2.CV_64F, window, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(smoothed, np.float64)
