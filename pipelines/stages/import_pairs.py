"""Stage `import-pairs`: folders of HR and LR images that belong together, into the store."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from degrade.arrays import U8
from degrade.errors import SettingsError, StoreError
from degrade.images.colour import to_uint8
from degrade.images.decode import DecodePolicy
from degrade.images.paired import misfit, not_paired, pair_names
from degrade.images.scan import SourceRecord, scan_file
from degrade.pairs import PairSettings, tile_grid
from degrade.store.made_from import IMPORT_PAIRS
from degrade.store.parts import Arrays, save_part
from degrade.store.reader import Store, check_current, open_store
from degrade.store.schema import pairs_group
from degrade.store.stages import StageIdentity, begin_stage, finish_stage
from degrade.store.writer import tiles_per_chunk
from pipelines.client import Client
from pipelines.pair_chunks import write_chunks, write_pairs
from pipelines.pair_plan import (
    PairPlan,
    PairTask,
    chunk_tasks,
    pair_tasks,
    plan_pairs,
)
from pipelines.parted import Tally
from pipelines.photos import Photo
from pipelines.progress import track
from pipelines.stages.scan import known_policy, scan
from pipelines.streaming import stream
from pipelines.visits import NO_VISITS

UNKNOWN_KERNEL = -2
PAIRS_PER_TASK = 8


@dataclass(frozen=True)
class PairsImport:
    """What was imported: pairs by split, images they were cut from, HR left out and why."""

    pairs: int
    valid: int
    images: int
    refused: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class _Look:
    """Files of two folders to be decoded and compared."""

    lr_dir: Path
    hr_dir: Path
    scale: int
    names: tuple[tuple[str, str], ...]
    policy: DecodePolicy


@dataclass(frozen=True)
class _Cut(PairTask):
    """Pairs to be cut from ``photos`` and, one for each, the ``lr`` images."""

    lr: tuple[Photo, ...]


def only_cut(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return fields of `PairSettings`, completed for images that are not changed, only cut."""
    return {**fields, "cleanup": 1, "kernels": "bicubic"}


