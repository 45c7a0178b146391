"""Stage `import-pairs`: folders of HR and LR images that belong together, into the store."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from degrade.arrays import U8
from degrade.errors import SettingsError, StoreError
from degrade.images.colour import to_uint8
from degrade.images.decode import DecodePolicy
from degrade.images.pair_alignment import UNKNOWN, pair_alignment
from degrade.images.paired import misfit, not_paired, pair_names
from degrade.images.source_record import inspect_file
from degrade.pairs import PairSettings, tile_grid
from degrade.store.raw import RawArrays
from degrade.store.reader import Store, check_current, open_store
from degrade.store.schema import pairs_group
from degrade.store.stage_inputs import IMPORT_PAIRS
from degrade.store.stages import StageIdentity
from degrade.store.writer import tiles_per_chunk
from pipelines.aligned_pairs import (
    CHECKED,
    AlignmentReport,
    AlignSettings,
    Partner,
    Partners,
    alignment_report,
    as_stored,
    chosen,
    measured,
    plan_partners,
)
from pipelines.execution.cluster import Client
from pipelines.execution.progress import track
from pipelines.execution.stage_writer import begin, blocks, rewrite
from pipelines.execution.streaming import stream
from pipelines.pair_plan import pair_rows
from pipelines.photos.reading import Photo
from pipelines.photos.rows import RowsOfPhotos
from pipelines.stage import scale_of
from pipelines.stages.build_pairs import write_pairs
from pipelines.stages.check import check_photos, known_policy

PAIRS_PER_TASK = 8


@dataclass(frozen=True)
class PairsImport:
    """What was imported: pairs by split, images they were cut from, HR left out and why."""

    pairs: int
    valid: int
    images: int
    refused: tuple[tuple[str, str], ...]
    alignment: AlignmentReport


@dataclass(frozen=True)
class _Cut(RowsOfPhotos):
    """Pairs to be cut from ``photos`` and, one for each, the ``lr`` images and their places."""

    lr: tuple[Photo, ...]
    partners: tuple[Partner, ...]


def crop_only(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return fields of `PairSettings`, completed for images that are not changed, only cut."""
    return {**fields, "cleanup": 1, "kernels": "bicubic"}


def import_pairs(
    location: str,
    client: Client,
    lr_dir: Path,
    hr_dir: Path,
    settings: PairSettings,
    *,
    aligning: AlignSettings = CHECKED,
    overwrite: bool = False,
) -> PairsImport:
    """Cut images that are pairs already into the tiles of ``pairs/x{s}``.

    HR images become the store's clean photos (domain ``target``); photos of domain ``source`` stay.
    How LR was made is not known: each pair's kernel is -2. Nothing is written before every image
    was decoded and found to fit its partner.

    Args:
        location: The store; made if nothing is there.
        client: Where to run.
        lr_dir: LR images, named as `degrade.images.paired.pair_names` says.
        hr_dir: HR images, each exactly ``scale`` times as large as its LR.
        settings: Scale, tile, share of images for validation, and the seed of that split.
        aligning: What to do about pairs that are displaced, which are reported in any case.
        overwrite: Replace clean photos and pairs that the store has.

    Raises:
        SettingsError: Some images do not pair; the text names every one.
        NothingToDo: No image is as large as a tile, or no pair is aligned.
        StoreError: The store holds other clean photos or pairs, and ``overwrite`` is not set.
    """
    lr_dir, hr_dir = lr_dir.absolute(), hr_dir.absolute()  # workers may run elsewhere
    policy = DecodePolicy(**known_policy(location))
    seen = _look(client, lr_dir, hr_dir, settings.scale, policy, True)
    found, displaced = chosen(seen, settings.scale, aligning)
    checked = check_photos(location, client, source=None, target=hr_dir, overwrite=overwrite)
    store, group = open_store(location), pairs_group(settings.scale)
    plan = plan_partners(store, settings, found)
    duplicates = [(r.path, r.reason) for r in checked.records["target"] if r.status == "refused"]
    refused = (*duplicates, *displaced, *plan.refused)
    identity = _identity(store, settings, seen, aligning.recorded())
    with begin(store, client, group, identity, overwrite=overwrite) as out:
        if out.needed:
            groups = pair_rows(plan, tiles_per_chunk(settings.tile))
            cuts = _cuts(groups, found, lr_dir, policy)
            plan.columns.update(measured(plan, found))
            write_pairs(out, plan, settings, cuts, partial(_tiles, settings))
            out.results.update(
                {"lr_folder": str(lr_dir), "refused": [list(row) for row in refused]}
            )
    valid = plan.columns["split"].count("valid")
    every = [partner.its for partner in seen.values()]
    alignment = alignment_report(every, settings.scale, aligning)
    return PairsImport(len(plan.columns["source"]), valid, len(plan.photos), refused, alignment)


