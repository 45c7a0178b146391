"""OpenVINO: networks as its intermediate representation, computed on the CPU."""

import tempfile
import warnings
from pathlib import Path

import numpy as np
import torch

from degrade.arrays import F32
from sr_train.engines.engine import Compute, Engine
from sr_train.networks.generator import Generator

_EXAMPLE = 16
"""LR pixels along the sides of the picture that a network is traced with."""


def _convert(network: Generator, path: Path) -> None:
    import openvino

    with warnings.catch_warnings(), torch.inference_mode():
        warnings.simplefilter("ignore")
        model = openvino.convert_model(
            network, example_input=torch.rand(1, 3, _EXAMPLE, _EXAMPLE + 8), input=[-1, 3, -1, -1]
        )
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        made = Path(folder) / path.name
        openvino.save_model(model, made, compress_to_fp16=False)
        # The numbers first: whoever sees the .xml finds them beside it.
        for suffix in (".bin", ".xml"):
            made.with_suffix(suffix).replace(path.with_suffix(suffix))


def _load(path: Path, threads: int, bf16: bool) -> Compute:
    import openvino

    hints = {
        "INFERENCE_NUM_THREADS": threads,
        "INFERENCE_PRECISION_HINT": "bf16" if bf16 else "f32",
    }
    compiled = openvino.Core().compile_model(path, "CPU", hints)

    def run(lr: F32) -> F32:
        return np.asarray(compiled(lr)[0], np.float32)

    return run


OPENVINO = Engine("openvino", "openvino", ".xml", _convert, _load, bf16=True)
