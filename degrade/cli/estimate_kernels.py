"""`degrade estimate-kernels`: the blur kernel of each photo, by KernelGAN."""

from dataclasses import asdict
from typing import Annotated

import typer

from degrade.cli import options


def estimate_kernels(
    source: options.Source = None,
    store: options.Store = options.DEFAULT_STORE,
    scale: options.Scale = 4,
    iterations: Annotated[int, typer.Option(help="Training steps per photo.")] = 3000,
    restarts: Annotated[int, typer.Option(help="Estimates per photo; they judge each other.")] = 1,
    lanes: Annotated[int, typer.Option(help="Estimates trained side by side.")] = 8,
    as_published: Annotated[
        bool, typer.Option("--as-published", help="Keep the published R+G+B bicubic target.")
    ] = False,
    seed: options.Seed = 0,
    device: options.Device = "auto",
    workers: options.Workers = 0,
    scheduler: options.Scheduler = None,
    overwrite: options.Overwrite = False,
    json: options.Json = False,
) -> None:
    """Estimate the blur kernel of every photo with KernelGAN, many photos as one batch.

    Example: degrade estimate-kernels ./dped --scale 4 --workers 2
    """
    from degrade.kernels.settings import KernelSettings
    from degrade.settings import validated
    from pipelines.stages.estimate_kernels import estimate_kernels as estimate
    from pipelines.stages.scan import use_sources

    fields = {
        "scale": scale,
        "iterations": iterations,
        "restarts": restarts,
        "lanes": lanes,
        "as_published": as_published,
        "seed": seed,
    }
    settings = validated(KernelSettings, fields, "estimate-kernels")
    with options.client(workers, scheduler) as client, options.writing(store):
        use_sources(store, client, source, overwrite=overwrite)
        report = estimate(store, client, settings, device=device, overwrite=overwrite)
    lines = [
        f"kernels x{scale}: {report.accepted} of {report.kernels} accepted, "
        f"mean score {report.mean_score:.2f}"
    ]
    lines += [f"  refused {path}: {reason}" for path, reason in report.refused]
    options.answer(asdict(report), "\n".join(lines), json)
