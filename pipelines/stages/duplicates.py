"""Which of the photos that decode are used: by bytes, scores and near duplicates."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from degrade.errors import StoreError
from degrade.images.keep import Keep
from degrade.images.near_duplicates import SIDE, near_duplicates
from degrade.images.policy import KEEP, NearDuplicates, Selection
from degrade.images.source_record import SourceRecord
from degrade.store.schema import DOMAINS, Domain

Records = dict[Domain, list[SourceRecord]]


def as_decoded(record: SourceRecord) -> SourceRecord:
    """Return a file as it was before it was judged by its scores and near duplicates."""
    if record.group < 0 and not record.scores:
        return record
    return replace(record, status="ok", reason="", group=-1)


def refuse_duplicates(records: Sequence[SourceRecord]) -> list[SourceRecord]:
    """Refuse files with the bytes of an earlier one: a photo must not be in train and in valid."""
    first: dict[str, str] = {}
    kept = []
    for record in records:
        original = first.setdefault(record.sha256, record.path) if record.status == "ok" else ""
        if original not in ("", record.path):
            reason = f"has the same bytes as {original}"
            record = replace(record, status="refused", reason=reason, thumbnail=b"", scores={})
        kept.append(record)
    return kept


def as_recorded(
    selection: Selection, records: Mapping[Domain, Sequence[SourceRecord]]
) -> Selection:
    """Return what is really asked of photos of which some have no scores yet.

    Later stages stand on such photos, which an earlier version checked: they are not judged by
    limits that nobody named.
    """
    every = (record for domain in DOMAINS for record in records[domain])
    unknown = any(record.status == "ok" and not record.scores for record in every)
    return selection.model_copy(update={"keep": ""} if unknown and selection.keep == KEEP else {})


def settle(records: Mapping[Domain, Sequence[SourceRecord]], selection: Selection) -> Records:
    """Refuse what is not wanted: by the scores first, so that what they leave out is no duplicate.

    Raises:
        StoreError: Photos that an earlier version checked have no scores yet.
    """
    keeps = {"source": Keep.of(selection.keep), "target": Keep.of(selection.keep_target)}
    judged = {d: [_judged(record, keeps[d]) for record in records[d]] for d in DOMAINS}
    return settle_near_duplicates(judged, selection.near_duplicates)


def _judged(record: SourceRecord, keep: Keep) -> SourceRecord:
    if record.status != "ok" or not keep.limits:
        return record
    if not record.scores:
        raise StoreError(
            f"{record.path}: has no scores yet, which --keep needs; pass --overwrite to look at "
            "all photos again, then run the later stages again"
        )
    fault = keep.fault(record.scores)
    return replace(record, status="refused", reason=fault) if fault else record


def settle_near_duplicates(
    records: Mapping[Domain, Sequence[SourceRecord]], policy: NearDuplicates
) -> Records:
    """Give every file its group, and refuse of each domain's near duplicates what is not wanted."""
    rows = [record for domain in DOMAINS for record in records[domain]]
    shown = [n for n, record in enumerate(rows) if record.status == "ok" and record.thumbnail]
    pixels = np.frombuffer(b"".join(rows[n].thumbnail for n in shown), np.uint8)
    first = near_duplicates(pixels.reshape(-1, SIDE, SIDE))
    alone = np.bincount(first, minlength=len(shown))[first] == 1
    leads = {n: -1 if one else shown[f] for n, f, one in zip(shown, first, alone, strict=True)}
    numbers = iter(range(len(rows)))
    settled: Records = {}
    for domain in DOMAINS:
        grouped = [replace(r, group=leads.get(next(numbers), -1)) for r in records[domain]]
        settled[domain] = grouped if policy == "keep" else _refuse(grouped, policy)
    return settled


def groups_of(records: Mapping[Domain, Sequence[SourceRecord]]) -> list[list[list[str]]]:
    """Return the near duplicates, group by group: domain and path of each file."""
    groups: dict[int, list[list[str]]] = {}
    for domain in DOMAINS:
        for record in records.get(domain, ()):
            groups.setdefault(record.group, []).append([domain, record.path])
    return [groups[lead] for lead in sorted(groups) if lead >= 0]


def _refuse(records: Sequence[SourceRecord], policy: NearDuplicates) -> list[SourceRecord]:
    reasons = dict(_reasons(records, policy))
    return [
        replace(record, status="refused", reason=reasons[record.path])
        if record.path in reasons
        else record
        for record in records
    ]


def _reasons(records: Sequence[SourceRecord], policy: NearDuplicates) -> Iterator[tuple[str, str]]:
    """Yield path and reason of each near duplicate that is refused."""
    groups: dict[int, list[SourceRecord]] = {}
    for record in records:
        if record.group >= 0:
            groups.setdefault(record.group, []).append(record)
    for group in groups.values():
        best, *others = sorted(
            group, key=lambda record: (-record.height * record.width, record.path)
        )
        for record in others:
            yield record.path, f"is a near duplicate of {best.path}"
        if policy == "refuse" and others:
            yield best.path, f"is a near duplicate of {others[0].path}"
