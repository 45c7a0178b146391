"""Stage `check`: decode every file once and record what it is, or why it will not do."""

import hashlib
import json
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from degrade.errors import ImageRefused, NothingToDo, SettingsError, StoreError
from degrade.images.decode import DecodePolicy
from degrade.images.exif import NO_EXIF, TakenWith, camera_groups
from degrade.images.files import Listing, find_files, no_images, open_regular, resolve_inside
from degrade.images.keep import SCORES
from degrade.images.near_duplicates import SIDE
from degrade.images.policy import NearDuplicates, Selection
from degrade.images.source_record import SourceRecord, inspect_file
from degrade.store.backend import open_for_writing
from degrade.store.contents import Sources
from degrade.store.reader import open_store
from degrade.store.schema import DOMAINS, Domain
from degrade.store.task_results import Arrays
from degrade.yaml_settings import validated
from pipelines.execution.cluster import Client
from pipelines.execution.progress import say
from pipelines.execution.stage_writer import TaskOutput, Tasks, blocks, per_task
from pipelines.photos.cache import NO_CACHE, PhotoCache
from pipelines.stages.duplicates import as_recorded, groups_of, refuse_duplicates, settle
from pipelines.stages.source_rows import (
    changes_of,
    decoded_before,
    records_of,
    reusable_records,
    write_sources,
)

FILES_PER_TASK = 8
MIN_SIDE = 16
"""No stage can use a smaller photo; what each stage needs beyond that is its own to refuse."""


@dataclass(frozen=True)
class CheckReport:
    """What a check found: one record per file, and the files that are no images at all."""

    records: dict[Domain, list[SourceRecord]]
    listings: dict[Domain, Listing]
    changes: dict[Domain, dict[str, list[str]]] = field(default_factory=dict)
    """Files that are not as an earlier check found them, by kind of change."""

    def refused(self) -> list[SourceRecord]:
        """Return the records of files that will not be used, in check order."""
        return [r for d in DOMAINS for r in self.records.get(d, []) if r.status == "refused"]

    def notes(self) -> list[tuple[str, str]]:
        """Return what was converted or turned on decoding, file by file."""
        every = (record for records in self.records.values() for record in records)
        return [(record.path, "; ".join(record.notes)) for record in every if record.notes]

    def near_duplicates(self) -> list[list[list[str]]]:
        """Return the photos that show the same, by group: domain and path of each."""
        return groups_of(self.records)

    def cameras(self) -> dict[str, int]:
        """Return how many usable real photos EXIF says each camera took, if it says so of any."""
        photos = [record for record in self.records.get("source", []) if record.status == "ok"]
        counts = Counter(camera_groups([record.taken_with for record in photos]))
        unknown = counts.pop("", 0)
        return {**counts, **({NO_EXIF: unknown} if counts and unknown else {})}

    def say_what_lacks(self) -> None:
        """Name on stderr each suffix that cannot be read here, with the remedy."""
        for listing in self.listings.values():
            for line in listing.lacks():
                say(line)

    def summary(self) -> dict[str, Any]:
        """Return counts, and every refused file with its reason."""
        usable = {d: sum(r.status == "ok" for r in self.records[d]) for d in self.records}
        others = {domain: listing.others for domain, listing in self.listings.items()}
        refused = [[record.path, record.reason] for record in self.refused()]
        return {
            "usable": usable,
            "not_images": others,
            "left_alone": {d: dict(listing.left) for d, listing in self.listings.items()},
            "reader_missing": {d: listing.remedies() for d, listing in self.listings.items()},
            "refused": refused,
            "near_duplicates": self.near_duplicates(),
            "cameras": self.cameras(),
            "changes": self.changes,
        }


@dataclass(frozen=True)
class _Files:
    """Files of a folder that one task looks at.

    Attributes:
        folder: Where they are.
        paths: Relative to it.
        policy: What to do with odd images.
        known: What an earlier check found of some.
        fingerprint: Tells that they are as they were.
    """

    folder: Path
    paths: tuple[str, ...]
    policy: DecodePolicy
    known: Mapping[str, SourceRecord]
    fingerprint: str

    def __len__(self) -> int:
        return len(self.paths)


