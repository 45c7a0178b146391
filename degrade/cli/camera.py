"""`degrade camera`: look at the cameras that a store holds, or write them for other programs."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from degrade.cli import options


def camera(
    store: options.Store = options.DEFAULT_STORE,
    picture: Annotated[
        Path | None,
        typer.Option("--picture", help="Write patches of photos beside simulated ones as a PNG."),
    ] = None,
    export: Annotated[
        Path | None, typer.Option("--export", help="Write all of it as a JSON file.")
    ] = None,
    given: Annotated[
        Path | None,
        typer.Option(
            "--import", help="Take the cameras of such a file, for pairs of this store's pictures."
        ),
    ] = None,
    overwrite: options.Overwrite = False,
    json: options.Json = False,
) -> None:
    """Show the cameras that may have taken the photos: intervals of every parameter.

    Example: degrade camera --picture camera.png --export camera.json
    """
    from degrade.cli.estimate_camera import camera_text
    from degrade.store.reader import open_store
    from pipelines.camera_report import camera_report
    from pipelines.stages.exchange_camera import draw_camera, export_camera, import_camera

    if given is not None:
        store = options.shared(store, None)
        with options.writing(store):
            import_camera(store, given, overwrite=overwrite)
    opened = open_store(store)
    report = camera_report(opened)
    lines = [camera_text(report)]
    if picture is not None:
        draw_camera(opened, picture)
        lines.append(f"picture: {picture}")
    if export is not None:
        export_camera(opened, export)
        lines.append(f"exported: {export}")
    options.answer(asdict(report), "\n".join(lines), json)
