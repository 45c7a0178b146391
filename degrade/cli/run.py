"""`degrade run`: every stage of a recipe."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from degrade.cli import options
from degrade.cli.plan import show as show_plan

if TYPE_CHECKING:
    from pipelines.recipes.runner import Manifest


def run_recipe(
    recipe: Annotated[str, typer.Argument(help="A recipe file, or the name of a shipped one.")],
    source: options.Source = None,
    target: Annotated[Path | None, typer.Option("--target", help="Folder of clean photos.")] = None,
    store: options.Store = options.DEFAULT_STORE,
    runs: Annotated[Path, typer.Option(help="Folder of all runs.")] = Path("runs"),
    changes: options.Set = None,
    vgg_weights: options.VggWeights = None,
    download_vgg: options.DownloadVgg = False,
    dists_weights: options.DistsWeights = None,
    no_perceptual: options.NoPerceptual = False,
    init: options.Init = None,
    device: options.Device = "auto",
    workers: options.Workers = 0,
    scheduler: options.Scheduler = None,
    overwrite: options.Overwrite = False,
    scratch: Annotated[
        float,
        typer.Option(
            min=0,
            help="GB of disk beside the store for photos between check and pairs; without room "
            "they are decoded twice.",
        ),
    ] = 20.0,
    show: Annotated[
        bool, typer.Option("--print", help="Print the recipe with every default, and stop.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be done, as `degrade plan` does.")
    ] = False,
    json: options.Json = False,
) -> None:
    """Run every stage of a recipe; complete ones are skipped, a stopped one goes on.

    Example: degrade run ntire2020_track2 ./dped --vgg-weights vgg19-dcbb9e9d.pth
    """
    from pipelines.recipes.recipe import load_recipe, print_recipe

    perceptual = ["stages.train.settings.loss.perceptual=0"] if no_perceptual else []
    chosen = load_recipe(recipe, [*(changes or []), *perceptual])
    if show:
        options.answer(chosen.model_dump(mode="json"), print_recipe(chosen).rstrip(), json)
        return
    from pipelines.recipes.runner import RunOptions
    from pipelines.recipes.runner import run_recipe as run

    store = options.shared(store, scheduler)
    wanted = RunOptions(
        source=source,
        target=target,
        store=store,
        runs=runs,
        device=device,
        overwrite=overwrite,
        vgg_weights=vgg_weights,
        download_vgg=download_vgg,
        dists_weights=dists_weights,
        init=init,
        scratch=int(scratch * 1e9),
    )
    if dry_run:
        show_plan(chosen, wanted, workers, scheduler, json)
        return
    with options.client(workers, scheduler) as client, options.writing(store):
        manifest = run(chosen, wanted, client)
    options.answer(asdict(manifest), _text(manifest), json)


def _text(manifest: "Manifest") -> str:
    lines = []
    for record in manifest.stages:
        state = "complete before, skipped" if record.skipped else f"{record.seconds:.1f} s"
        numbers = {
            k: _short(v) for k, v in record.report.items() if isinstance(v, int | float | str)
        }
        facts = ", ".join(f"{key} {value}" for key, value in numbers.items())
        lines.append(f"{record.stage}: {state}" + (f" ({facts})" if facts else ""))
        lines += options.refusals(record.report.get("refused", []))
    return "\n".join(lines)


def _short(value: int | float | str) -> int | float | str:
    return float(f"{value:.3g}") if isinstance(value, float) else value
