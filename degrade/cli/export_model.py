"""`degrade export-model`: trained weights for other programs."""

import re
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from degrade.cli import options


def export_model(
    weights: Annotated[Path, typer.Argument(help="Weights of a network (.safetensors or .pth).")],
    out: Annotated[
        Path, typer.Argument(help="File to write: .pth, .safetensors, .onnx or ncnn's .param.")
    ],
    style: Annotated[
        Literal["basicsr", "esrgan", "old"],
        typer.Option(
            help="RRDBNet's names in a .pth: BasicSR's, ESRGAN/RealSR's, oldest ESRGAN's."
        ),
    ] = "basicsr",
    widen: Annotated[
        bool,
        typer.Option(
            "--widen",
            help="RRDBNet of a smaller growth than 32: fill up with 0, for chaiNNer and ComfyUI.",
        ),
    ] = False,
    size: Annotated[
        str | None,
        typer.Option(
            help="ONNX: the only LR size it takes, such as 128x128; left out: any.",
            metavar="ROWSxCOLUMNS",
        ),
    ] = None,
    half: Annotated[
        bool, typer.Option("--half", help="ONNX: all numbers of 16 bits; ncnn: the weights.")
    ] = False,
    opset: Annotated[
        int | None, typer.Option(min=18, help="ONNX: version of its operators.")
    ] = None,
    json: options.Json = False,
) -> None:
    """Write weights in a format that other programs read.

    What programs that read weights by spandrel (chaiNNer, ComfyUI) would make of a .pth or
    .safetensors is said first, if it is not this network. ONNX and ncnn's files (extras
    onnx, ncnn) are run and compared with torch before they are put in place.

    Example: degrade export-model runs/esrgan/weights.safetensors model.onnx
    """
    from sr_train.architectures import described
    from sr_train.export.export_model import export_model as export
    from sr_train.export.onnx_export import OnnxForm

    notes: list[str] = []

    def show_note(note: str) -> None:
        notes.append(note)
        typer.echo(f"note: {note}", err=True)

    form = OnnxForm(_size(size), half, opset)
    done = export(weights, out, style, form, widen, show_note)
    name = type(done.network).__name__
    report: dict[str, Any] = {"file": str(out), "architecture": name}
    report |= {"settings": done.network.arguments, "notes": notes, "difference": done.difference}
    length = options.megabytes(out.stat().st_size)
    text = f"{described(done.network)} written to {out} ({length})"
    if done.difference is not None:
        text += f"; differs from torch by at most {done.difference * 255:.3g} of 255 levels"
    options.answer(report, text, json)


def _size(text: str | None) -> tuple[int, int] | None:
    """Read rows and columns."""
    if text is None:
        return None
    found = re.fullmatch(r"([1-9]\d{0,4})x([1-9]\d{0,4})", text)
    if not found:
        raise typer.BadParameter(f"--size {text}: give rows and columns of LR, such as 128x128")
    return int(found[1]), int(found[2])
