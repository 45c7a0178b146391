"""`degrade build-references`: reference tiles for SRNTT and TTSR."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from degrade.cli import options
from degrade.cli.from_settings import REFERENCES, SETTINGS, of


def build_references(
    store: options.Store = options.DEFAULT_STORE,
    scale: Annotated[int, of(REFERENCES, "scale")] = SETTINGS,
    count: Annotated[int, of(REFERENCES, "count")] = SETTINGS,
    library: Annotated[
        Path | None,
        typer.Option(
            "--from", help="Folder of more photos to find references in, used as they are."
        ),
    ] = None,
    cufed: Annotated[
        Path | None,
        typer.Option(
            help="CUFED's training pictures (folders `input` and `ref`, same names): makes x4 "
            "pairs of them, with these references instead of found ones."
        ),
    ] = None,
    cufed5: Annotated[
        Path | None,
        typer.Option(
            help="CUFED5 (000_0.png, 000_1.png ...): makes x4 pairs of each group's first picture, "
            "each with the tile of every level's picture that matches it most."
        ),
    ] = None,
    tile: Annotated[
        int | None, typer.Option(help="Side of CUFED5's tiles in pixels; left out: 160.")
    ] = None,
    candidates: Annotated[int, of(REFERENCES, "candidates")] = SETTINGS,
    features: Annotated[int, of(REFERENCES, "features")] = SETTINGS,
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
    from degrade.images.paired import LEVELS
    from degrade.references import ReferenceSettings
    from degrade.yaml_settings import validated
    from pipelines.stages.build_references import build_references as build
    from pipelines.stages.build_references import picture_of
    from pipelines.stages.read_cufed import CUFED_SCALE, CUFED_SIDE, read_cufed
    from pipelines.stages.read_cufed5 import read_cufed5

    fields = {"scale": scale, "count": count, "candidates": candidates, "features": features}
    settings = validated(ReferenceSettings, fields, "build-references")
    store = options.shared(store, scheduler)
    named = [name for name, given in (("--cufed", cufed), ("--cufed5", cufed5)) if given]
    if len(named) > 1:
        raise typer.BadParameter("--cufed and --cufed5 need a store each")
    if named and (library is not None or scale != CUFED_SCALE):
        raise typer.BadParameter(f"{named[0]} has its own references and scale {CUFED_SCALE}")
    if cufed5 is not None and count != LEVELS:
        raise typer.BadParameter(f"--cufed5 has {LEVELS} references of each picture")
    if tile is not None and cufed5 is None:
        raise typer.BadParameter("--tile is for --cufed5; other references are as large as pairs")
    with options.client(workers, scheduler) as client, options.writing(store):
        if cufed is not None:
            report = read_cufed(store, client, cufed, overwrite=overwrite)
        elif cufed5 is not None:
            side = CUFED_SIDE if tile is None else tile
            report = read_cufed5(
                store, client, cufed5, tile=side, features=features, overwrite=overwrite
            )
        else:
            report = build(store, client, settings, library, overwrite=overwrite)
    if picture is not None:
        picture_of(store, scale, picture)
    about = (
        f"{report.verified} pairs have a verified one, {report.mean_matches:.0f} matches on average"
    )
    if cufed is not None:
        about = "read from CUFED, their similarity is not measured"
    lines = [f"references x{scale}: {report.count} for each of {report.pairs} pairs; {about}"]
    lines += [f"  refused {path}: {reason}" for path, reason in report.refused]
    options.answer(asdict(report), "\n".join(lines), json)
