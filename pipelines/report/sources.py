"""The report's sources: which photos are used, and which files were refused and why."""

from dataclasses import dataclass

import numpy as np

from degrade.store.contents import Sources
from degrade.store.reader import Store
from pipelines.report.pictures import thumbnail
from pipelines.report.section import evenly, shown

PHOTOS, REFUSED = 48, 48
"""Thumbnails of usable photos, and of refused files."""


@dataclass(frozen=True)
class File:
    """One scanned file, 0 pixels where unknown; ``picture`` is a data URI, or empty if none."""

    path: str
    domain: str
    width: int
    height: int
    text: str
    picture: str


@dataclass(frozen=True)
class SourcesBody:
    """What the section shows."""

    summary: str
    shown: str
    usable: tuple[File, ...]
    refused: tuple[File, ...]
    pictured: str
    folders: dict[str, str]


def sources_body(store: Store) -> SourcesBody:
    """Gather the scanned files.

    Raises:
        StoreError: There was no scan, or it is unfinished.
    """
    sources = store.sources()
    good = np.flatnonzero(sources.status == "ok")
    bad = np.flatnonzero(sources.status != "ok")
    chosen = good[evenly(len(good), PHOTOS)] if len(good) else good
    pictured = set(bad[evenly(len(bad), REFUSED)].tolist()) if len(bad) else set()
    return SourcesBody(
        summary=f"{len(good)} usable, {len(bad)} refused",
        shown=shown(len(chosen), len(good), "usable photos"),
        usable=tuple(_file(sources, row, pictured=True) for row in chosen.tolist()),
        refused=tuple(_file(sources, row, pictured=row in pictured) for row in bad.tolist()),
        pictured="" if len(pictured) == len(bad) else f"pictures of {len(pictured)} of them",
        folders={str(name): path for name, path in sources.folders.items()},
    )


def _file(sources: Sources, row: int, *, pictured: bool) -> File:
    domain, path = str(sources.domain[row]), str(sources.path[row])
    height, width = int(sources.height[row]), int(sources.width[row])
    refused = str(sources.status[row]) != "ok"
    folder = {str(name): path for name, path in sources.folders.items()}.get(domain, "")
    return File(
        path=path,
        domain=domain,
        width=width,
        height=height,
        text=str(sources.reason[row] if refused else sources.notes[row]),
        picture=thumbnail(folder, path) if pictured and folder else "",
    )
