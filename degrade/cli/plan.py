"""`degrade plan`: what a recipe will give and take, before any work."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from degrade.cli import options

if TYPE_CHECKING:
    from pipelines.recipes.plan import RunPlan
    from pipelines.recipes.recipe import Recipe
    from pipelines.recipes.runner import RunOptions
    from pipelines.recipes.stage_plans import StagePlan


def plan(
    recipe: Annotated[str, typer.Argument(help="A recipe file, or the name of a shipped one.")],
    source: options.Source = None,
    target: Annotated[Path | None, typer.Option("--target", help="Folder of clean photos.")] = None,
    store: options.Store = options.DEFAULT_STORE,
    runs: Annotated[Path, typer.Option(help="Folder of all runs.")] = Path("runs"),
    changes: options.Set = None,
    sample: Annotated[int, typer.Option(min=1, help="Photos that are decoded and timed.")] = 12,
    no_perceptual: options.NoPerceptual = False,
    device: options.Device = "auto",
    workers: options.Workers = 0,
    scheduler: options.Scheduler = None,
    overwrite: options.Overwrite = False,
    json: options.Json = False,
) -> None:
    """Say from a sample of the photos what a recipe gives, its time, memory and disk, what is done.

    Example: degrade plan ntire2020_track2 ./dped --workers 8
    """
    from pipelines.recipes.recipe import load_recipe
    from pipelines.recipes.runner import RunOptions

    perceptual = ["stages.train.settings.loss.perceptual=0"] if no_perceptual else []
    chosen = load_recipe(recipe, [*(changes or []), *perceptual])
    wanted = RunOptions(source, target, store, runs, device, overwrite)
    show(chosen, wanted, workers, scheduler, json, sample)


def show(
    recipe: "Recipe",
    wanted: "RunOptions",
    workers: int,
    scheduler: str | None,
    json: bool,
    sample: int = 12,
) -> None:
    """Print the plan of a run, which `degrade run --dry-run` does too."""
    from pipelines.recipes.plan import plan_run

    made = plan_run(recipe, wanted, _threads(workers, scheduler), sample)
    options.answer(asdict(made), _text(made), json)


def _threads(workers: int, scheduler: str | None) -> int:
    """Return how many tasks run at a time: a cluster's threads, or workers up to the cores."""
    if scheduler is None and workers <= 1:
        return 1
    if scheduler is None:
        from dask.system import CPU_COUNT

        return min(workers, CPU_COUNT)
    from degrade.errors import SettingsError
    from pipelines.execution.workers import threads_of

    with options.client(workers, scheduler) as client:
        threads = threads_of(client)
    if not threads:
        raise SettingsError("the Dask scheduler has no workers; start some with `dask worker`")
    return threads


def _text(made: "RunPlan") -> str:
    size = options.megabytes
    at_once = "one task at a time" if made.threads == 1 else f"{made.threads} tasks at a time"
    lines = [
        f"{made.recipe}: {made.photos} of {made.files} files usable, by a sample of "
        f"{made.sampled}; {at_once}",
        f"{'stage':<17}{'state':<11}{'gives':>18}{'time left':>11}{'memory':>10}{'disk':>10}",
        *(_row(stage) for stage in made.stages),
        f"{'in all':<46}{_duration(made.seconds):>11}{size(made.memory):>10}{size(made.disk):>10}",
    ]
    lines += [f"  {stage.stage}: {stage.note}" for stage in made.stages if stage.note]
    lines += options.refusals(made.refused)
    lines += made.lacking
    lines.append(
        "times by the sample here, without starting workers; memory per worker, below of all"
    )
    if made.free_disk is not None and made.disk > made.free_disk:
        lines.append(f"only {size(made.free_disk)} are free there: pick a --store on another disk")
    if made.memory > made.machine_memory:
        lines.append(f"this machine has {size(made.machine_memory)}: use fewer --workers")
    return "\n".join(lines)


def _row(stage: "StagePlan") -> str:
    time = "?" if stage.seconds is None else _duration(stage.seconds)
    memory = "?" if stage.memory is None else options.megabytes(stage.memory)
    gives = f"{stage.gives} {stage.unit}"
    disk = options.megabytes(stage.disk)
    return f"{stage.stage:<17}{stage.state:<11}{gives:>18}{time:>11}{memory:>10}{disk:>10}"


def _duration(seconds: float) -> str:
    """Write a time for people, to two digits or so."""
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.3g} {unit}"
    return f"{seconds:.2g} s" if seconds < 10 else f"{seconds:.0f} s"