def check_photos(
    location: str,
    client: Client,
    *,
    source: Path | None,
    target: Path | None = None,
    only: Collection[str] | None = None,
    policy: DecodePolicy | None = None,
    near_duplicates: NearDuplicates | None = None,
    keep: str | None = None,
    keep_target: str | None = None,
    overwrite: bool = False,
    cache: PhotoCache = NO_CACHE,
) -> CheckReport:
    """Check folders of photos into the store's `sources`.

    Files that an earlier check with the same policy knows by hash are hashed, not decoded again. A
    domain whose folder is not given keeps the rows it has.

    Args:
        location: The store.
        client: Where to run.
        source: Folder of real photos; None keeps what the store knows.
        target: Folder of clean photos; None keeps what the store knows.
        only: Files of ``source`` to check; None checks all.
        policy: What to do with odd images; None keeps the store's, or takes the defaults.
        near_duplicates: What to do with photos that show the same; None as for ``policy``.
        keep: Limits on the scores of real photos, see `degrade.images.keep`; None likewise.
        keep_target: Of clean ones.
        overwrite: Accept that the photos changed although later stages were made from them.
        cache: What later stages measure of the photos that are decoded.

    Raises:
        NothingToDo: A folder holds no usable image.
        SettingsError: A folder is not there, or none was ever given.
        StoreError: The photos changed since later stages were made.
    """
    old = known_sources(location)
    if source is None and target is None and old is None:
        raise SettingsError(
            f"SRC: {location} knows no photos yet; name a folder, as in `degrade check ./photos`"
        )
    chosen = policy or (DecodePolicy(**old.policy) if old else DecodePolicy())
    given = {"near_duplicates": near_duplicates, "keep": keep, "keep_target": keep_target}
    said = {name: value for name, value in given.items() if value is not None}
    selection = validated(
        Selection, {**(old.selection if old else Selection()).model_dump(), **said}, "check"
    )
    folders: dict[Domain, Path | None] = {"source": source, "target": target}
    listings = {domain: _list(folder) for domain, folder in folders.items() if folder is not None}
    if only is not None:
        listings["source"] = listings["source"].among(only)
    open_for_writing(location)
    cache.begin()
    decoded = decoded_before(location, old)
    same_policy = old is not None and old.policy == chosen.model_dump(mode="json")
    for domain, listing in listings.items():
        # Only good ones: why another was refused may have changed, as when its double was deleted.
        good = [record for record in decoded[domain] if record.status == "ok"]
        reusable = reusable_records(location, good, overwrite=overwrite) if same_policy else []
        found = _check_folder(
            location, client, domain, Path(folders[domain] or ""), listing, chosen, reusable, cache
        )
        decoded[domain] = refuse_duplicates(found)
    selection = as_recorded(selection, decoded)
    records = settle(decoded, selection)
    report = CheckReport(records, listings, _changes(old, records))
    write_sources(location, records, old, folders, chosen, selection, overwrite=overwrite)
    for domain, listing in listings.items():
        if not any(record.status == "ok" for record in records[domain]):
            raise NothingToDo(_none_usable(str(folders[domain]), listing, records[domain]))
    return report


def _changes(
    old: Sources | None, records: Mapping[Domain, Sequence[SourceRecord]]
) -> dict[Domain, dict[str, list[str]]]:
    if old is None:
        return {}
    every = {d: changes_of(records_of(old, d), records[d]) for d in old.folders}
    return {domain: changes for domain, changes in every.items() if changes}


def use_sources(
    location: str,
    client: Client,
    source: Path | None,
    target: Path | None = None,
    *,
    overwrite: bool = False,
) -> None:
    """Check the folders that were named; without any, rely on the store's last check."""
    if source is not None or target is not None or known_sources(location) is None:
        report = check_photos(location, client, source=source, target=target, overwrite=overwrite)
        report.say_what_lacks()


def known_sources(location: str) -> Sources | None:
    """Return the store's checked files, or None if there was no check."""
    try:
        return open_store(location).sources()
    except StoreError:
        return None


def known_policy(location: str) -> dict[str, Any]:
    """Return the decoding policy of the store's last check, empty if there was none."""
    known = known_sources(location)
    return known.policy if known else {}


def known_folders(location: str) -> dict[Domain, Path]:
    """Return the folders of the store's last check, none if there was no check."""
    known = known_sources(location)
    return {domain: Path(folder) for domain, folder in known.folders.items()} if known else {}


