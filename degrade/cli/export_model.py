"""`degrade export-model`: trained weights for other programs."""

from pathlib import Path
from typing import Annotated, Any, Literal

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

    What programs that read weights by spandrel (chaiNNer, ComfyUI) would make of a .pth or
    .safetensors is said first, if it is not this network. ONNX is run and compared with torch
    before it is put in place.

    Example: degrade export-model runs/esrgan/weights.safetensors model.onnx
    """
    from sr_train.architectures import described
    from sr_train.export import export_model as export

    notes: list[str] = []

    def tell(note: str) -> None:
        notes.append(note)
        typer.echo(f"note: {note}", err=True)

    done = export(weights, out, style, tell)
    name = type(done.network).__name__
    report: dict[str, Any] = {"file": str(out), "architecture": name}
    report |= {"settings": done.network.arguments, "notes": notes, "difference": done.difference}
    size = options.megabytes(out.stat().st_size)
    text = f"{described(done.network)} written to {out} ({size})"
    if done.difference is not None:
        text += f"; differs from torch by at most {done.difference * 255:.3g} of 255 levels"
    options.answer(report, text, json)
