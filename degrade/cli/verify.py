"""`degrade verify`: check every chunk of a store, and rebuild what is damaged."""

from dataclasses import asdict
from typing import Annotated

import typer

from degrade.cli import options


def verify(
    store: options.Store = options.DEFAULT_STORE,
    repair: Annotated[
        bool, typer.Option("--repair", help="Make damaged tiles anew from the photos.")
    ] = False,
    workers: options.Workers = 0,
    scheduler: options.Scheduler = None,
    json: options.Json = False,
) -> None:
    """Compare every chunk of the store with its checksum; exit 1 if damage remains.

    Example: degrade verify --repair
    """
    from pipelines.stages.verify import verify as check

    store = options.shared(store, scheduler)
    with options.client(workers, scheduler) as client, options.writing(store):
        report = check(store, client, repair=repair)
    left = [name for name in report.damaged if name not in report.repaired]
    lines = [f"{store}: {report.chunks} chunks of tiles read, {len(report.damaged)} damaged"]
    lines += [f"  rebuilt {name}" for name in report.repaired]
    lines += [f"  damaged {name}" for name in left]
    lines += [f"  unfinished {name}: run its command again" for name in report.unfinished]
    if left:
        lines.append(
            "tiles are rebuilt with --repair; it also opens stages of which anything else is "
            "damaged again: run their commands after it"
        )
    options.answer(asdict(report), "\n".join(lines), json)
    if left:
        raise typer.Exit(1)
