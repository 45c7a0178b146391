"""A generator as an ONNX file, proved against torch before it is put in place."""

import copy
import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from degrade.arrays import F32
from degrade.errors import DegradeError
from sr_train.architectures import described
from sr_train.export.parity import SAMPLE, check_difference, difference_from, required
from sr_train.networks.generator import Generator
from sr_train.networks.rrdbnet import RRDBNet
from sr_train.weights.weights_file import replace_file

EXAMPLE_SIDE = 16
"""LR pixels of the picture that a network is traced with; a dynamic file takes any size."""


@dataclass(frozen=True)
class OnnxForm:
    """How a network is written as ONNX."""

    size: tuple[int, int] | None = None
    """The only LR rows and columns that the file takes, one picture at a time; None: any."""
    half: bool = False
    """Numbers of 16 bits, input and output too."""
    opset: int | None = None
    """Version of the operators; None: the exporter's."""


def save_onnx(out: Path, network: Generator, form: OnnxForm | None = None) -> float:
    """Trace a network and write one file, weights included.

    Args:
        out: Replaced whole.
        network: On the CPU, in evaluation mode.
        form: Sizes, bits and opset; none: of any size, in 32 bits.

    Returns:
        The largest difference between what onnxruntime and torch give of a sample picture, of the
        range [0, 1].

    Raises:
        DegradeError: A package is not installed, the network cannot be traced or written with that
            opset, or the difference is too large; nothing is written then.
    """
    form = form or OnnxForm()
    for package in ("onnx", "onnxscript"):
        required(package, "onnx")
    runtime = required("onnxruntime", "onnx")
    if form.size and any(side % network.multiple for side in form.size):
        raise DegradeError(
            f"{described(network)} takes multiples of {network.multiple}: give such a --size, or "
            "leave it out"
        )
    with replace_file(out) as aside:
        _trace(network, aside, form)
        _check_opset(out, aside, form)

        run = by_onnxruntime(runtime, aside, form.half)
        difference = difference_from(network, run, form.size or SAMPLE)
        check_difference(out, "onnxruntime", difference, form.half)
    return difference


class _SizesThatAreTold(nn.Module):
    """Does as an RRDBNet that pixel-unshuffles; the sizes of SR follow from those of LR.

    Programs learn the scale of a file from ONNX's inference of shapes, which does not see through
    reshaping, nor through remainders and cuts that depend on LR's sides. A convolution that moves
    each pixel to its channel is seen through, and so is a sum with a picture of a known size.
    """

    def __init__(self, network: RRDBNet) -> None:
        super().__init__()
        self.network, side = network, network.multiple
        moved = torch.eye(side**2).view(-1, 1, side, side)
        self.moved = nn.Parameter(moved.repeat(3, 1, 1, 1), requires_grad=False)

    def forward(self, lr: Tensor) -> Tensor:
        height, width = lr.shape[-2:]
        side, scale = self.network.multiple, self.network.scale
        # What is beyond the last whole cell is not seen.
        extended = F.pad(lr, (0, side - 1, 0, side - 1), mode="replicate")
        sr = self.network.of_cells(F.conv2d(extended, self.moved, stride=side, groups=3))
        nothing = 0 * F.interpolate(lr, scale_factor=scale, mode="nearest")
        return sr[..., : height * scale, : width * scale] + nothing


def _trace(network: Generator, path: Path, form: OnnxForm) -> None:
    sizes = {i: torch.export.Dim(n) for i, n in ((0, "batch"), (2, "height"), (3, "width"))}
    # Batch 2, because the tracer takes a size of 1 for a constant.
    lr = torch.rand(2, 3, EXAMPLE_SIDE, EXAMPLE_SIDE + network.multiple)
    if form.size:
        lr = torch.rand(1, 3, *form.size)
    traced: nn.Module = network
    if isinstance(network, RRDBNet) and network.multiple > 1:
        traced = _SizesThatAreTold(network)
    if form.half:
        traced, lr = copy.deepcopy(traced).half(), lr.half()
    try:
        with _quiet():
            torch.onnx.export(
                traced,
                (lr,),
                path,
                input_names=["lr"],
                output_names=["sr"],
                dynamic_shapes=None if form.size else {"lr": sizes},
                opset_version=form.opset,
                dynamo=True,
                external_data=False,
                verbose=False,
            )
    except torch.onnx.errors.OnnxExporterError as error:
        reason = next((line for line in str(error).splitlines() if line.strip()), "no reason")
        raise DegradeError(
            f"{described(network)} cannot be written as ONNX for "
            f"{'that size' if form.size else 'pictures of any size'} ({reason}): "
            f"give {'' if form.size else '--size, '}.pth or .safetensors"
        ) from error


def _check_opset(out: Path, path: Path, form: OnnxForm) -> None:
    """Refuse a file of another opset: the exporter keeps its own where it cannot convert."""
    import onnx

    model = onnx.load(str(path), load_external_data=False)
    found = next(each.version for each in model.opset_import if each.domain in ("", "ai.onnx"))
    if form.opset is not None and found != form.opset:
        raise DegradeError(
            f"{out}: this network cannot be written with opset {form.opset}, only with {found}: "
            "give that, or leave --opset out"
        )


def by_onnxruntime(
    runtime: ModuleType, path: Path, half: bool = False, threads: int = 0
) -> Callable[[F32], F32]:
    """Load a file; what is returned maps LR [1, 3, h, w] to SR, both in [0, 1].

    Args:
        runtime: The package onnxruntime.
        path: As `save_onnx` writes it.
        half: Whether its input is of 16 bits.
        threads: 0: as many as the package chooses.
    """
    chosen = runtime.SessionOptions()
    chosen.intra_op_num_threads = threads
    session = runtime.InferenceSession(str(path), chosen, providers=["CPUExecutionProvider"])

    def run(lr: F32) -> F32:
        (found,) = session.run(None, {"lr": lr.astype(np.float16) if half else lr})
        return np.asarray(found, np.float32)

    return run


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
