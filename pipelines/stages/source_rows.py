"""Writing the checked files into the store, and refusing changes that later stages cannot take."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from degrade.arrays import U8
from degrade.errors import StoreError
from degrade.images.decode import DecodePolicy
from degrade.images.exif import UNKNOWN, TakenWith
from degrade.images.keep import rounded
from degrade.images.near_duplicates import SIDE
from degrade.images.policy import Selection
from degrade.images.source_record import SourceRecord
from degrade.store.backend import find_group, open_for_writing
from degrade.store.contents import Sources
from degrade.store.reader import open_store
from degrade.store.schema import (
    DOMAINS,
    EXIF_COLUMNS,
    SCORE_COLUMNS,
    SOURCE_COLUMNS,
    SOURCES,
    Domain,
)
from degrade.store.stages import StageIdentity
from degrade.store.writer import begin
from pipelines.stages.duplicates import as_decoded


def records_of(
    sources: Sources, domain: Domain, thumbnails: U8 | None = None
) -> list[SourceRecord]:
    """Return the files of one domain as the store has them, in check order."""
    return [
        SourceRecord(
            path=str(sources.path[row]),
            sha256=str(sources.sha256[row]),
            height=int(sources.height[row]),
            width=int(sources.width[row]),
            status="ok" if sources.status[row] == "ok" else "refused",
            reason=str(sources.reason[row]),
            notes=tuple(str(sources.notes[row]).splitlines()),
            thumbnail=b"" if thumbnails is None else _thumbnail(sources, row, thumbnails),
            group=int(sources.group[row]),
            taken_with=exif_camera(sources, row),
            scores=_scores(sources, row),
        )
        for row in range(len(sources.path))
        if sources.domain[row] == domain
    ]


def exif_camera(sources: Sources, row: int) -> TakenWith:
    """Return the camera of one file, as far as its EXIF data names it."""
    return TakenWith(
        camera=str(sources.camera[row]),
        lens=str(sources.lens[row]),
        focal=round(float(sources.focal[row]), 1),
        iso=int(sources.iso[row]),
    )


def decoded_before(location: str, old: Sources | None) -> dict[Domain, list[SourceRecord]]:
    """Return what an earlier check found of every file itself, whatever it is a duplicate of."""
    if old is None:
        return {domain: [] for domain in DOMAINS}
    small = _thumbnails(location)
    return {d: [as_decoded(record) for record in records_of(old, d, small)] for d in DOMAINS}


def reusable_records(
    location: str, records: Sequence[SourceRecord], *, overwrite: bool
) -> list[SourceRecord]:
    """Return the good files that need not be decoded again if they have the same bytes.

    Checks of earlier versions made no thumbnails, or no scores. What later stages made of such
    photos stays.
    """
    complete = [record for record in records if record.thumbnail and record.scores]
    if len(complete) == len(records) or overwrite or not _later_stages(location):
        return complete
    return list(records)


def write_sources(
    location: str,
    records: Mapping[Domain, Sequence[SourceRecord]],
    old: Sources | None,
    folders: Mapping[Domain, Path | None],
    policy: DecodePolicy,
    selection: Selection,
    *,
    overwrite: bool,
) -> None:
    """Write `sources`, unless it already says just this."""
    rows = [(domain, record) for domain in DOMAINS for record in records[domain]]
    known = old.folders if old else {}
    places = {d: str(f.resolve()) if f else known.get(d, "") for d, f in folders.items()}
    resolved = {domain: place for domain, place in places.items() if place}
    identity = StageIdentity("check", policy.model_dump(mode="json"), {})
    if old:
        small = _thumbnails(location)
        before = {d: records_of(old, d, small) for d in DOMAINS}
        changed = [d for d in DOMAINS if _essence(before[d]) != _essence(records[d])]
        same = old.policy == identity.parameters and old.selection == selection
        found = all(_found(before[d]) == _found(records[d]) for d in DOMAINS)
        if not changed and found and same and old.folders == resolved:
            return
        if not overwrite and old.policy != identity.parameters:
            _refuse_policy(location, old.policy, identity.parameters)
        if not overwrite and changed:
            _refuse_change(location, before, records, changed)
    own = [name for name in SOURCE_COLUMNS if name not in ("domain", "notes", "thumbnail")]
    columns: dict[str, Any] = {name: [getattr(record, name) for _, record in rows] for name in own}
    columns["domain"] = [domain for domain, _ in rows]
    columns["notes"] = ["\n".join(record.notes) for _, record in rows]
    thumbnails = [record.thumbnail or bytes(SIDE * SIDE) for _, record in rows]
    columns["thumbnail"] = np.frombuffer(b"".join(thumbnails), np.uint8).reshape(-1, SIDE * SIDE)
    columns |= {n: [r.scores.get(n, np.nan) for _, r in rows] for n in SCORE_COLUMNS}
    good = [record for _, record in rows if record.status == "ok"]
    wanted = {n: c for n, c in SOURCE_COLUMNS.items() if n != "thumbnail"}
    if all(record.thumbnail for record in good):
        wanted["thumbnail"] = SOURCE_COLUMNS["thumbnail"]
    if all(record.scores for record in good):
        wanted |= SCORE_COLUMNS
    if any(record.taken_with != UNKNOWN for _, record in rows):
        wanted |= EXIF_COLUMNS
        columns |= {n: [getattr(r.taken_with, n) for _, r in rows] for n in EXIF_COLUMNS}
    with begin(location, SOURCES, identity, anew=True) as out:
        out.columns(wanted, columns)
        out.results["folders"] = resolved
        out.results.update(selection.model_dump())


def _thumbnails(location: str) -> U8 | None:
    """Return the thumbnails of a store's files; None if its check was of an earlier version."""
    store, name = open_store(location), f"{SOURCES}/thumbnail"
    return store.column(name) if name in store.root else None


