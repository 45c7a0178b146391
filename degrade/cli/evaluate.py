"""`degrade evaluate`: PSNR and SSIM, with the protocol they follow."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from degrade.cli import options

if TYPE_CHECKING:
    from sr_train.evaluate import Evaluation, Scores


def evaluate(
    hr: Annotated[Path, typer.Option("--hr", help="Folder of HR images.")],
    weights: Annotated[
        Path | None, typer.Argument(help="Weights to upscale LR with.", metavar="[WEIGHTS]")
    ] = None,
    lr: Annotated[Path | None, typer.Option("--lr", help="Folder of LR images.")] = None,
    sr: Annotated[Path | None, typer.Option("--sr", help="Folder of SR images to score.")] = None,
    border: Annotated[
        int | None,
        typer.Option(min=0, help="HR pixels cut on each side; left out: the scale, 0 with --sr."),
    ] = None,
    device: options.Device = "auto",
    json: options.Json = False,
) -> None:
    """Score SR images, or a network on LR images, against HR.

    Example: degrade evaluate runs/esrgan/weights.safetensors --lr ./valid/lr --hr ./valid/hr
    """
    from sr_train.evaluate import evaluate_folders, evaluate_network
    from sr_train.parts.device import choose_device
    from sr_train.weights import load_network

    if weights is not None and lr is not None and sr is None:
        where = choose_device(device)
        result = evaluate_network(load_network(weights, where), lr, hr, border, device=where)
    elif weights is None and lr is None and sr is not None:
        result = evaluate_folders(sr, hr, border or 0)
    else:
        raise typer.BadParameter("give either --sr and --hr, or WEIGHTS, --lr and --hr")
    options.answer(result.as_dict(), _text(result), json)


def _text(result: "Evaluation") -> str:
    from sr_train.evaluate import mean_scores

    width = max(len("bicubic mean"), *(len(name) for name in result.images))
    lines = [f"{'image':<{width}}  PSNR Y  SSIM Y  PSNR RGB  SSIM RGB"]
    lines += [_row(name, scores, width) for name, scores in result.images.items()]
    lines.append(_row("mean", mean_scores(result.images.values()), width))
    if result.bicubic:
        lines.append(_row("bicubic mean", mean_scores(result.bicubic.values()), width))
    return "\n".join([*lines, result.protocol])


def _row(name: str, scores: "Scores", width: int) -> str:
    return (
        f"{name:<{width}}  {scores.psnr_y:6.2f}  {scores.ssim_y:6.4f}  "
        f"{scores.psnr_rgb:8.2f}  {scores.ssim_rgb:8.4f}"
    )
