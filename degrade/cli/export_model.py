"""`degrade export-model`: trained weights for other programs."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from degrade.cli import options


def export_model(
    weights: Annotated[Path, typer.Argument(help="Weights of a network (.safetensors or .pth).")],
    out: Annotated[Path, typer.Argument(help="File to write: .pth, .safetensors or .onnx.")],
    style: Annotated[
        Literal["basicsr", "esrgan", "old"],
        typer.Option(
            help="RRDBNet's names in a .pth: BasicSR's, ESRGAN/RealSR's, oldest ESRGAN's."
        ),
    ] = "basicsr",
    json: options.Json = False,
) -> None:
    """Write weights in a format that other programs read.

    Example: degrade export-model runs/esrgan/weights.safetensors model.onnx
    """
    from sr_train.architectures import described
    from sr_train.export import export_model as export

    network = export(weights, out, style)
    name = type(network).__name__
    report = {"file": str(out), "architecture": name, "settings": network.arguments}
    size = options.megabytes(out.stat().st_size)
    options.answer(report, f"{described(network)} written to {out} ({size})", json)
