"""Parity: an exported network must give torch's pixels on a test picture before it is kept."""

import importlib
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import torch

from degrade.arrays import F32
from degrade.errors import DegradeError
from sr_train.compute.device import evaluating
from sr_train.networks.generator import Generator
from sr_train.networks.receptive_field import sample_picture

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