def import_pairs(
    location: str,
    client: Client,
    lr_dir: Path,
    hr_dir: Path,
    settings: PairSettings,
    *,
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
        overwrite: Replace clean photos and pairs that the store has.

    Raises:
        SettingsError: Some images do not pair; the text names every one.
        NothingToDo: No image is as large as a tile.
        StoreError: The store holds other clean photos or pairs, and ``overwrite`` is not set.
    """
    lr_dir, hr_dir = lr_dir.absolute(), hr_dir.absolute()  # workers may run elsewhere
    policy = DecodePolicy(**known_policy(location))
    found = _look(client, lr_dir, hr_dir, settings.scale, policy)
    scanned = scan(location, client, source=None, target=hr_dir, overwrite=overwrite)
    store, group = open_store(location), pairs_group(settings.scale)
    plan = _plan(store, settings)
    doubles = [(r.path, r.reason) for r in scanned.records["target"] if r.status == "refused"]
    refused = (*doubles, *plan.refused)
    identity = _identity(store, settings, found)
    if begin_stage(location, group, identity, overwrite=overwrite) != "complete":
        tasks = pair_tasks(location, plan, settings, tiles_per_chunk(settings.tile), NO_VISITS)
        cuts = _cuts(tasks, found, lr_dir, policy)
        write_pairs(location, client, plan, settings, cuts, _cut, name=IMPORT_PAIRS)
        results = {"lr_folder": str(lr_dir), "refused": [list(row) for row in refused]}
        finish_stage(location, group, results)
    valid = plan.columns["split"].count("valid")
    return PairsImport(len(plan.columns["source"]), valid, len(plan.photos), refused)


def restore_pairs(location: str, client: Client, scale: int, chunks: Sequence[int]) -> None:
    """Cut chosen chunks of imported pairs anew from their folders.

    Raises:
        StoreError: The images are gone, or not what they were.
    """
    store, group = open_store(location), pairs_group(scale)
    stage = store.stages()[group]
    settings = PairSettings(**only_cut(stage["parameters"]))
    sources = store.sources()
    lr_dir, hr_dir = Path(stage["lr_folder"]), Path(sources.folders.get("target", ""))
    policy = DecodePolicy(**sources.policy)
    try:
        found = _look(client, lr_dir, hr_dir, scale, policy)
    except SettingsError as error:
        raise StoreError(
            f"{location}/{group}: the imported pairs cannot be read again ({error}); put the "
            "images back, or import others with --overwrite"
        ) from error
    check_current(store, group, _identity(store, settings, found).inputs)
    size = store.pairs(scale).hr.per_chunk
    tasks = chunk_tasks(location, _plan(store, settings), settings, size, chunks)
    for _ in stream(client, _write, _cuts(tasks, found, lr_dir, policy)):
        pass


def _look(
    client: Client, lr_dir: Path, hr_dir: Path, scale: int, policy: DecodePolicy
) -> dict[str, SourceRecord]:
    """Decode every image; return the LR of each HR path, or refuse with all that is wrong."""
    pairing = pair_names(lr_dir, hr_dir, scale)
    names = tuple(pairing.pairs.values())
    tasks = [
        _Look(lr_dir, hr_dir, scale, names[start : start + PAIRS_PER_TASK], policy)
        for start in range(0, len(names), PAIRS_PER_TASK)
    ]
    found: dict[str, SourceRecord] = {}
    faults = list(pairing.faults)
    with track("check pairs", len(names), "pairs") as counter:
        for seen, wrong in stream(client, _compare, tasks):
            found |= seen
            faults += wrong
            counter.advance(len(seen) + len(wrong), len(wrong))
    if faults:
        raise not_paired(lr_dir, hr_dir, faults)
    return found


def _compare(task: _Look) -> tuple[dict[str, SourceRecord], list[str]]:
    """Return the LR records by HR path of pairs that fit, and a fault of each other one."""
    found, faults = {}, []
    for lr_name, hr_name in task.names:
        lr = scan_file(task.lr_dir, lr_name, task.policy)
        hr = scan_file(task.hr_dir, hr_name, task.policy)
        bad = [(d, r) for d, r in ((task.lr_dir, lr), (task.hr_dir, hr)) if r.status != "ok"]
        if bad:
            faults.append("; ".join(f"{folder / r.path}: {r.reason}" for folder, r in bad))
        elif fault := misfit((hr.height, hr.width), (lr.height, lr.width), task.scale):
            faults.append(f"{task.hr_dir / hr_name}: {fault}")
        else:
            found[hr_name] = lr
    return found, faults


def _identity(
    store: Store, settings: PairSettings, found: dict[str, SourceRecord]
) -> StageIdentity:
    listing = [[hr, lr.path, lr.sha256] for hr, lr in sorted(found.items())]
    digest = hashlib.sha256(json.dumps(listing).encode()).hexdigest()
    parameters = settings.model_dump(include={"scale", "tile", "valid", "seed"})
    # Pairs name rows of all photos: those of another domain move them, too.
    return StageIdentity(
        IMPORT_PAIRS, parameters, {"photos": store.sources().content, "lr": digest}
    )


def _plan(store: Store, settings: PairSettings) -> PairPlan:
    sources = store.sources()
    clean = replace(sources, folders={"target": sources.folders["target"]})
    return plan_pairs(clean, settings, np.array([UNKNOWN_KERNEL]), 0)


def _cuts(
    tasks: Sequence[PairTask],
    found: dict[str, SourceRecord],
    lr_dir: Path,
    policy: DecodePolicy,
) -> list[_Cut]:
    def partner(photo: Photo) -> Photo:
        lr = found[photo.path]
        return Photo(-1, str(lr_dir), lr.path, lr.sha256, lr.height, lr.width, "target", policy)

    return [
        _Cut(**vars(task), lr=tuple(partner(photo) for photo, _, _ in task.photos))
        for task in tasks
    ]


def _cut(task: _Cut) -> Tally:
    """Write the chunks of one task, and their checksums as its part."""
    save_part(task.location, pairs_group(task.settings.scale), task.index, _write(task))
    return Tally(task.items)


def _write(task: _Cut) -> Arrays:
    return write_chunks(task, _tiles(task))


def _tiles(task: _Cut) -> Iterator[tuple[U8, U8]]:
    """Yield the task's HR and LR tiles in row order."""
    tile, scale = task.settings.tile, task.settings.scale
    side = tile // scale
    for (photo, first_row, _), partner in zip(task.photos, task.lr, strict=True):
        hr, lr = (to_uint8(image.read()) for image in (photo, partner))
        grid = tile_grid(hr.shape[0], hr.shape[1], tile)
        for row, col in grid[max(0, task.first - first_row) : task.last - first_row]:
            small = lr[row // scale :, col // scale :][:side, :side]
            yield hr[row : row + tile, col : col + tile], small
