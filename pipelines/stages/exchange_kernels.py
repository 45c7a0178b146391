"""Stage `import-kernels`, and its inverse: kernels between a store and KernelGAN's own files."""

import hashlib
import shutil
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Literal

import numpy as np

from degrade.errors import DegradeError, NothingToDo, SettingsError, StoreError
from degrade.images.write import write_png
from degrade.kernels.exchange import (
    GivenKernel,
    find_mats,
    mat_path,
    mat_scale,
    photo_names,
    photo_of,
    read_given,
)
from degrade.kernels.matfile import write_mat
from degrade.kernels.parametric import gaussian_parameters
from degrade.pictures import kernel_picture
from degrade.store.contents import Kernels, Sources
from degrade.store.reader import Store, has_store, open_store
from degrade.store.schema import KERNEL_COLUMNS, SOURCES, kernels_group
from degrade.store.stage_inputs import photos_digest
from degrade.store.stages import StageIdentity
from degrade.store.writer import begin

STAGE = "import-kernels"
TABLE = "kernels.npz"
PICTURE = 256
"""Side of a kernel's picture in pixels."""
KernelForm = Literal["mat", "npz", "png"]
GIVEN_SCORE = 1.0
"""Nobody measured an imported kernel: it stands on the word of who brought it."""


@dataclass(frozen=True)
class ImportReport:
    """What was imported: files, kernels accepted, of known photos, moved; files refused, why."""

    kernels: int
    accepted: int
    matched: int
    refused: tuple[tuple[str, str], ...]
    moved: tuple[tuple[str, tuple[float, float]], ...] = ()
    """Files of off-centre kernels, and the HR pixels down and right by which they were moved."""


@dataclass(frozen=True)
class ExportReport:
    """What was exported: one file per photo, and the photos without an accepted kernel."""

    files: int
    left_out: int


@dataclass(frozen=True)
class NamedKernels:
    """A store's kernels, and what to call each: a photo's path, or the file it was given in."""

    kernels: Kernels
    photos: tuple[str, ...]
    names: tuple[str, ...]
    """File names for an exchange; those of a photo's restarts are alike."""
    stage: str


def named_kernels(location: str, scale: int) -> NamedKernels:
    """Read a store's kernels and name them.

    Raises:
        StoreError: There are no kernels for this scale.
        SettingsError: Two photos would have one name.
    """
    store = open_store(location)
    kernels = store.kernels(scale)
    sources = _sources(store)
    stage = store.stages()[kernels_group(scale)]
    _refuse_stale(store, sources, stage, scale)
    photos, names = [""] * len(kernels.source), [""] * len(kernels.source)
    known = _names_by_row(sources)
    for index in np.flatnonzero(kernels.source >= 0).tolist():
        row = int(kernels.source[index])
        assert sources is not None
        photos[index], names[index] = str(sources.path[row]), known[row]
    unknown = np.flatnonzero(kernels.source < 0).tolist()
    files = [PurePosixPath(stage["files"][index]) for index in unknown]
    stems = [str(file.with_name(f"{photo_of(file, scale)}.mat")) for file in files]
    for index, file, name in zip(unknown, files, photo_names(stems), strict=True):
        photos[index], names[index] = str(file), name
    return NamedKernels(kernels, tuple(photos), tuple(names), str(stage["stage"]))


def import_kernels(
    location: str, folder: Path, scale: int, *, centre: bool = False, overwrite: bool = False
) -> ImportReport:
    """Read KernelGAN's .mat files into the store's `kernels/x{scale}`.

    A kernel belongs to the photo that its file is named after, if the store knows that photo; it
    is of use without one.

    Args:
        location: The store; made if nothing is there.
        folder: Searched with its subfolders.
        scale: 2 or 4.
        centre: Move off-centre kernels, which are refused otherwise.
        overwrite: Replace kernels that are there.

    Raises:
        NothingToDo: No file is for this scale, or none holds a kernel.
        SettingsError: The folder is not there, or the scale has no layout.
        StoreError: There are kernels from elsewhere and ``overwrite`` is not set.
    """
    size = mat_scale(scale)
    files = find_mats(folder, scale)
    store = open_store(location) if has_store(location) else None
    sources = _sources(store) if store else None
    if store and not overwrite:
        _refuse_others(store, scale)
    inputs = {str(file): _hash(folder / file) for file in files}
    if sources:
        inputs["photos"] = photos_digest(sources, "source")
    read = [read_given(folder / file, size, centre=centre) for file in files]
    if all(one.reason for one in read):
        raise NothingToDo(
            f"--kernels {folder}: none of {len(files)} files holds a kernel, the first, "
            f"{files[0]}, because: {read[0].reason}"
        )
    group = kernels_group(scale)
    asked = {"scale": scale, **({"centre": True} if centre else {})}
    identity = StageIdentity(STAGE, asked, inputs)
    with begin(location, group, identity, overwrite=overwrite) as out:
        if out.needed:
            columns = _columns(files, read, sources, scale)
            out.array("weights", columns.pop("weights"))
            out.columns(KERNEL_COLUMNS, columns)
            out.results["files"] = [str(file) for file in files]
    kernels = open_store(location).kernels(scale)
    found = [(str(file), one) for file, one in zip(files, read, strict=True)]
    return ImportReport(
        kernels=len(files),
        accepted=int(kernels.accepted.sum()),
        matched=int((kernels.source >= 0).sum()),
        refused=tuple((file, one.reason) for file, one in found if one.reason),
        moved=tuple((file, one.moved) for file, one in found if any(one.moved)),
    )