def _thumbnail(sources: Sources, row: int, thumbnails: U8) -> bytes:
    decoded = sources.status[row] == "ok" or sources.group[row] >= 0 or _scores(sources, row)
    return thumbnails[row].tobytes() if decoded else b""


def _scores(sources: Sources, row: int) -> dict[str, float]:
    found = {name: float(column[row]) for name, column in sources.scores.items()}
    return {} if any(map(np.isnan, found.values())) else rounded(found)


def _found(records: Sequence[SourceRecord]) -> list[tuple[Any, ...]]:
    return [
        (r.group, r.thumbnail, r.taken_with, r.scores, r.reason) for r in records if r.thumbnail
    ]


def _essence(records: Sequence[SourceRecord]) -> list[tuple[str, str, str]]:
    return [(record.path, record.sha256, record.status) for record in records]


def _later_stages(location: str, domains: Sequence[Domain] = DOMAINS) -> list[str]:
    """Return the kinds of groups that refer to photos of some domains by row, in pipeline order."""
    from pipelines.stage_table import STAGES  # whose descriptions lead back here

    root = open_for_writing(location)
    readers = [stage for stage in STAGES if set(stage.reads) & set(domains)]
    return [stage.group for stage in readers if find_group(root, stage.group) is not None]


def _refuse_policy(location: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
    """Refuse to decode photos otherwise than the later stages saw them."""
    later = _later_stages(location)
    if later:
        said = ", ".join(f"{k} {old.get(k)}, not {new[k]}" for k in new if old.get(k) != new[k])
        raise StoreError(
            f"{location}: {', '.join(later)} were made with {said}; pass --overwrite, then run the "
            "later stages again, or use another --store"
        )


def _refuse_change(
    location: str,
    before: Mapping[Domain, Sequence[SourceRecord]],
    records: Mapping[Domain, Sequence[SourceRecord]],
    changed: Sequence[Domain],
) -> None:
    """Refuse to renumber photos that later stages refer to by row."""
    affected = _later_stages(location, changed)
    if not affected:
        return
    changes = [changes_of(before[domain], records[domain]) for domain in changed]
    names = sorted({path for change in changes for paths in change.values() for path in paths})
    every = {kind: [p for c in changes for p in c.get(kind, [])] for kind in CHANGES}
    raise StoreError(
        f"{location}: {len(names)} photos changed (first: {names[0]}) since {', '.join(affected)} "
        f"were made from them: {said_of(every)}; pass --overwrite, then run the later stages again "
        "(only what is new is worked on), or use another --store"
    )


CHANGES = ("added", "removed", "edited", "judged otherwise")
NAMED = 3
"""Files of each kind of change that are named in a line."""


def changes_of(before: Sequence[SourceRecord], now: Sequence[SourceRecord]) -> dict[str, list[str]]:
    """Return the paths of files that are not as an earlier check found them, by kind of change."""
    old, new = ({record.path: record for record in side} for side in (before, now))
    both = sorted(old.keys() & new.keys())
    edited = [path for path in both if old[path].sha256 != new[path].sha256]
    judged = [path for path in both if old[path].status != new[path].status]
    found = {
        "added": sorted(new.keys() - old.keys()),
        "removed": sorted(old.keys() - new.keys()),
        "edited": edited,
        "judged otherwise": [path for path in judged if path not in set(edited)],
    }
    return {kind: paths for kind, paths in found.items() if paths}


def said_of(changes: Mapping[str, Sequence[str]]) -> str:
    """Say in a line what changed: how many files of each kind, and the first of them."""
    said = []
    for kind, paths in changes.items():
        more = f" and {len(paths) - NAMED} more" if len(paths) > NAMED else ""
        if paths:
            said.append(f"{len(paths)} {kind} ({', '.join(paths[:NAMED])}{more})")
    return ", ".join(said)
