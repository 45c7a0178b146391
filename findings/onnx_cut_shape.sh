#!/usr/bin/env bash
# ONNX's inference of shapes loses a cut that follows the input's size, though a sum brings it back.
#
# Seen with onnx 1.23.2 on 2026-12-01, with and without data_prop=True. A super-resolution network
# whose input is padded to whole cells ends in a cut to twice the input's sides: Shape, Mul by 2,
# Slice. For an input of fixed size [1, 3, 16, 16] the sides are known, Shape and Mul carry values
# that data propagation follows, and the ends of the cut are 32 and 32. Still nothing is known of
# the output of Slice, not even the channels, which are not cut: all four sizes are unknown.
# chaiNNer learns a model's scale by this inference, and so takes such a file for one without a
# scale. Adding zeros of the size that Resize with constant scales gives makes rows and columns
# known, as a sum takes the size that is known of either side.
#
# Seen: "cut  data_prop=True  [?, ?, ?, ?]" and "cut, then a sum  data_prop=True  [?, 3, 32, 32]", the
# same without data_prop. Fails if they are others.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet onnx==1.23.2 numpy==2.3.5
"$folder/venv/bin/python" - <<'PYTHON'
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

CONSTANTS = {
    "two": np.array([2, 2]),
    "zeros": np.array([0, 0]),
    "axes": np.array([2, 3]),
    "scales": np.array([1, 1, 2, 2], np.float32),
    "larger": np.array([1, 1, 2.5, 2.5], np.float32),
    "nothing": np.array(0, np.float32),
}


def inferred(summed: bool, data_prop: bool) -> list[int | str]:
    """Return what is known of the output for an input of 16 by 16 pixels."""
    cut = "cut" if summed else "sr"
    nodes = [
        helper.make_node("Resize", ["lr", "", "larger"], ["whole"], mode="nearest"),
        helper.make_node("Shape", ["lr"], ["sides"], start=2, end=4),
        helper.make_node("Mul", ["sides", "two"], ["ends"]),
        helper.make_node("Slice", ["whole", "zeros", "ends", "axes"], [cut]),
    ]
    if summed:
        nodes += [
            helper.make_node("Resize", ["lr", "", "scales"], ["doubled"], mode="nearest"),
            helper.make_node("Mul", ["doubled", "nothing"], ["zero"]),
            helper.make_node("Add", ["cut", "zero"], ["sr"]),
        ]
    graph = helper.make_graph(
        nodes,
        "cut",
        [helper.make_tensor_value_info("lr", TensorProto.FLOAT, [1, 3, 16, 16])],
        [helper.make_tensor_value_info("sr", TensorProto.FLOAT, list("nchw"))],
        [numpy_helper.from_array(value, name) for name, value in CONSTANTS.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)])
    onnx.checker.check_model(model)
    found = onnx.shape_inference.infer_shapes(model, strict_mode=True, data_prop=data_prop)
    dims = found.graph.output[0].type.tensor_type.shape.dim
    return [dim.dim_value or "?" for dim in dims]


shapes = {}
for summed in (False, True):
    for data_prop in (False, True):
        shape = shapes[summed, data_prop] = inferred(summed, data_prop)
        print(f"{'cut, then a sum' if summed else 'cut':16} data_prop={data_prop!s:6} {shape}")
assert shapes[False, False] == shapes[False, True] == ["?"] * 4, "a cut's shape is inferred now"
assert shapes[True, False][2:] == shapes[True, True][2:] == [32, 32], "a sum does not help now"
PYTHON
