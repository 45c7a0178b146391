"""`degrade evaluate`: PSNR, SSIM, sharpness and more, of one network or several side by side."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from degrade.cli import options

if TYPE_CHECKING:
    from sr_train.evaluation.comparison import Comparison
    from sr_train.evaluation.scoring import Evaluation, Scores


def evaluate(
    weights: Annotated[
        list[Path] | None,
        typer.Argument(
            help="Weights to upscale LR with; of several, the first is what the others are "
            "compared with.",
            metavar="WEIGHTS...",
        ),
    ] = None,
    hr: Annotated[Path | None, typer.Option("--hr", help="Folder of HR images.")] = None,
    lr: Annotated[Path | None, typer.Option("--lr", help="Folder of LR images.")] = None,
    sr: Annotated[
        list[Path] | None,
        typer.Option("--sr", help="Folder of SR images to score; may be repeated, to compare."),
    ] = None,
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
    dists: Annotated[
        bool,
        typer.Option("--dists", help="DISTS too (extra dists, and torchvision's VGG16 weights)."),
    ] = False,
    dists_weights: options.DistsWeights = None,
    clip_iqa: Annotated[
        bool, typer.Option("--clip-iqa", help="CLIP-IQA of SR too (extra clipiqa, and its files).")
    ] = False,
    arniqa: Annotated[
        Literal["koniq10k", "kadid10k"] | None,
        typer.Option(
            help="ARNIQA of SR too, fitted to people's scores of photos (koniq10k) or of made "
            "distortions (extra arniqa, and its files)."
        ),
    ] = None,
    mtf50: Annotated[
        bool, typer.Option("--mtf50", help="Sharpness at slanted edges of HR, over HR's own, too.")
    ] = False,
    picture: Annotated[
        Path | None,
        typer.Option(help="PNG to write: the crops best and worst beside bicubic (with --lr)."),
    ] = None,
    device: options.Device = "auto",
    json: options.Json = False,
) -> None:
    """Score SR images, or a network on LR images, against HR.

    Images pair by name; that of LR or SR may end with x4 for scale 4, as DIV2K's do. Rows and
    columns of HR at the bottom and right that make no whole LR pixel are cut. Of several networks
    or folders a table says by how much each differs from the first, with a 95 % interval over
    images, and calls it better or worse only where that excludes 0.

    Example: degrade evaluate runs/esrgan/weights.safetensors --lr ./valid/lr --hr ./valid/hr
    """
    from degrade.errors import SettingsError
    from sr_train.compute.device import choose_device
    from sr_train.evaluation.best_worst_crops import BestAndWorst
    from sr_train.evaluation.comparison import Comparison
    from sr_train.evaluation.cufed5 import evaluate_cufed5
    from sr_train.evaluation.metric_table import MetricOptions
    from sr_train.evaluation.metrics import PROTOCOLS
    from sr_train.evaluation.scoring import Pictures, Scorer, evaluate_folders, evaluate_networks
    from sr_train.network_files import load_network
    from sr_train.networks.generator import ReferenceGenerator

    _check_companions(lpips, lpips_weights, dists, dists_weights, picture, lr)
    way = PROTOCOLS[protocol or ("ttsr" if cufed5 else "realsr")]
    where = choose_device(device)

    wanted = MetricOptions(
        lpips, lpips_weights, dists, dists_weights, mtf50, niqe_params, clip_iqa, arniqa
    )

    def judge(scale: int | None) -> Scorer:
        return Scorer(way, way.border(scale, border), wanted.open(where))

    weights, sr = weights or [], sr or []
    named = [str(path) for path in (*weights, *sr)]
    if len(set(named)) < len(named):
        raise SettingsError(f"{', '.join(named)}: one is given twice; name each once")
    if len(weights) == 1 and cufed5 and not (lr or sr or hr):
        network = load_network(weights[0], where)
        if not isinstance(network, ReferenceGenerator):
            raise SettingsError(f"{weights[0]}: takes no references; score it with --lr and --hr")
        count: Literal[1, 5] = 1 if references == "1" else 5
        found = {named[0]: evaluate_cufed5(network, cufed5, count, judge(network.scale), where)}
    elif weights and lr and hr and not (sr or cufed5):
        networks = {str(path): load_network(path, where) for path in weights}
        scale = next(iter(networks.values())).scale
        extremes = BestAndWorst()
        found = evaluate_networks(
            networks, Pictures(lr, hr, device=where), judge(scale), watch=extremes.watch
        )
        if picture is not None:
            extremes.save(picture)
    elif sr and hr and not (weights or lr or cufed5):
        one = judge(None)
        found = {str(folder): evaluate_folders(folder, hr, one) for folder in sr}
    else:
        raise typer.BadParameter(
            "give either --sr and --hr, or WEIGHTS, --lr and --hr, or WEIGHTS and --cufed5"
        )
    if len(found) == 1:
        (result,) = found.values()
        options.answer(result.as_dict(), _text(result), json)
    else:
        comparison = Comparison(found)
        options.answer(comparison.as_dict(), _comparison_text(comparison), json)


def _check_companions(
    lpips: str | None,
    lpips_weights: Path | None,
    dists: bool,
    dists_weights: Path | None,
    picture: Path | None,
    lr: Path | None,
) -> None:
    """Refuse options that do nothing without another."""
    if lpips_weights is not None and lpips is None:
        raise typer.BadParameter("--lpips-weights needs --lpips alex or --lpips vgg")
    if dists_weights is not None and not dists:
        raise typer.BadParameter("--dists-weights needs --dists")
    if picture is not None and not lr:
        raise typer.BadParameter(
            "--picture shows networks beside bicubic: give WEIGHTS, --lr, --hr"
        )


def _text(result: "Evaluation") -> str:
    from sr_train.evaluation.scoring import mean_scores

    rows = dict(result.images) | {"mean": result.mean}
    if result.bicubic:
        rows["bicubic mean"] = mean_scores(result.bicubic.values())
    lines = _table("image", rows, list(result.mean.by_name()))
    lines += [options.on_one_line(f"  note {path}: {n}") for path, n in result.notes.items()]
    return "\n".join([*lines, *_protocol_lines(result.protocol)])


def _comparison_text(comparison: "Comparison") -> str:
    from sr_train.evaluation.metric_table import COLUMNS

    first = next(iter(comparison.evaluations))
    means, result = comparison.means, comparison.evaluations[first]
    shown = list(result.mean.by_name())
    lines = [f"means of {len(result.images)} images", *_table("", means, shown)]
    lines.append(f"beside {first}: how much worse, with its 95 % interval over images")
    width = max(len(label) for label in comparison.differences)
    for label, row in comparison.differences.items():
        for name, found in row.items():
            interval = f"[{found.low:+.4f}, {found.high:+.4f}]"
            measured = f"{COLUMNS[name].compared:<15} {found.mean:+9.4f} {interval:<22}"
            lines.append(f"  {label:<{width}}  {measured} {found.verdict}")
    lines += [options.on_one_line(f"  note {path}: {n}") for path, n in result.notes.items()]
    return "\n".join([*lines, *_protocol_lines(result.protocol)])


def _table(title: str, rows: "dict[str, Scores]", shown: list[str]) -> list[str]:
    """Write scores below their titles, with nothing where a picture has none."""
    from sr_train.evaluation.metric_table import COLUMNS

    width = max(len(title), len("bicubic mean"), *(len(name) for name in rows))
    titles = (f"{COLUMNS[name].title:>{_width(COLUMNS[name].format)}}" for name in shown)
    lines = [f"{title:<{width}}  {'  '.join(titles)}"]
    for label, scores in rows.items():
        found = scores.by_name()
        cells = (
            f"{found[name]:{COLUMNS[name].format}}"
            if name in found
            else " " * _width(COLUMNS[name].format)
            for name in shown
        )
        lines.append(f"{label:<{width}}  {'  '.join(cells)}".rstrip())
    return lines


def _width(form: str) -> int:
    return int(form.split(".")[0])


def _protocol_lines(protocol: dict[str, Any]) -> list[str]:
    """Write the protocol for people, one line per item."""
    learned = {name: item for name, item in protocol.items() if isinstance(item, dict)}
    lines = [f"protocol: {protocol['name']}"]
    lines += [f"  {name}: {protocol[name]}" for name in protocol if name not in ("name", *learned)]
    for name, item in learned.items():
        lines.append(f"  {name}: {item['about']}")
        lines += [f"    {file['file']} sha256 {file['sha256']}" for file in item["weights"]]
    return lines
