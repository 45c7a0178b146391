"""`degrade train METHOD`: super-resolution networks from the store's pairs."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from degrade.cli import options

train = typer.Typer(help="Train a super-resolution network on the store's pairs.")


@train.callback()
def methods() -> None:
    """Train a super-resolution network on the store's pairs."""


@train.command("esrgan")
def esrgan(
    store: options.Store = options.DEFAULT_STORE,
    scale: Annotated[
        int | None, typer.Option(help="Which pairs; may be left out if the store has one scale.")
    ] = None,
    name: Annotated[str, typer.Option(help="The run's folder under --runs.")] = "esrgan",
    runs: Annotated[Path, typer.Option(help="Folder of all runs.")] = Path("runs"),
    config: Annotated[
        Path | None, typer.Option(help="YAML file of settings; published values without it.")
    ] = None,
    changes: options.Set = None,
    steps: Annotated[
        int | None, typer.Option(min=1, help="Steps in all; the stages keep their shares.")
    ] = None,
    vgg_weights: options.VggWeights = None,
    download_vgg: options.DownloadVgg = False,
    no_perceptual: options.NoPerceptual = False,
    init: options.Init = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on from the last checkpoint, if there is one.")
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Drop the run that the folder holds.")
    ] = False,
    json: options.Json = False,
) -> None:
    """Train ESRGAN as RealSR does: a PSNR stage, then a GAN stage.

    Example: degrade train esrgan --vgg-weights vgg19-dcbb9e9d.pth --set network.blocks=6
    """
    from degrade.settings import override, read_yaml, validated
    from pipelines.stages.train import train_method, vgg_for
    from sr_train.settings.esrgan import EsrganSettings

    fields = override(read_yaml(config) if config else {}, changes or [])
    settings = validated(EsrganSettings, fields, str(config or "train esrgan"))
    if steps is not None:
        settings = settings.scaled_to(steps)
    if no_perceptual:
        settings = settings.without_perceptual()
    report = train_method(
        store,
        "esrgan",
        settings,
        runs / name,
        scale=scale,
        vgg=vgg_for(settings, vgg_weights, download_vgg),
        init=init,
        resume=resume,
        overwrite=overwrite,
    )
    options.answer(asdict(report), f"weights: {report.weights}", json)
