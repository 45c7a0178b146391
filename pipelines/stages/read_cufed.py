"""CUFED's training pictures into a store: `input` becomes bicubic pairs, `ref` their references."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path, PurePosixPath

import numpy as np

from degrade.errors import NothingToDo
from degrade.images.files import find_files
from degrade.pairs import PairSettings
from degrade.references import ReferenceSettings
from degrade.store.reader import open_store
from degrade.store.task_results import Arrays
from degrade.yaml_settings import validated
from pipelines.execution.cluster import Client
from pipelines.execution.stage_writer import StageWriter
from pipelines.reference_library import whole_folder
from pipelines.stages.build_pairs import build_pairs
from pipelines.stages.build_references import ReferencesReport, make_references
from pipelines.stages.check import check_photos

CUFED_SCALE, CUFED_SIDE = 4, 160
"""Magnification that CUFED is made for, and the side of its pictures in pixels."""


def read_cufed(
    location: str,
    client: Client,
    folder: Path,
    *,
    valid: float = 0.1,
    overwrite: bool = False,
) -> ReferencesReport:
    """Make x4 pairs of CUFED's pictures, each with the reference of the same name.

    Pictures are not cleaned up before; their tiles are whole pictures, or the first 160 pixels of
    larger references. How similar a reference is, is not measured: scores are 0.

    Args:
        location: The store; it has no other photos.
        client: Where to run.
        folder: Has the folders ``input`` and ``ref``.
        valid: Share of the pictures kept for validation.
        overwrite: Replace photos, pairs and references that the store has.

    Raises:
        NothingToDo: The folders are not there, or a picture's reference is absent or too small.
        StoreError: The store holds other photos.
    """
    for name in ("input", "ref"):
        if not (folder / name).is_dir():
            raise NothingToDo(f"{folder}: has no folder {name}; CUFED has `input` and `ref`")
    _check_names(folder)
    check_photos(location, client, source=folder / "input", overwrite=overwrite)
    pairs = as_they_are(CUFED_SIDE, valid)
    built = build_pairs(location, client, pairs, overwrite=overwrite)
    return make_references(
        location,
        client,
        ReferenceSettings(scale=CUFED_SCALE, count=1),
        partial(_by_name, folder / "ref"),
        whole_folder("cufed", folder / "ref"),
        refused=built.refused,
        overwrite=overwrite,
    )


def as_they_are(tile: int, valid: float) -> PairSettings:
    """Return how CUFED's pictures become pairs: x4, bicubic, without clean-up.

    Raises:
        SettingsError: The tile is no multiple of 4.
    """
    fields = {
        "scale": CUFED_SCALE,
        "tile": tile,
        "cleanup": 1,
        "kernels": "bicubic",
        "use_target": False,
        "valid": valid,
    }
    return validated(PairSettings, fields, "build-references")


def _check_names(folder: Path) -> None:
    """Refuse pictures without a reference before any work."""
    inputs, references = (
        {_stem(n) for n in find_files(folder / d).images} for d in ("input", "ref")
    )
    if lacking := sorted(inputs - references):
        raise NothingToDo(
            f"{folder}: {len(lacking)} pictures of input have no reference of the same name in "
            f"ref, the first {lacking[0]}; add it or remove the picture"
        )


def _stem(name: str) -> str:
    return PurePosixPath(name).with_suffix("").as_posix()


def _by_name(
    folder: Path, out: StageWriter, settings: ReferenceSettings, refused: Mapping[str, str]
) -> Arrays:
    """Return the columns of references: for each pair the first tile of its picture's reference."""
    store = open_store(out.location)
    first: dict[str, int] = {}
    for tile, path in enumerate(store.column(f"{out.group}/library_path").tolist()):
        first.setdefault(_stem(str(path)), tile)
    paths = store.sources().path
    names = [_stem(str(paths[row])) for row in store.pairs(CUFED_SCALE).source]
    if lacking := sorted(set(names) - set(first)):
        reasons = {_stem(path): reason for path, reason in refused.items()}
        raise NothingToDo(
            f"{folder}: {len(lacking)} references cannot be used, the first, "
            f"{lacking[0]}: {reasons.get(lacking[0], 'absent')}; remove these pictures"
        )
    tiles = np.array([[first[name]] for name in names], np.int32)
    unknown = np.zeros(tiles.shape, np.float32)
    return {
        "score": unknown,
        "similarity": unknown,
        "pair": np.full(tiles.shape, -1, np.int32),
        "library_tile": tiles,
    }
