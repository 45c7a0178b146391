"""`degrade evaluate`: PSNR, SSIM, sharpness, LPIPS and NIQE, with the protocol they follow."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from degrade.cli import options

if TYPE_CHECKING:
    from sr_train.evaluate import Evaluation, Scores

COLUMNS = {"psnr": "7.2f", "ssim": "6.4f", "sharpness": "9.3f", "lpips": "7.4f", "niqe": "6.3f"}


def evaluate(
    hr: Annotated[Path, typer.Option("--hr", help="Folder of HR images.")],
    weights: Annotated[
        Path | None, typer.Argument(help="Weights to upscale LR with.", metavar="[WEIGHTS]")
    ] = None,
    lr: Annotated[Path | None, typer.Option("--lr", help="Folder of LR images.")] = None,
    sr: Annotated[Path | None, typer.Option("--sr", help="Folder of SR images to score.")] = None,
    protocol: Annotated[
        Literal["realsr", "basicsr", "ttsr"],
        typer.Option(
            help="realsr: Y, border = scale; basicsr: RGB, border = scale; "
            "ttsr: Y with TTSR's weights, no border."
        ),
    ] = "realsr",
    border: Annotated[
        int | None,
        typer.Option(min=0, help="HR pixels cut on each side; left out: as the protocol says."),
    ] = None,
    lpips: Annotated[
        Literal["alex", "vgg"] | None,
        typer.Option(help="LPIPS v0.1 too, on AlexNet or VGG16; needs the package lpips."),
    ] = None,
    lpips_weights: Annotated[
        Path | None,
        typer.Option(help="torchvision's weights of that backbone; left out: torch hub's cache."),
    ] = None,
    niqe_params: Annotated[
        Path | None,
        typer.Option(help="Score SR by NIQE too, with these parameters (niqe_pris_params.npz)."),
    ] = None,
    device: options.Device = "auto",
    json: options.Json = False,
) -> None:
    """Score SR images, or a network on LR images, against HR.

    Example: degrade evaluate runs/esrgan/weights.safetensors --lr ./valid/lr --hr ./valid/hr
    """
    from sr_train.evaluate import Judge, evaluate_folders, evaluate_network
    from sr_train.networks.lpips import open_lpips
    from sr_train.niqe import open_niqe
    from sr_train.parts.device import choose_device
    from sr_train.protocols import PROTOCOLS
    from sr_train.weights import load_network

    if lpips_weights is not None and lpips is None:
        raise typer.BadParameter("--lpips-weights needs --lpips alex or --lpips vgg")
    way, where = PROTOCOLS[protocol], choose_device(device)

    def judge(scale: int | None) -> Judge:
        distance = open_lpips(lpips, lpips_weights, where) if lpips else None
        pristine = open_niqe(niqe_params) if niqe_params else None
        return Judge(way, way.border(scale, border), distance, pristine)

    if weights is not None and lr is not None and sr is None:
        network = load_network(weights, where)
        result = evaluate_network(network, lr, hr, judge(network.scale), device=where)
    elif weights is None and lr is None and sr is not None:
        result = evaluate_folders(sr, hr, judge(None))
    else:
        raise typer.BadParameter("give either --sr and --hr, or WEIGHTS, --lr and --hr")
    options.answer(result.as_dict(), _text(result), json)


def _text(result: "Evaluation") -> str:
    from sr_train.evaluate import mean_scores

    width = max(len("bicubic mean"), *(len(name) for name in result.images))
    mean = mean_scores(result.images.values())
    shown = [name for name in COLUMNS if getattr(mean, name) is not None]
    titles = (f"{name.upper() if name != 'sharpness' else name:>{_width(name)}}" for name in shown)
    lines = [f"{'image':<{width}}  {'  '.join(titles)}"]
    lines += [_row(name, scores, width, shown) for name, scores in result.images.items()]
    lines.append(_row("mean", mean, width, shown))
    if result.bicubic:
        baseline = mean_scores(result.bicubic.values())
        lines.append(_row("bicubic mean", baseline, width, shown))
    return "\n".join([*lines, *_protocol_lines(result.protocol)])


def _row(name: str, scores: "Scores", width: int, shown: list[str]) -> str:
    numbers = (f"{getattr(scores, column):{COLUMNS[column]}}" for column in shown)
    return f"{name:<{width}}  {'  '.join(numbers)}"


def _width(column: str) -> int:
    return int(COLUMNS[column].split(".")[0])


def _protocol_lines(protocol: dict[str, Any]) -> list[str]:
    """Write the protocol for people, one line per item."""
    learned = {name: protocol[name] for name in ("lpips", "niqe") if name in protocol}
    lines = [f"protocol: {protocol['name']}"]
    lines += [f"  {name}: {protocol[name]}" for name in protocol if name not in ("name", *learned)]
    for name, item in learned.items():
        lines.append(f"  {name}: {item['about']}")
        lines += [f"    {file['file']} sha256 {file['sha256']}" for file in item["weights"]]
    return lines
