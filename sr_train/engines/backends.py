"""The names of what computes networks; without torch, for the command line."""

from typing import Literal, get_args

Backend = Literal["auto", "torch", "ncnn", "onnxruntime", "openvino"]
BACKENDS: tuple[Backend, ...] = get_args(Backend)