def restore_pairs(store: Store, client: Client, group: str, chunks: Sequence[int]) -> None:
    """Cut chosen chunks of imported pairs anew from their folders.

    Raises:
        StoreError: The images are gone, or not what they were.
    """
    scale, stage = scale_of(group), store.stages()[group]
    recorded = dict(stage["parameters"])
    aligned = {name: recorded.pop(name) for name in ("align", "tolerance") if name in recorded}
    settings = PairSettings(**crop_only(recorded))
    sources = store.sources()
    lr_dir, hr_dir = Path(stage["lr_folder"]), Path(sources.folders.get("target", ""))
    policy = DecodePolicy(**sources.policy)
    try:
        seen = _look(client, lr_dir, hr_dir, scale, policy, False)
    except SettingsError as error:
        raise StoreError(
            f"{store.location}/{group}: the imported pairs cannot be read again ({error}); put the "
            "images back, or import others with --overwrite"
        ) from error
    check_current(store, group, _identity(store, settings, seen, aligned).inputs)
    pairs = store.pairs(scale)
    found = as_stored(store, pairs, seen)
    groups = pair_rows(plan_partners(store, settings, found), pairs.hr.per_chunk, chunks)
    cuts = _cuts(groups, found, lr_dir, policy)
    raw = RawArrays(store.location, group, ("hr", "lr"))
    rewrite(client, raw, cuts, partial(_tiles, settings))


def _look(
    client: Client, lr_dir: Path, hr_dir: Path, scale: int, policy: DecodePolicy, measure: bool
) -> dict[str, Partner]:
    """Decode every image; return the LR of each HR path, or refuse with all that is wrong.

    How the pairs are aligned is found only if that is to be measured.
    """
    pairing = pair_names(lr_dir, hr_dir, scale)
    names = tuple(pairing.pairs.values())
    groups = [names[rows.start : rows.stop] for rows in blocks(len(names), PAIRS_PER_TASK)]
    compare = partial(_compare, lr_dir, hr_dir, scale, policy, measure)
    found: dict[str, Partner] = {}
    faults = list(pairing.faults)
    with track("check pairs", len(names), "pairs") as counter:
        for seen, wrong in stream(client, compare, groups):
            found |= seen
            faults += wrong
            counter.advance(len(seen) + len(wrong), len(wrong))
    if faults:
        raise not_paired(lr_dir, hr_dir, faults)
    return dict(sorted(found.items()))


def _compare(
    lr_dir: Path,
    hr_dir: Path,
    scale: int,
    policy: DecodePolicy,
    measure: bool,
    names: Sequence[tuple[str, str]],
) -> tuple[dict[str, Partner], list[str]]:
    """Return the partners by HR path of pairs that fit, and a fault of each other one."""
    found, faults = {}, []
    for lr_name, hr_name in names:
        lr, small = inspect_file(lr_dir, lr_name, policy, judged=False)
        hr, large = inspect_file(hr_dir, hr_name, policy, judged=False)
        bad = [(d, r) for d, r in ((lr_dir, lr), (hr_dir, hr)) if r.status != "ok"]
        if bad:
            faults.append("; ".join(f"{folder / r.path}: {r.reason}" for folder, r in bad))
        elif fault := misfit((hr.height, hr.width), (lr.height, lr.width), scale):
            faults.append(f"{hr_dir / hr_name}: {fault}")
        else:
            assert small is not None and large is not None  # their status is ok
            its = pair_alignment(large, small, scale) if measure else UNKNOWN
            found[hr_name] = Partner(lr, its)
    return found, faults


def _identity(
    store: Store, settings: PairSettings, seen: Partners, aligned: Mapping[str, Any]
) -> StageIdentity:
    listing = [[path, seen[path].lr.path, seen[path].lr.sha256] for path in sorted(seen)]
    digest = hashlib.sha256(json.dumps(listing).encode()).hexdigest()
    parameters = settings.model_dump(include={"scale", "tile", "valid", "seed"})
    # Pairs name rows of all photos: those of another domain move them, too.
    return StageIdentity(
        IMPORT_PAIRS, {**parameters, **aligned}, {"photos": store.sources().content, "lr": digest}
    )


def _cuts(
    groups: Sequence[RowsOfPhotos],
    found: Partners,
    lr_dir: Path,
    policy: DecodePolicy,
) -> list[_Cut]:
    def partner(photo: Photo) -> Photo:
        lr = found[photo.path].lr
        return Photo(-1, str(lr_dir), lr.path, lr.sha256, lr.height, lr.width, "target", policy)

    cuts = []
    for rows in groups:
        photos = [span.photo for span in rows.photos]
        lr, mates = map(partner, photos), (found[photo.path] for photo in photos)
        cuts.append(_Cut(rows.start, rows.stop, rows.photos, tuple(lr), tuple(mates)))
    return cuts


def _tiles(settings: PairSettings, cut: _Cut) -> Iterator[tuple[U8, U8]]:
    """Yield HR and LR tiles in row order."""
    tile, scale = settings.tile, settings.scale
    side = tile // scale
    for span, photo, partner in zip(cut.photos, cut.lr, cut.partners, strict=True):
        hr, lr = (to_uint8(image.read()) for image in (span.photo, photo))
        (top, left), (up, before) = partner.first(scale), partner.first_hr(scale)
        height, width = partner.size(scale)
        hr, lr = hr[up : up + height, before : before + width], lr[top:, left:]
        for row, col in tile_grid(hr.shape[0], hr.shape[1], tile)[cut.own(span)]:
            small = lr[row // scale :, col // scale :][:side, :side]
            yield hr[row : row + tile, col : col + tile], small
