"""`degrade train METHOD`: super-resolution networks from the store's pairs."""

import functools
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from degrade.cli import options
from degrade.errors import SettingsError

if TYPE_CHECKING:
    from sr_train.settings.common import TrainingSettings

train = typer.Typer(help="Train a super-resolution network on the store's pairs.")

Command = Callable[..., None]

LrFolder = Annotated[
    Path | None, typer.Option("--lr", help="Folder of LR images, instead of a store.")
]
HrFolder = Annotated[Path | None, typer.Option("--hr", help="Their HR, of equal names.")]
Scale = Annotated[
    int | None, typer.Option(help="Which pairs; may be left out if there is one scale.")
]
Config = Annotated[
    Path | None, typer.Option(help="YAML file of settings; published values without it.")
]
Steps = Annotated[
    int | None, typer.Option(min=1, help="Steps in all; the stages keep their shares.")
]
Device = Annotated[
    Literal["auto", "cpu", "cuda"] | None,
    typer.Option(help="Where to compute; left out: as the settings say."),
]


@train.callback()
def methods() -> None:
    """Train a super-resolution network on the store's pairs."""


def method(name: str, text: str) -> Command:
    """Return the command of a method, with the options that all methods share.

    Args:
        name: A key of `sr_train.settings.METHODS`.
        text: The command's help.
    """

    def command(
        store: options.Store = options.DEFAULT_STORE,
        lr: LrFolder = None,
        hr: HrFolder = None,
        scale: Scale = None,
        run: Annotated[str, typer.Option("--name", help="The run's folder under --runs.")] = name,
        runs: Annotated[Path, typer.Option(help="Folder of all runs.")] = Path("runs"),
        config: Config = None,
        changes: options.Set = None,
        steps: Steps = None,
        vgg_weights: options.VggWeights = None,
        download_vgg: options.DownloadVgg = False,
        dists_weights: options.DistsWeights = None,
        no_perceptual: options.NoPerceptual = False,
        lpips: options.Lpips = None,
        lpips_weights: options.LpipsWeights = None,
        init: options.Init = None,
        device: Device = None,
        init_discriminator: options.InitDiscriminator = None,
        resume: Annotated[
            bool, typer.Option("--resume", help="Go on from the last checkpoint, if there is one.")
        ] = False,
        overwrite: Annotated[
            bool, typer.Option("--overwrite", help="Drop the run that the folder holds.")
        ] = False,
        json: options.Json = False,
    ) -> None:
        from pipelines.stages.train import dists_for, train_method, vgg_for
        from sr_train.compute.parallel import is_first
        from sr_train.networks.lpips import open_lpips

        if lpips_weights is not None and lpips is None:
            raise typer.BadParameter("--lpips-weights needs --lpips alex or --lpips vgg")
        assigned = [*(changes or []), *([f"device={device}"] if device else [])]
        settings = _settings(name, config, assigned, steps, no_perceptual)
        report = train_method(
            store,
            name,
            settings,
            runs / run,
            scale=scale,
            vgg=vgg_for(settings, vgg_weights, download_vgg),
            dists=dists_for(settings, dists_weights),
            init=init,
            init_discriminator=init_discriminator,
            resume=resume,
            overwrite=overwrite,
            folders=_folders(lr, hr),
            lpips=open_lpips(lpips, lpips_weights) if lpips else None,
        )
        if is_first():
            note = f"\nnote: {report.note}" if report.note else ""
            options.answer(report.as_dict(), f"weights: {report.weights}{note}", json)

    command.__doc__ = text
    return command


def _folders(lr: Path | None, hr: Path | None) -> tuple[Path, Path] | None:
    if (lr is None) != (hr is None):
        raise SettingsError("--lr and --hr go together: name both folders, or train on a store")
    return (lr, hr) if lr and hr else None


def without(command: Command, *names: str) -> Command:
    """Return the command without some of its options, which keep their defaults."""

    @functools.wraps(command)
    def fewer(**given: object) -> None:
        command(**given)

    signature = inspect.signature(command)
    kept = [option for name, option in signature.parameters.items() if name not in names]
    fewer.__signature__ = signature.replace(parameters=kept)  # type: ignore[attr-defined]
    return fewer


def _settings(
    name: str, config: Path | None, changes: list[str], steps: int | None, no_perceptual: bool
) -> "TrainingSettings":
    """Return a method's settings: its published ones, then the file's, then the options'."""
    from degrade.yaml_settings import override, read_yaml, validated
    from sr_train.settings import METHODS

    fields = override(read_yaml(config) if config else {}, changes)
    settings = validated(METHODS[name], fields, str(config or f"train {name}"))
    if steps is not None:
        settings = settings.scaled_to(steps)
    return settings.without_perceptual() if no_perceptual else settings


ESRGAN = """Train ESRGAN as RealSR does: a PSNR stage, then a GAN stage.

Example: degrade train esrgan --vgg-weights vgg19-dcbb9e9d.pth --set network.blocks=6
"""
SRGAN = """Train SRGAN: SRResNet with MSE, then against a discriminator.

Example: degrade train srgan --vgg-weights vgg19-dcbb9e9d.pth --set crop=64
"""
PSNR = """Train RRDBNet or SRResNet with a pixel loss alone.

Example: degrade train psnr --set network.architecture=srresnet --set pixel_loss=charbonnier
"""
SRNTT = """Train SRNTT on pairs with references: content, then texture transfer, then all losses.

Example: degrade train srntt --vgg-weights vgg19-dcbb9e9d.pth --set batch=4 --set references=2
"""
TTSR = """Train TTSR on pairs with references: with L1 alone, then with all its losses.

Example: degrade train ttsr --vgg-weights vgg19-dcbb9e9d.pth --set batch=4 --set references=2
"""
OF_GANS = ("vgg_weights", "download_vgg", "no_perceptual", "init_discriminator")
"""Options that mean nothing without a GAN stage."""

train.command("esrgan")(method("esrgan", ESRGAN))
train.command("srgan")(without(method("srgan", SRGAN), "dists_weights"))
train.command("srntt")(without(method("srntt", SRNTT), "init_discriminator", "dists_weights"))
train.command("ttsr")(without(method("ttsr", TTSR), "init_discriminator", "dists_weights"))
train.command("psnr")(without(method("psnr", PSNR), *OF_GANS))
