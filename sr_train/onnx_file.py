"""A generator as an ONNX file, proved against torch before it is put in place."""

import importlib
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import numpy as np
import torch

from degrade.errors import DegradeError
from sr_train.architectures import described
from sr_train.networks.generator import Generator
from sr_train.parts.batch import evaluating
from sr_train.parts.files import replace_file
from sr_train.sample_picture import sample_picture

EXAMPLE_SIDE = 16
"""LR pixels of the picture that a network is traced with; the file takes any size."""
SAMPLE = (48, 72)
"""LR rows and columns of the picture that the file is proved on."""
LARGEST = 1 / 255
"""Difference from torch beyond which a file is refused."""


def save_onnx(out: Path, network: Generator) -> float:
    """Trace a network with symbolic sizes and write one file, weights included.

    Args:
        out: Replaced whole.
        network: On the CPU, in evaluation mode.

    Returns:
        The largest difference between what onnxruntime and torch give of a sample picture, of the
        range [0, 1].

    Raises:
        DegradeError: A package is not installed, the network cannot be traced, or the difference is
            beyond a level of 255; nothing is written then.
    """
    for package in ("onnx", "onnxscript"):
        _required(package)
    runtime = _required("onnxruntime")
    with replace_file(out) as aside:
        _trace(network, aside)
        difference = _difference(runtime, aside, network)
        if not difference <= LARGEST:
            raise DegradeError(
                f"{out}: onnxruntime differs from torch by {difference * 255:.1f} of 255 levels, "
                "so nothing was written: give .pth or .safetensors"
            )
    return difference


def _trace(network: Generator, path: Path) -> None:
    sizes = {i: torch.export.Dim(n) for i, n in ((0, "batch"), (2, "height"), (3, "width"))}
    # Batch 2, because the tracer takes a size of 1 for a constant.
    lr = torch.rand(2, 3, EXAMPLE_SIDE, EXAMPLE_SIDE + network.multiple)
    try:
        with _quiet():
            torch.onnx.export(
                network,
                (lr,),
                path,
                input_names=["lr"],
                output_names=["sr"],
                dynamic_shapes={"lr": sizes},
                dynamo=True,
                external_data=False,
                verbose=False,
            )
    except torch.onnx.errors.OnnxExporterError as error:
        reason = next((line for line in str(error).splitlines() if line.strip()), "no reason")
        raise DegradeError(
            f"{described(network)} cannot be written as ONNX for pictures of any size ({reason}): "
            "give .pth or .safetensors"
        ) from error


def _difference(runtime: ModuleType, path: Path, network: Generator) -> float:
    lr = sample_picture(*SAMPLE)
    session = runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {"lr": lr})
    with torch.inference_mode(), evaluating(network):
        expected = network(torch.from_numpy(lr)).numpy()
    if found.shape != expected.shape:
        return float("inf")
    return float(np.abs(found - expected).max())


def _required(package: str) -> ModuleType:
    try:
        return importlib.import_module(package)
    except ImportError as error:
        raise DegradeError(
            f"exporting ONNX needs {package}, which is not installed: pip install 'degrade[onnx]'"
        ) from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the exporter's notes on packages that it could have used from the user."""
    logger = logging.getLogger("torch.onnx")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(before)
