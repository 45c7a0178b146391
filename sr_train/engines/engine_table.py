"""The inference engines, by name."""

from pathlib import Path

from sr_train.engines.engine import Compute, Engine
from sr_train.engines.openvino_engine import OPENVINO
from sr_train.export.ncnn_export import by_ncnn, save_ncnn
from sr_train.export.onnx_export import by_onnxruntime, save_onnx
from sr_train.export.parity import required
from sr_train.networks.generator import Generator


def _save_onnx(network: Generator, path: Path) -> None:
    save_onnx(path, network)


def _load_onnx(path: Path, threads: int, bf16: bool) -> Compute:
    return by_onnxruntime(required("onnxruntime", "onnx"), path, threads=threads)


def _save_ncnn(network: Generator, path: Path) -> None:
    save_ncnn(path, network, half=False)


def _load_ncnn(path: Path, threads: int, bf16: bool) -> Compute:
    return by_ncnn(required("ncnn", "ncnn"), path, threads)


ENGINES = {
    engine.name: engine
    for engine in (
        Engine("ncnn", "ncnn", ".param", _save_ncnn, _load_ncnn),
        Engine("onnxruntime", "onnx", ".onnx", _save_onnx, _load_onnx),
        OPENVINO,
    )
}
"""The engines that upscale; torch is none of them."""
