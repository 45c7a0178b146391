"""The report's sources: which photos are used, and which files were refused and why."""

from dataclasses import dataclass

import numpy as np

from degrade.arrays import I64
from degrade.images.keep import SCORES
from degrade.store.contents import Sources
from degrade.store.reader import Store
from pipelines.photos.score_report import BARS, histograms, outliers
from pipelines.report.pictures import thumbnail
from pipelines.report.section import evenly, shown

PHOTOS, REFUSED = 48, 48
"""Thumbnails of usable photos, and of refused files."""


@dataclass(frozen=True)
class FileRow:
    """One checked file, 0 pixels where unknown; ``picture`` is a data URI, or empty if none."""

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
    usable: tuple[FileRow, ...]
    refused: tuple[FileRow, ...]
    pictured: str
    folders: dict[str, str]
    scores: tuple[tuple[str, str, str], ...]
    """Name, meaning and histogram of each score of the photos that were decoded."""
    standing_out: tuple[tuple[str, str], ...]
    """Path of each photo that stands out by its scores, and what it is in words."""


def sources_body(store: Store) -> SourcesBody:
    """Gather the checked files.

    Raises:
        StoreError: There was no check, or it is unfinished.
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
        scores=_histograms(sources),
        standing_out=_standing_out(sources),
    )


def _scored(sources: Sources, domain: str = "") -> I64:
    """Return the rows that have scores, of one domain or of all."""
    if not sources.scores:
        return np.zeros(0, np.int64)
    has = ~np.isnan(sources.scores["sharpness"])
    return np.flatnonzero(has & (sources.domain == domain) if domain else has)


def _histograms(sources: Sources) -> tuple[tuple[str, str, str], ...]:
    rows = _scored(sources)
    if not len(rows):
        return ()
    drawn = histograms({name: column[rows] for name, column in sources.scores.items()})
    return tuple((its.name, SCORES[its.name], its.line(BARS)) for its in drawn)


def _standing_out(sources: Sources) -> tuple[tuple[str, str], ...]:
    found = []
    for domain in sources.folders:
        rows = _scored(sources, domain)
        scores = {name: column[rows] for name, column in sources.scores.items()}
        found += [(str(sources.path[rows[n]]), what) for n, what in outliers(scores)]
    return tuple(found)


def _file(sources: Sources, row: int, *, pictured: bool) -> FileRow:
    domain, path = str(sources.domain[row]), str(sources.path[row])
    height, width = int(sources.height[row]), int(sources.width[row])
    refused = str(sources.status[row]) != "ok"
    folder = {str(name): path for name, path in sources.folders.items()}.get(domain, "")
    return FileRow(
        path=path,
        domain=domain,
        width=width,
        height=height,
        text=str(sources.reason[row] if refused else sources.notes[row]),
        picture=thumbnail(folder, path) if pictured and folder else "",
    )
