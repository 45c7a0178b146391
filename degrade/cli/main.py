"""The `degrade` command: its verbs in pipeline order, and how errors reach the user."""

import multiprocessing
import os
import signal
import sys
import warnings
from typing import Any

import typer
from typer.core import TyperGroup

from degrade import __version__
from degrade.arguments import expand_home
from degrade.cli.build_pairs import build_pairs
from degrade.cli.build_references import build_references
from degrade.cli.camera import camera
from degrade.cli.check import check
from degrade.cli.demo import demo
from degrade.cli.estimate_camera import estimate_camera
from degrade.cli.estimate_kernels import estimate_kernels
from degrade.cli.estimate_lens import estimate_lens
from degrade.cli.evaluate import evaluate
from degrade.cli.export import export
from degrade.cli.export_model import export_model
from degrade.cli.fidelity import fidelity
from degrade.cli.from_settings import SettingsCommand
from degrade.cli.import_folders import import_folders
from degrade.cli.info import info
from degrade.cli.kernels import kernels
from degrade.cli.mine_noise import mine_noise
from degrade.cli.model_card import model_card
from degrade.cli.options import on_one_line
from degrade.cli.plan import plan
from degrade.cli.report import report
from degrade.cli.run import run_recipe
from degrade.cli.schema import schema
from degrade.cli.train import train
from degrade.cli.upscale import upscale
from degrade.cli.verify import verify
from degrade.errors import DegradeError


class _InOrder(TyperGroup):
    """Lists the verbs in pipeline order; Typer would put groups of commands last."""

    def list_commands(self, ctx: Any) -> list[str]:
        names = super().list_commands(ctx)
        return [name for name in VERBS if name in names]


VERBS = (
    "check",
    "estimate-kernels",
    "kernels",
    "estimate-lens",
    "mine-noise",
    "estimate-camera",
    "camera",
    "import",
    "build-pairs",
    "build-references",
    "fidelity",
    "export",
    "train",
    "upscale",
    "evaluate",
    "export-model",
    "model-card",
    "run",
    "plan",
    "report",
    "schema",
    "info",
    "verify",
    "demo",
)

app = typer.Typer(
    cls=_InOrder,
    help="Real degradations for super-resolution: kernels, noise, pairs and networks from photos.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("check", cls=SettingsCommand)(check)
app.command("estimate-kernels", cls=SettingsCommand)(estimate_kernels)
app.command("kernels")(kernels)
app.command("estimate-lens", cls=SettingsCommand)(estimate_lens)
app.command("mine-noise", cls=SettingsCommand)(mine_noise)
app.command("estimate-camera", cls=SettingsCommand)(estimate_camera)
app.command("camera")(camera)
app.command("import")(import_folders)
app.command("build-pairs", cls=SettingsCommand)(build_pairs)
app.command("build-references", cls=SettingsCommand)(build_references)
app.command("fidelity")(fidelity)
app.add_typer(export, name="export")
app.add_typer(train, name="train")
app.command("upscale")(upscale)
app.command("evaluate")(evaluate)
app.command("export-model")(export_model)
app.command("model-card")(model_card)
app.command("run")(run_recipe)
app.command("plan")(plan)
app.command("report")(report)
app.command("schema")(schema)
app.command("info")(info)
app.command("verify")(verify)
app.command("demo")(demo)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"degrade {__version__}")
        raise typer.Exit


@app.callback()
def options(
    debug: bool = typer.Option(False, "--debug", help="Show the traceback of an error."),
    version: bool = typer.Option(
        False, "--version", callback=_print_version, is_eager=True, help="Print the version."
    ),
) -> None:
    """Options before the verb; --debug may also follow it."""


def run() -> None:
    """Run the command line: exit 0 when done, 1 with one line when refused, 2 on wrong usage."""
    # Pillow warns of damaged metadata; a file that it cannot decode is refused with its reason.
    warnings.filterwarnings("ignore", module="PIL")
    debug = "--debug" in sys.argv
    sys.argv = [_expand_home(argument) for argument in sys.argv if argument != "--debug"]
    if "DEGRADE_STORE" in os.environ:
        os.environ["DEGRADE_STORE"] = expand_home(os.environ["DEGRADE_STORE"])
    before = signal.signal(signal.SIGINT, _interrupted)
    try:
        app()
    except DegradeError as error:
        if debug:
            raise
        _stop(f"degrade: {on_one_line(str(error))}", 1)
    except PermissionError as error:
        if debug:
            raise
        _stop(
            f"degrade: {error.filename or error}: no permission; check the path or pick another", 1
        )
    finally:
        signal.signal(signal.SIGINT, before)


def _expand_home(argument: str) -> str:
    """Write out ``~/`` where the shell did not: in quotes, and after an option's ``=``."""
    option, equals, value = argument.partition("=")
    if equals and option.startswith("--"):
        return f"{option}={expand_home(value)}"
    return expand_home(argument)


def _stop(message: str, code: int) -> None:
    typer.echo(message, err=True)
    sys.exit(code)


def _interrupted(*_: object) -> None:
    """Leave at once on Ctrl-C: whatever is finished is on the disk, and the rest can be redone."""
    for child in multiprocessing.active_children():
        child.kill()
    progress = sys.modules.get("pipelines.execution.progress")
    done = progress.reached() if progress else ""
    how = "what is finished is kept, the same command goes on from there"
    text = f"degrade: stopped; {done + '; ' if done else ''}{how}\n"
    os.write(sys.stderr.fileno(), text.encode())
    os._exit(130)
