"""RRDBNet's weights from ncnn's two files: layers as text (``.param``), numbers (``.bin``).

ncnn's layers have names of their own, so that the convolutions are known by their order, and the
network by the layers between them. Weights of 16 and of 32 bits are read.
"""

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from degrade.arrays import F32
from degrade.errors import WeightsError
from sr_train.weights.rrdb_keys import from_basicsr

MAGIC = "7767517"
HALF = 0x01306B47
"""Stands before weights of 16 bits; 0 before those of 32."""
SLOPE = 0.2
"""Slope of the leaky ReLUs, and factor of the residuals."""
AROUND = ("Input", "Split", "Concat", "Eltwise", "BinaryOp", "Interp")
"""Layers without weights that RRDBNet has between its convolutions."""
PER_BLOCK = 15


@dataclass(frozen=True)
class _Layer:
    kind: str
    settings: dict[int, str]
    """The settings by ncnn's numbers; lists as written, ``1,0.2``."""

    def number(self, key: int, default: float = 0) -> float:
        return float(self.settings.get(key, default))

    @property
    def activation(self) -> float | None:
        """Slope of the leaky ReLU after a convolution, None without."""
        if self.number(9) != 2:
            return None
        return float(self.settings.get(-23310, "1,0").split(",")[1])


def ncnn_param(path: Path) -> Path | None:
    """Return the ``.param`` of a pair of ncnn's files, of which ``path`` is one; else None."""
    param = path.with_suffix(".param")
    return param if path.suffix in (".param", ".bin") and param.is_file() else None


def read_ncnn(param: Path) -> dict[str, Tensor]:
    """Return RRDBNet's tensors, float32, under the names of ESRGAN's code.

    Raises:
        WeightsError: The ``.bin`` beside it is absent or of another length, or the layers are not
            RRDBNet's.
    """
    numbers = param.with_suffix(".bin")
    if not numbers.is_file():
        raise WeightsError(f"{numbers}: is not there; ncnn's weights are two files, give both")
    layers = _layers(param)
    names = _names(param, layers)
    data, at = numbers.read_bytes(), 0
    tensors: dict[str, Tensor] = {}
    inputs = 0
    for name, layer in zip(
        names, (one for one in layers if one.kind == "Convolution"), strict=True
    ):
        outputs, count = int(layer.number(0)), int(layer.number(6))
        weight, at = _weights(data, at, count, numbers)
        bias, at = _floats(data, at, outputs, numbers)
        inputs = count // (9 * outputs)
        tensors[f"{name}.weight"] = torch.from_numpy(weight.reshape(outputs, inputs, 3, 3))
        tensors[f"{name}.bias"] = torch.from_numpy(bias)
    if at != len(data):
        raise WeightsError(f"{numbers}: holds more than {param.name} says; get both again")
    # These names say that every enlargement is by 2, as is checked in the layers.
    return from_basicsr(tensors, "esrgan")


def _layers(param: Path) -> list[_Layer]:
    try:
        magic, _, *lines = param.read_text(encoding="ascii").splitlines()
        layers = [_layer(line) for line in lines if line.strip()]
    except (ValueError, IndexError) as error:
        raise WeightsError(f"{param}: is damaged, or no .param of ncnn; get it again") from error
    if magic.strip() != MAGIC:
        raise WeightsError(f"{param}: is no .param of ncnn in text form; give that one")
    return layers


def _layer(line: str) -> _Layer:
    kind, _, inputs, outputs, *rest = line.split()
    pairs = (word.split("=") for word in rest[int(inputs) + int(outputs) :])
    return _Layer(kind, {int(key): value for key, value in pairs})


def _names(param: Path, layers: list[_Layer]) -> list[str]:
    """Return BasicSR's names of the convolutions, in order; the layers must be RRDBNet's."""
    convolutions = [layer for layer in layers if layer.kind == "Convolution"]
    enlargements = [layer for layer in layers if layer.kind == "Interp"]
    ups = len(enlargements)
    blocks, left = divmod(len(convolutions) - 4 - ups, PER_BLOCK)
    parts = [
        f"body.{i}.rdb{j}.conv{k}" for i in range(blocks) for j in (1, 2, 3) for k in range(1, 6)
    ]
    names = ["conv_first", *parts, "conv_body", *(f"conv_up{i + 1}" for i in range(ups))]
    names += ["conv_hr", "conv_last"]
    plain = {"conv_first", "conv_body", "conv_last"}
    fits = (
        left == 0
        and blocks > 0
        and all(layer.kind in (*AROUND, "Convolution") for layer in layers)
        and all(layer.number(1) == 3 and layer.number(4) == 1 for layer in convolutions)
        and all(_doubles(layer) for layer in enlargements)
        and all(
            layer.activation is None
            if name in plain or name.endswith("conv5")
            else math.isclose(layer.activation or 0, SLOPE, rel_tol=1e-4)
            for name, layer in zip(names, convolutions, strict=True)
        )
        and sum(_is_residual(layer) for layer in layers) == 4 * blocks
    )
    if not fits:
        raise WeightsError(
            f"{param}: its layers are not those of RRDBNet, the only network read from ncnn's "
            "files: give the .pth or .safetensors that it was made from"
        )
    return names


def _doubles(layer: _Layer) -> bool:
    """Tell an enlargement by 2 to the nearest pixel."""
    return (layer.number(0), layer.number(1), layer.number(2)) == (1, 2, 2)


def _is_residual(layer: _Layer) -> bool:
    """Tell the sum of a fifth of a branch and its input."""
    factors = layer.settings.get(-23301, "0").split(",")[1:]
    is_sum = layer.kind == "Eltwise" and layer.number(0) == 1
    return is_sum and [round(float(factor), 4) for factor in factors] == [SLOPE, 1]


def _weights(data: bytes, at: int, count: int, path: Path) -> tuple[F32, int]:
    flag = int.from_bytes(data[at : at + 4], "little")
    if flag == 0:
        return _floats(data, at + 4, count, path)
    if flag != HALF:
        raise WeightsError(
            f"{path}: holds weights that are neither of 16 nor of 32 bits, or is damaged; get it "
            "again, or give another file"
        )
    end = at + 4 + 2 * count
    _check_length(data, end, path)
    weights = np.frombuffer(data, "<f2", count, at + 4).astype(np.float32)
    return weights, -(-end // 4) * 4


def _floats(data: bytes, at: int, count: int, path: Path) -> tuple[F32, int]:
    end = at + 4 * count
    _check_length(data, end, path)
    return np.frombuffer(data, "<f4", count, at).astype(np.float32), end


def _check_length(data: bytes, end: int, path: Path) -> None:
    if end > len(data):
        raise WeightsError(f"{path}: is cut short; get it again")
