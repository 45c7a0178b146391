"""Options that several verbs share, and how a verb answers."""

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

if TYPE_CHECKING:
    from pipelines.execution.cluster import Client

Source = Annotated[
    Path | None,
    typer.Argument(
        help="Folder of real photos; may be left out once the store knows it.", metavar="SRC"
    ),
]
Store = Annotated[
    str, typer.Option("--store", envvar="DEGRADE_STORE", help="The store: a folder or a URL.")
]
Workers = Annotated[
    int, typer.Option("--workers", min=0, help="Worker processes here; 0 = in this process.")
]
Scheduler = Annotated[
    str | None,
    typer.Option("--scheduler", help="Address of a running Dask scheduler.", metavar="tcp://…"),
]
Json = Annotated[bool, typer.Option("--json", help="Answer with one JSON object on stdout.")]
Overwrite = Annotated[
    bool, typer.Option("--overwrite", help="Make the stage again although settings changed.")
]
Seed = Annotated[int, typer.Option("--seed", min=0, help="Seed of every random choice.")]
Scale = Annotated[int, typer.Option("--scale", help="HR size over LR size.")]
StoredScale = Annotated[
    int | None,
    typer.Option("--scale", help="HR size over LR size; left out: the one that the store has."),
]
Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set", help="Change one setting; may be repeated.", metavar="path.to.field=value"
    ),
]
VggWeights = Annotated[
    Path | None,
    typer.Option(
        "--vgg-weights",
        help="torchvision's VGG19 weights, for the perceptual loss; or by name stlpips-vgg16 "
        "(extra stlpips), VGG16 with weights of its own.",
    ),
]
Lpips = Annotated[
    Literal["alex", "vgg", "st-alex", "st-vgg"] | None,
    typer.Option(
        "--lpips",
        help="Measure LPIPS v0.1 too, on AlexNet or VGG16 (extra lpips and torchvision's weights); "
        "st-: ST-LPIPS (extra stlpips, nothing else).",
    ),
]
LpipsWeights = Annotated[
    Path | None,
    typer.Option(
        "--lpips-weights",
        help="torchvision's weights of alex or vgg; left out: torch hub's cache.",
    ),
]
DistsWeights = Annotated[
    Path | None,
    typer.Option(
        "--dists-weights",
        help="torchvision's VGG16 weights, for DISTS; left out: torch hub's cache.",
    ),
]
DownloadVgg = Annotated[
    bool, typer.Option("--download-vgg", help="Fetch the VGG19 weights if they are not there.")
]
NoPerceptual = Annotated[
    bool, typer.Option("--no-perceptual", help="Train without the perceptual loss.")
]
Init = Annotated[
    Path | None,
    typer.Option(
        "--init",
        help="Weights to start from: .safetensors, .pth, ncnn's .param, or by name realsr-df2k or "
        "realesrgan-x4plus (extra published).",
    ),
]
InitDiscriminator = Annotated[
    Path | None,
    typer.Option(
        "--init-discriminator", help="The discriminator's; for runs that begin with a GAN stage."
    ),
]
Device = Annotated[
    Literal["auto", "cpu", "cuda"], typer.Option("--device", help="Where to compute.")
]

DEFAULT_STORE = "./degrade.zarr"


@contextmanager
def client(workers: int, scheduler: str | None) -> Iterator["Client"]:
    """Open the Dask client that a verb's work goes through."""
    from pipelines.execution.cluster import connect

    with connect(workers, scheduler) as opened:
        yield opened


def shared(store: str, scheduler: str | None) -> str:
    """Return the store's address as workers elsewhere need it: absolute."""
    is_folder = "://" not in store
    return str(Path(store).resolve()) if scheduler and is_folder else store


@contextmanager
def writing(store: str) -> Iterator[None]:
    """Hold the store for writing; a second process on it is refused."""
    from degrade.store.lock import exclusive

    with exclusive(store):
        yield


def answer(report: Mapping[str, Any], text: str, as_json: bool) -> None:
    """Print a verb's result: a JSON object, or text for people."""
    typer.echo(json.dumps(report, indent=2) if as_json else text)


def refusals(files: Iterable[tuple[str, str]]) -> list[str]:
    """Write a line for each file that was refused, of its name and the reason."""
    return [on_one_line(f"  refused {name}: {reason}") for name, reason in files]


def on_one_line(text: str) -> str:
    """Write out what a file's name could do to a terminal: line breaks, colours, directions."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def megabytes(count: int) -> str:
    """Write a number of bytes for people."""
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.1f} MB"
