"""A generator as ncnn's two files, by pnnx, proved against torch before they are put in place."""

import subprocess
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import torch
from torch import Tensor, nn

from degrade.arrays import F32
from degrade.errors import DegradeError
from sr_train.architectures import described
from sr_train.export.parity import check_difference, difference_from, required
from sr_train.networks.generator import Generator
from sr_train.networks.rrdbnet import RRDBNet
from sr_train.weights.weights_file import replace_file

SIDES = ((32, 48), (56, 40))
"""LR rows and columns of the two pictures by whose difference pnnx finds what depends on size."""
BLOBS = {"in0": "data", "out0": "output"}
"""pnnx's names of input and output, and those by which ncnn programs ask (RealSR's, Upscayl)."""
HEAD = 2
"""Lines of a .param before the layers."""


def save_ncnn(out: Path, network: Generator, half: bool) -> float:
    """Write a ``.param`` and the ``.bin`` beside it, for RGB in [0, 1].

    The files take pictures of any size, of RRDBNet x1 and x2 with a pixel-unshuffle those whose
    sides are multiples of 4 and of 2: what torch extends and cuts, ncnn's layers cannot.

    Args:
        out: The ``.param``; both files are replaced whole.
        network: On the CPU, in evaluation mode.
        half: Whether the weights are kept in 16 bits.

    Returns:
        The largest difference between what ncnn and torch give of a sample picture, of the range
        [0, 1].

    Raises:
        DegradeError: A package is not installed, the network cannot be converted, or the difference
            is too large; nothing is written then.
    """
    pnnx, ncnn = required("pnnx", "ncnn"), required("ncnn", "ncnn")
    with tempfile.TemporaryDirectory() as folder:
        param = _converted(pnnx.EXEC_PATH, network, Path(folder), half)
        difference = difference_from(network, by_ncnn(ncnn, param))
        check_difference(out, "ncnn", difference, half)
        # The numbers first: a .param without its own .bin would be read with another's.
        for suffix in (".bin", ".param"):
            with replace_file(out.with_suffix(suffix)) as aside:
                aside.write_bytes(param.with_suffix(suffix).read_bytes())
    return difference


class _Plain(nn.Module):
    """A network without what depends on the picture's sides."""

    def __init__(self, network: Generator) -> None:
        super().__init__()
        self.network = network

    def forward(self, lr: Tensor) -> Tensor:
        sr: Tensor = (
            self.network.of_whole_cells(lr)
            if isinstance(self.network, RRDBNet)
            else self.network(lr)
        )
        return sr


def _converted(program: str, network: Generator, folder: Path, half: bool) -> Path:
    """Return the .param that pnnx makes in a folder, its .bin beside it."""
    sizes = [tuple(side * network.multiple for side in sides) for sides in SIDES]
    with torch.inference_mode(), warnings.catch_warnings():
        # A traced size that is taken as a constant shows in the proof, which has another.
        warnings.simplefilter("ignore")
        traced = torch.jit.trace(  # type: ignore[no-untyped-call]
            _Plain(network).eval(), torch.rand(1, 3, *sizes[0]), check_trace=False
        )
        torch.jit.save(traced, str(folder / "net.pt"))
    shapes = [f"[1,3,{rows},{columns}]f32" for rows, columns in sizes]
    command = [program, "net.pt", f"inputshape={shapes[0]}", f"inputshape2={shapes[1]}"]
    done = subprocess.run(
        [*command, f"fp16={int(half)}"], cwd=folder, capture_output=True, check=False
    )
    made, numbers = folder / "net.ncnn.param", folder / "net.ncnn.bin"
    if done.returncode or not (made.is_file() and numbers.is_file()):
        raise DegradeError(
            f"{described(network)} cannot be converted by pnnx (exit status {done.returncode}): "
            "give .onnx"
        )
    lines = made.read_text().splitlines()
    renamed = [" ".join(BLOBS.get(word, word) for word in line.split(" ")) for line in lines[HEAD:]]
    param = folder / "out.param"
    param.write_text("\n".join([*lines[:HEAD], *renamed]) + "\n")
    numbers.rename(folder / "out.bin")
    return param


def by_ncnn(ncnn: ModuleType, param: Path, threads: int = 0) -> Callable[[F32], F32]:
    """Load two files; what is returned maps LR [1, 3, h, w] to SR, both in [0, 1], in 32 bits.

    Args:
        ncnn: The package.
        param: As `save_ncnn` writes it, the ``.bin`` beside it.
        threads: 0: as many as the package chooses.

    Raises:
        DegradeError: The files cannot be loaded; or, of what is returned, cannot be run.
    """
    net = ncnn.Net()
    net.opt.use_vulkan_compute = False
    for what in ("packed", "storage", "arithmetic"):
        setattr(net.opt, f"use_fp16_{what}", False)
    if threads:
        net.opt.num_threads = threads
    if net.load_param(str(param)) or net.load_model(str(param.with_suffix(".bin"))):
        raise DegradeError("ncnn does not load what pnnx made of this network: give .onnx")

    def run(lr: F32) -> F32:
        with net.create_extractor() as extractor:
            extractor.input("data", ncnn.Mat(np.ascontiguousarray(lr[0])).clone())
            status, sr = extractor.extract("output")
            if status:
                raise DegradeError("ncnn cannot run what pnnx made of this network: give .onnx")
            return np.array(sr, np.float32)[None]

    return run
