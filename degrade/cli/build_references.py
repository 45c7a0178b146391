"""`degrade build-references`: reference tiles for SRNTT and TTSR."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from degrade.cli import options


def build_references(
    store: options.Store = options.DEFAULT_STORE,
    scale: options.Scale = 4,
    count: Annotated[int, typer.Option(help="References of each pair.")] = 5,
    library: Annotated[
        Path | None,
        typer.Option(
            "--from", help="Folder of more photos to find references in, used as they are."
        ),
    ] = None,
    candidates: Annotated[
        int, typer.Option(help="Most similar tiles whose local matches are verified.")
    ] = 24,
    features: Annotated[
        int, typer.Option(help="Strongest local features kept of each tile.")
    ] = 256,
    picture: Annotated[
        Path | None, typer.Option(help="PNG of some pairs with their references and matches.")
    ] = None,
    workers: options.Workers = 0,
    scheduler: options.Scheduler = None,
    overwrite: options.Overwrite = False,
    json: options.Json = False,
) -> None:
    """Find other tiles that show the same things as each pair, the most similar first.

    Example: degrade build-references --scale 4 --picture references.png
    """
    from degrade.references import ReferenceSettings
    from degrade.settings import validated
    from pipelines.stages.build_references import build_references as build
    from pipelines.stages.build_references import picture_of

    fields = {"scale": scale, "count": count, "candidates": candidates, "features": features}
    settings = validated(ReferenceSettings, fields, "build-references")
    store = options.shared(store, scheduler)
    with options.client(workers, scheduler) as client, options.writing(store):
        report = build(store, client, settings, library, overwrite=overwrite)
    if picture is not None:
        picture_of(store, scale, picture)
    lines = [
        f"references x{scale}: {report.count} for each of {report.pairs} pairs; {report.verified} "
        f"pairs have a verified one, {report.mean_matches:.0f} matches on average"
    ]
    lines += [f"  refused {path}: {reason}" for path, reason in report.refused]
    options.answer(asdict(report), "\n".join(lines), json)
