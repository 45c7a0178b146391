"""`degrade demo`: the whole pipeline on photos that ship with scikit-image."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from degrade.cli import options

if TYPE_CHECKING:
    from pipelines.demo import DemoReport


def demo(
    folder: Annotated[Path, typer.Argument(help="Where everything is written.")] = Path("demo"),
    workers: Annotated[
        int, typer.Option("--workers", min=0, help="Worker processes; 0 = in this process.")
    ] = 2,
    json: options.Json = False,
) -> None:
    """Run the whole pipeline on a simulated phone's photos and compare with the truth.

    Example: degrade demo
    """
    from pipelines.demo import run_demo

    with options.client(workers, None) as client:
        report = run_demo(folder, client)
    scores = {"bicubic": report.bicubic.by_name(), "network": report.network.by_name()}
    options.answer(asdict(report) | scores, _text(report), json)


def _text(report: "DemoReport") -> str:
    from degrade.camera.parameters import PARAMETERS

    bicubic, network = report.bicubic, report.network
    lines = [f"{'the phone':<12}{'truth':>10}{'found from':>12}{'to':>10}"]
    for name, each in report.phone.items():
        numbers = f"{each.truth:>10.3g}{each.low:>12.3g}{each.high:>10.3g}"
        lines.append(f"{name:<12}{numbers}  {PARAMETERS[name].meaning}")
    return "\n".join(
        [
            *lines,
            "",
            f"{'held-out photo':<16}{'bicubic':>10}{'network':>10}",
            f"{'PSNR on Y (dB)':<16}{bicubic.psnr:>10.2f}{network.psnr:>10.2f}",
            f"{'SSIM on Y':<16}{bicubic.ssim:>10.4f}{network.ssim:>10.4f}",
            f"picture: {report.picture}",
            f"weights: {report.weights}",
            f"for chaiNNer and ComfyUI: {report.exported}",
        ]
    )
