"""Files that show what another shows: the same bytes are refused, near duplicates as one likes."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from degrade.images.near_duplicates import SIDE, near_duplicates
from degrade.images.policy import NearDuplicates
from degrade.images.scan import SourceRecord
from degrade.store.schema import DOMAINS, Domain

Records = dict[Domain, list[SourceRecord]]


def as_decoded(record: SourceRecord) -> SourceRecord:
    """Return a file as it was before near duplicates of it were looked for."""
    if record.group < 0:
        return record
    return replace(record, status="ok", reason="", group=-1)


def refuse_doubles(records: Sequence[SourceRecord]) -> list[SourceRecord]:
    """Refuse files with the bytes of an earlier one: a photo must not be in train and in valid."""
    first: dict[str, str] = {}
    kept = []
    for record in records:
        original = first.setdefault(record.sha256, record.path) if record.status == "ok" else ""
        if original not in ("", record.path):
            reason = f"has the same bytes as {original}"
            record = replace(record, status="refused", reason=reason, thumbnail=b"")
        kept.append(record)
    return kept


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