def export_kernels(
    location: str, folder: Path, scale: int, forms: Sequence[KernelForm] = ("mat", "npz")
) -> ExportReport:
    """Write the best accepted kernel of each photo in a file of its own, and all in one table.

    The folder appears whole or not at all.

    Args:
        location: The store.
        folder: Absent or empty; gets ``<photo>/<photo>_kernel_x{scale}.mat`` and kernels.npz.
        scale: Of the kernels; .mat has 2 and 4 only.
        forms: What to write: KernelGAN's .mat files, the table kernels.npz with all kernels and
            their measurements, pictures to look at.

    Raises:
        DegradeError: The folder holds something, or cannot be written.
        NothingToDo: No kernel was accepted.
        SettingsError: The scale has no layout, or two photos would have one name.
        StoreError: There are no kernels.
    """
    size = mat_scale(scale) if "mat" in forms else None
    named = named_kernels(location, scale)
    best = _best(named)
    if not best:
        raise NothingToDo(f"{location}: no kernel for x{scale} was accepted; nothing to export")
    aside = folder.with_name(f".{folder.name}.{uuid.uuid4().hex[:8]}.partial")
    try:
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise SettingsError(f"{folder}: is there and not empty; name a new folder")
        aside.mkdir(parents=True)
        for name, row in best.items():
            path, weights = aside / mat_path(name, scale), named.kernels.weights[row]
            if size is not None:
                path.parent.mkdir(parents=True)
                write_mat(path, weights, size)
            if "png" in forms:
                write_png(path.with_suffix(".png"), kernel_picture(weights, PICTURE))
        if "npz" in forms:
            np.savez_compressed(aside / TABLE, **_table(named))
        if folder.exists():
            folder.rmdir()
        aside.rename(folder)
    except OSError as error:
        raise DegradeError(
            f"{folder}: cannot be written ({error.strerror or error}); check folder, "
            "rights and space"
        ) from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return ExportReport(len(best), len(set(named.names)) - len(best))


def _sources(store: Store) -> Sources | None:
    """Return the checked photos, or None where kernels came before photos."""
    return store.sources() if SOURCES in store.stages() else None


def _refuse_stale(store: Store, sources: Sources | None, stage: dict[str, Any], scale: int) -> None:
    """Refuse to name kernels after photos that have other rows by now."""
    made_from = stage["inputs"].get("photos")
    if made_from is not None and (not sources or made_from != photos_digest(sources, "source")):
        raise StoreError(
            f"{store.location}/{kernels_group(scale)}: the photos changed since these kernels were "
            f"made; make them again (degrade estimate-kernels --scale {scale} --overwrite)"
        )


def _names_by_row(sources: Sources | None) -> dict[int, str]:
    """Name the real photos; clean ones have no kernels."""
    rows = np.flatnonzero(sources.domain == "source").tolist() if sources else []
    paths = [str(sources.path[row]) for row in rows] if sources else []
    return dict(zip(rows, photo_names(paths), strict=True))


def _refuse_others(store: Store, scale: int) -> None:
    group = kernels_group(scale)
    stage = store.stages().get(group, {}).get("stage", STAGE)
    if stage != STAGE:
        raise StoreError(
            f"{store.location}/{group}: holds kernels made by {stage}; pass --overwrite to replace "
            "them, or use another --store"
        )


def _hash(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise SettingsError(
            f"{path}: cannot be read ({error.strerror or error}); check its rights or move it away"
        ) from error


def _columns(
    files: Sequence[PurePosixPath],
    read: Sequence[GivenKernel],
    sources: Sources | None,
    scale: int,
) -> dict[str, Any]:
    rows = {name: row for row, name in _names_by_row(sources).items()}
    weights = np.stack([one.weights for one in read])
    major, minor, angle = np.array([gaussian_parameters(kernel) for kernel in weights]).T
    accepted = np.array([not one.reason for one in read])
    return {
        "weights": weights,
        "source": [rows.get(photo_of(file, scale) or "", -1) for file in files],
        "seed": np.zeros(len(files), np.int64),
        "score": np.where(accepted, GIVEN_SCORE, 0.0),
        "sigma_major": major,
        "sigma_minor": minor,
        "angle": angle,
        "accepted": accepted,
        "reason": [one.reason for one in read],
    }


def _best(named: NamedKernels) -> dict[str, int]:
    """Return the row of each photo's accepted kernel with the highest score."""
    best: dict[str, int] = {}
    for row in np.flatnonzero(named.kernels.accepted).tolist():
        other = best.setdefault(named.names[row], row)
        if named.kernels.score[row] > named.kernels.score[other]:
            best[named.names[row]] = row
    return best


def _table(named: NamedKernels) -> dict[str, Any]:
    columns = {name: getattr(named.kernels, name) for name in ("weights", *KERNEL_COLUMNS)}
    columns["reason"] = np.array([str(reason) for reason in named.kernels.reason])
    return {"photo": np.array(named.photos), **columns}
