"""`degrade evaluate`: PSNR, SSIM, sharpness, LPIPS and NIQE, with the protocol they follow."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from degrade.cli import options

if TYPE_CHECKING:
    from sr_train.evaluation import Evaluation, Scores

COLUMNS = {"psnr": "7.2f", "ssim": "6.4f", "sharpness": "9.3f", "lpips": "7.4f", "niqe": "6.3f"}


def evaluate(
    weights: Annotated[
        Path | None, typer.Argument(help="Weights to upscale LR with.", metavar="WEIGHTS")
    ] = None,
    hr: Annotated[Path | None, typer.Option("--hr", help="Folder of HR images.")] = None,
    lr: Annotated[Path | None, typer.Option("--lr", help="Folder of LR images.")] = None,
    sr: Annotated[Path | None, typer.Option("--sr", help="Folder of SR images to score.")] = None,
    cufed5: Annotated[
        Path | None,
        typer.Option(help="CUFED5 (000_0.png, 000_1.png ...), for a network with references."),
    ] = None,
    references: Annotated[
        Literal["1", "5"],
        typer.Option(help="CUFED5: 1 as TTSR's code evaluates, 5 as its table was made."),
    ] = "1",
    protocol: Annotated[
        Literal["realsr", "basicsr", "ttsr"] | None,
        typer.Option(
            help="realsr: Y, border = scale; basicsr: RGB, border = scale; "
            "ttsr: Y with TTSR's weights, no border. Left out: ttsr on CUFED5, else realsr."
        ),
    ] = None,
    border: Annotated[
        int | None,
        typer.Option(min=0, help="HR pixels cut on each side; left out: as the protocol says."),
    ] = None,
    lpips: options.Lpips = None,
    lpips_weights: options.LpipsWeights = None,
    niqe_params: Annotated[
        Path | None,
        typer.Option(help="Score SR by NIQE too, with these parameters (niqe_pris_params.npz)."),
    ] = None,
    device: options.Device = "auto",
    json: options.Json = False,
) -> None:
    """Score SR images, or a network on LR images, against HR.

    Images pair by name; that of LR or SR may end with x4 for scale 4, as DIV2K's do. Rows and
    columns of HR at the bottom and right that make no whole LR pixel are cut.

    Example: degrade evaluate runs/esrgan/weights.safetensors --lr ./valid/lr --hr ./valid/hr
    """
    from degrade.errors import SettingsError
    from sr_train.cufed5 import evaluate_cufed5
    from sr_train.evaluation import Judge, evaluate_folders, evaluate_network
    from sr_train.networks.lpips import open_lpips
    from sr_train.networks.reference_generator import ReferenceGenerator
    from sr_train.niqe import open_niqe
    from sr_train.parts.device import choose_device
    from sr_train.protocols import PROTOCOLS
    from sr_train.weights import load_network

    if lpips_weights is not None and lpips is None:
        raise typer.BadParameter("--lpips-weights needs --lpips alex or --lpips vgg")
    way = PROTOCOLS[protocol or ("ttsr" if cufed5 else "realsr")]
    where = choose_device(device)

    def judge(scale: int | None) -> Judge:
        distance = open_lpips(lpips, lpips_weights, where) if lpips else None
        pristine = open_niqe(niqe_params) if niqe_params else None
        return Judge(way, way.border(scale, border), distance, pristine)

    if weights and cufed5 and not (lr or sr or hr):
        network = load_network(weights, where)
        if not isinstance(network, ReferenceGenerator):
            raise SettingsError(f"{weights}: takes no references; score it with --lr and --hr")
        result = evaluate_cufed5(
            network, cufed5, 1 if references == "1" else 5, judge(network.scale), where
        )
    elif weights and lr and hr and not (sr or cufed5):
        network = load_network(weights, where)
        result = evaluate_network(network, lr, hr, judge(network.scale), device=where)
    elif sr and hr and not (weights or lr or cufed5):
        result = evaluate_folders(sr, hr, judge(None))
    else:
        raise typer.BadParameter(
            "give either --sr and --hr, or WEIGHTS, --lr and --hr, or WEIGHTS and --cufed5"
        )
    options.answer(result.as_dict(), _text(result), json)


def _text(result: "Evaluation") -> str:
    from sr_train.evaluation import mean_scores

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
    lines += [options.on_one_line(f"  note {path}: {n}") for path, n in result.notes.items()]
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