def _list(folder: Path) -> Listing:
    listing = find_files(folder)
    if not (listing.images or listing.outside or listing.unreadable):
        raise NothingToDo(_none_usable(str(folder), listing, []))
    return listing


def _none_usable(folder: str, listing: Listing, records: Sequence[SourceRecord]) -> str:
    if not records:
        return no_images(folder, listing)
    first = records[0]
    judged = any(record.scores and record.group < 0 for record in records)
    remedy = "; say which to keep with `degrade check --keep`" if judged else ""
    return (
        f"{folder}: none of {len(records)} images can be used, the first, {first.path}, because "
        f"it {first.reason}{remedy}"
    )


def _check_folder(
    location: str,
    client: Client,
    domain: Domain,
    folder: Path,
    listing: Listing,
    policy: DecodePolicy,
    reusable: Sequence[SourceRecord],
    cache: PhotoCache,
) -> list[SourceRecord]:
    """Check the files of one folder in parallel; links that leave it are refused unread."""
    known = {record.path: record for record in reusable}
    size, groups = per_task(FILES_PER_TASK, len(listing.images)), []
    for rows in blocks(len(listing.images), size):
        paths = listing.images[rows.start : rows.stop]
        mine = {path: known[path] for path in paths if path in known}
        fingerprint = _fingerprint(folder, paths, policy)
        groups.append(_Files(folder.resolve(), paths, policy, mine, fingerprint))
    name, group = f"check {domain} photos", f"scan-{domain}"
    tasks = Tasks(location=location, group=group, client=client, name=name)
    results = tasks.run(groups, partial(_look, cache, domain), "files", is_intact=_is_current)
    records = [record for result in results for record in _rows(result)]
    results.clear()
    outside = [_refused(path, "is a link that leads out of the folder") for path in listing.outside]
    hidden = [_refused(path, "cannot be read (permission or name)") for path in listing.unreadable]
    return sorted([*records, *outside, *hidden], key=lambda record: record.path)


def _fingerprint(folder: Path, paths: Sequence[str], policy: DecodePolicy) -> str:
    """Hash size, time and policy of files, which show that they are as a killed check read them."""
    seen = []
    for path in paths:
        try:
            status = (folder / path).stat()
            seen.append([path, status.st_size, status.st_mtime_ns])
        except OSError:
            seen.append([path, 0, 0])
    identity = [policy.model_dump(mode="json"), seen, SIDE, list(SCORES)]
    return hashlib.sha256(json.dumps(identity).encode()).hexdigest()


def _is_current(files: _Files, result: Arrays) -> bool:
    return str(result["fingerprint"]) == files.fingerprint


def _look(cache: PhotoCache, domain: Domain, files: _Files) -> TaskOutput:
    records = [_look_at(cache, domain, files, path) for path in files.paths]
    rows = json.dumps([asdict(record) for record in records], default=bytes.hex)
    result = {"records": np.array(rows), "fingerprint": np.array(files.fingerprint)}
    refused = sum(record.status == "refused" for record in records)
    return TaskOutput(result, refused)


def _look_at(cache: PhotoCache, domain: Domain, files: _Files, path: str) -> SourceRecord:
    known = files.known.get(path)
    if known is not None:
        try:
            with open_regular(resolve_inside(files.folder, path), path) as file:
                if hashlib.file_digest(file, "sha256").hexdigest() == known.sha256:
                    return known
        except (OSError, ImageRefused):
            pass  # inspect_file names the reason
    record, pixels = inspect_file(files.folder, path, files.policy, MIN_SIDE)
    if pixels is not None:
        cache.put(pixels, record.sha256, files.policy, domain)
    return record


def _rows(result: Arrays) -> list[SourceRecord]:
    return [_record(**row) for row in json.loads(str(result["records"]))]


def _record(
    notes: Sequence[str],
    thumbnail: str,
    taken_with: Mapping[str, Any] = MappingProxyType({}),
    **fields: Any,
) -> SourceRecord:
    """Return a record that a task saved; those of a killed check by an older version lack EXIF."""
    small, by = bytes.fromhex(thumbnail), TakenWith(**taken_with)
    return SourceRecord(**fields, notes=tuple(notes), thumbnail=small, taken_with=by)


def _refused(path: str, reason: str) -> SourceRecord:
    return SourceRecord(
        path=path, sha256="", height=0, width=0, status="refused", reason=reason, notes=()
    )
