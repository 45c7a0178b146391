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
    options.answer(asdict(report), _text(report), json)


def _text(report: "DemoReport") -> str:
    bicubic, network = report.bicubic, report.network
    rows = [
        ("", "bicubic", "degrade", "truth"),
        (
            "kernel, L1 distance to the truth",
            f"{report.bicubic_kernel_l1:.2f}",
            f"{report.kernel_l1:.2f}",
            "0",
        ),
        (
            "noise, standard deviation (0..255)",
            "none",
            f"{report.noise_deviation:.2f}",
            f"{report.true_noise_deviation:.2f}",
        ),
        ("held-out photo, PSNR on Y (dB)", f"{bicubic.psnr:.2f}", f"{network.psnr:.2f}", ""),
        ("held-out photo, SSIM on Y", f"{bicubic.ssim:.4f}", f"{network.ssim:.4f}", ""),
    ]
    lines = [f"{name:<36}{a:>10}{b:>10}{c:>10}" for name, a, b, c in rows]
    return "\n".join([*lines, f"picture: {report.picture}", f"weights: {report.weights}"])
