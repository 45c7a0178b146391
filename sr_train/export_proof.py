"""That an exported network gives torch's pixels on a made picture, before its file stands."""

import importlib
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import torch

from degrade.arrays import F32
from degrade.errors import DegradeError
from degrade.randomness import stream
from sr_train.networks.generator import Generator
from sr_train.parts.batch import evaluating

SAMPLE = (48, 72)
"""LR rows and columns of the picture that files are proved on, or the next that a network takes."""
LARGEST, LARGEST_HALF = 1 / 255, 8 / 255
"""Difference from torch beyond which a file is refused, with 32 and with 16 bits."""


def difference_from(
    network: Generator, run: Callable[[F32], F32], size: tuple[int, int] = SAMPLE
) -> float:
    """Return the largest difference of another program's SR from torch's; inf if misshapen.

    Args:
        network: On the CPU.
        run: Maps LR [1, 3, h, w] in [0, 1] to SR.
        size: LR rows and columns.
    """
    lr = sample_picture(*(-(-side // network.multiple) * network.multiple for side in size))
    with torch.inference_mode(), evaluating(network):
        expected = network(torch.from_numpy(lr)).numpy()
    found = run(lr)
    if found.shape != expected.shape:
        return float("inf")
    return float(np.abs(found.astype(np.float32) - expected).max())


def check_difference(out: Path, program: str, difference: float, half: bool) -> None:
    """Refuse a file whose pixels are not torch's; NaN is refused too.

    Raises:
        DegradeError: The difference is too large.
    """
    if not difference <= (LARGEST_HALF if half else LARGEST):
        remedy = "export it without --half" if half else "give .pth or .safetensors"
        raise DegradeError(
            f"{out}: {program} differs from torch by {difference * 255:.1f} of 255 levels, so "
            f"nothing was written: {remedy}"
        )


def required(package: str, extra: str) -> ModuleType:
    """Return a package that an export needs.

    Raises:
        DegradeError: It is not installed.
    """
    try:
        return importlib.import_module(package)
    except ImportError as error:
        what = {"onnx": "ONNX", "ncnn": "ncnn's files"}[extra]
        raise DegradeError(
            f"exporting {what} needs {package}, which is not installed: "
            f"pip install 'degrade[{extra}]'"
        ) from error


def sample_picture(height: int, width: int) -> F32:
    """Return RGB [1, 3, height, width] in [0, 1] whose amplitude falls as 1 / frequency."""
    random = stream(0, "sample-picture")
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None])
    spectrum = np.fft.rfft2(random.normal(size=(3, height, width)))
    spectrum /= np.maximum(frequency, 1 / max(height, width))
    picture = np.fft.irfft2(spectrum, s=(height, width))
    scaled: F32 = np.clip(0.5 + picture / (6 * picture.std()), 0, 1).astype(np.float32)
    return scaled[None]
