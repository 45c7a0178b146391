"""Opening a store and reading what its finished stages hold."""

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
import numpy.typing as npt
import zarr

from degrade.arrays import F32
from degrade.camera.camera_samples import JpegCompression
from degrade.camera.parameters import from_columns
from degrade.errors import SettingsError, StoreError
from degrade.images.policy import Selection
from degrade.store.backend import filesystem_at, find_group, local_path, open_for_reading
from degrade.store.cache import CachedChunks, LocalChunks
from degrade.store.contents import (
    CameraBank,
    Kernels,
    NoiseBank,
    Pairs,
    References,
    Sources,
    StoredLens,
)
from degrade.store.schema import (
    CAMERA,
    CHECKSUM_SUFFIX,
    EXIF_COLUMNS,
    GROUPS,
    NOISE,
    SCORE_COLUMNS,
    SOURCES,
    Domain,
    kernels_group,
    lens_group,
    nothing,
    pairs_group,
    reference_columns,
    references_group,
)
from degrade.store.tiles import TileArray

_MAKERS = {"kernels": "estimate-kernels", "pairs": "build-pairs"}


@dataclass(frozen=True)
class Store:
    """An opened store; every method raises StoreError naming the command that is missing."""

    location: str
    root: zarr.Group

    def sources(self) -> Sources:
        """Return the checked files."""
        group = self._complete(SOURCES, "degrade check SRC")
        attributes: dict[str, Any] = group.attrs.asdict()
        columns, scores = _with_scores(_columns(group, but=("thumbnail",)))
        # Stores that were checked before near duplicates were looked for have none.
        columns.setdefault("group", np.full(len(columns["path"]), -1, np.int32))
        for name, column in EXIF_COLUMNS.items():
            columns.setdefault(name, nothing(column, len(columns["path"])))
        return Sources(
            **columns,
            folders=attributes["folders"],
            policy=attributes["parameters"],
            selection=_selection(attributes),
            content=_content(group),
            scores=scores,
        )

    def kernels(self, scale: int) -> Kernels:
        """Return the kernels for one scale."""
        group = self._complete(kernels_group(scale), f"degrade estimate-kernels --scale {scale}")
        return Kernels(**_columns(group), content=_content(group))

    def kernel_weights(self, scale: int, rows: Sequence[int]) -> F32:
        """Return some kernels, [n, S, S]; of the others no more is decoded than shares a chunk."""
        group = self._complete(kernels_group(scale), f"degrade estimate-kernels --scale {scale}")
        array = group["weights"]
        assert isinstance(array, zarr.Array)
        chosen, places = np.unique(np.asarray(rows, np.int64), return_inverse=True)
        try:
            return np.asarray(array.oindex[chosen], np.float32)[places]
        except (ValueError, RuntimeError) as error:
            raise _damaged(group) from error

    def lens(self, scale: int) -> StoredLens:
        """Return the lens for one scale."""
        group = self._complete(lens_group(scale), f"degrade estimate-lens --scale {scale}")
        return StoredLens(**_columns(group), content=_content(group))

    def noise(self) -> NoiseBank:
        """Return the noise bank."""
        group = self._complete(NOISE, "degrade mine-noise")
        patches = self._tiles(group, f"{NOISE}/patches")
        return NoiseBank(patches=patches, **_columns(group), content=_content(group))

    def camera(self) -> CameraBank:
        """Return the cameras that may have taken the photos."""
        group = self._complete(CAMERA, "degrade estimate-camera")
        columns, attributes = _columns(group), group.attrs.asdict()
        compressions = zip(columns["tables"], columns["subsampling"], strict=True)
        return CameraBank(
            cameras=from_columns(columns, len(columns["blur"])),
            lossy=tuple(JpegCompression(tables, str(kind)) for tables, kind in compressions),
            frequency=columns["files"].astype(np.float64) / max(1, columns["files"].sum()),
            files=columns["files"].astype(np.int64),
            misfit=cast(float, attributes["misfit"]),
            scenes=cast(Domain, attributes["scenes"]),
            content=_content(group),
        )

    def pairs(self, scale: int) -> Pairs:
        """Return the pairs for one scale."""
        name = pairs_group(scale)
        group = self._complete(name, f"degrade build-pairs --scale {scale}")
        hr, lr = self._tiles(group, f"{name}/hr"), self._tiles(group, f"{name}/lr")
        columns, scores = _with_scores(_columns(group))
        return Pairs(scale=scale, hr=hr, lr=lr, **columns, content=_content(group), scores=scores)

    def references(self, scale: int) -> References:
        """Return the references of the pairs for one scale."""
        name = references_group(scale)
        group = self._complete(name, f"degrade build-references --scale {scale}")
        columns = {n: a for n, a in _columns(group).items() if n in reference_columns(1)}
        attributes: dict[str, Any] = group.attrs.asdict()
        return References(
            scale=scale,
            count=columns["score"].shape[1],
            hr=self._tiles(group, f"{name}/hr"),
            **columns,
            pairs=attributes["inputs"]["pairs"],
            content=_content(group),
        )

    def library(self, scale: int) -> TileArray:
        """Return the tiles of the reference photos that make no pairs."""
        name = references_group(scale)
        found = find_group(self.root, name)
        if found is None or "library" not in found:
            raise StoreError(f"{self.location}/{name}: has no library of reference photos")
        return self._tiles(found, f"{name}/library")

    def arrays(self, group: str) -> tuple[str, ...]:
        """Return the names of a group's arrays; none where it has not begun."""
        found = find_group(self.root, group)
        return () if found is None else tuple(name for name, _ in _members(found, "arrays"))

    def column(self, name: str) -> npt.NDArray[Any]:
        """Return one small array by its path in the store, of an unfinished stage too."""
        array = self.root[name]
        assert isinstance(array, zarr.Array)
        return np.asarray(array[...])

    def scales(self, kind: str) -> list[int]:
        """Return the scales for which ``kind`` (kernels, pairs, references) was begun."""
        group = find_group(self.root, kind)
        return sorted(int(name[1:]) for name, _ in _members(group, "groups")) if group else []

    def recorded(self, group: str) -> dict[str, Any]:
        """Return what the stage of a group recorded; empty where it has not begun.

        No other group is read: its stage may have been stopped and its files cut short.
        """
        found = find_group(self.root, group)
        return {} if found is None else dict(found.attrs.asdict())

    def stages(self) -> dict[str, dict[str, Any]]:
        """Return every stage's attributes and the shapes of its arrays, by group."""
        found = {}
        for kind in self._kinds():
            top = find_group(self.root, kind)
            groups = {kind: top} if top is not None else {}
            if top is not None and "stage" not in top.attrs:
                scales = {int(name[1:]): group for name, group in _members(top, "groups")}
                groups = {f"{kind}/x{scale}": scales[scale] for scale in sorted(scales)}
            for name, group in groups.items():
                if "stage" in group.attrs:
                    attributes: dict[str, Any] = group.attrs.asdict()
                    found[name] = {**attributes, "arrays": self._shapes(name, group)}
        return found

    def _shapes(self, name: str, group: zarr.Group) -> dict[str, list[int]]:
        """Return the shapes of a group's arrays by name.

        On a disk they are read from the metadata files: Zarr takes several times as long to make an
        object of each. A server is asked for all files at once, which Zarr does.
        """
        folder = local_path(self.location)
        if folder is None:
            return {array: list(member.shape) for array, member in _members(group, "arrays")}
        found: dict[str, dict[str, Any]] = {}
        try:
            for file in sorted((folder / name).glob("*/zarr.json")):
                with suppress(FileNotFoundError):  # another process may be making the stage again
                    found[file.parent.name] = json.loads(file.read_bytes())
        except ValueError as error:
            raise _damaged(group) from error
        return {array: data["shape"] for array, data in found.items() if "shape" in data}

    def _kinds(self) -> list[str]:
        """Return the names of the top groups: first those of the contract, in its order."""
        filesystem, folder = filesystem_at(self.location)
        paths = filesystem.ls(folder, detail=False)
        names = {str(path).rstrip("/").rsplit("/", 1)[-1] for path in paths}
        others = sorted(name for name in names - {*GROUPS, "zarr.json"} if name[0] != ".")
        return [*(name for name in GROUPS if name in names), *others]

    def _complete(self, name: str, command: str) -> zarr.Group:
        group = find_group(self.root, name)
        if group is None:
            raise StoreError(f"{self.location}: has no {name}; run `{command}` first")
        if not group.attrs.get("complete"):
            raise StoreError(f"{self.location}: {name} is unfinished; run `{command}` again")
        return group

    def _tiles(self, group: zarr.Group, name: str) -> TileArray:
        array = group[name.rsplit("/", 1)[1]]
        assert isinstance(array, zarr.Array)
        *rows, side, _, channels = array.shape
        shape = (int(np.prod(rows)), side, side, channels)
        per_chunk = int(np.prod(array.chunks[:-3]))
        folder = local_path(self.location)
        if folder is not None:
            return TileArray(shape, per_chunk, LocalChunks(folder / name, array.ndim))
        sums = group[name.rsplit("/", 1)[1] + CHECKSUM_SUFFIX]
        assert isinstance(sums, zarr.Array)
        size = int(np.prod(array.chunks))
        cached = CachedChunks(
            self.location, name, _content(group), np.asarray(sums[...]), size, array.ndim
        )
        return TileArray(shape, per_chunk, cached)


def check_current(store: Store, group: str, inputs: Mapping[str, str]) -> None:
    """Refuse a stage that was made from other inputs than the store holds now.

    Args:
        store: The store.
        group: Group of the stage.
        inputs: Hash of each input as it is now, by name.

    Raises:
        StoreError: Some differ; the text names them.
    """
    recorded = store.recorded(group).get("inputs", {})
    changed = sorted(n for n in {*inputs, *recorded} if inputs.get(n) != recorded.get(n))
    if changed:
        raise StoreError(
            f"{store.location}/{group}: was made from other {' and '.join(changed)} than the "
            "store holds now; run its command again with --overwrite"
        )


def has_store(location: str | Path) -> bool:
    """Return whether a store can be opened there."""
    try:
        open_store(location)
    except StoreError:
        return False
    return True


def open_store(location: str | Path) -> Store:
    """Open a store for reading.

    Raises:
        StoreError: Nothing is there, or it is not a degrade store, or of a newer version.
    """
    return Store(str(location), open_for_reading(str(location)))


def the_scale(store: Store, kind: str, wanted: int | None) -> int:
    """Return the scale to work on: the one asked for, or the only one the store has.

    Args:
        store: Where to look.
        kind: ``kernels`` or ``pairs``.
        wanted: As the user said; None if nothing was said.

    Raises:
        SettingsError: None was asked for and the store has several, or none.
    """
    if wanted is not None:
        return wanted
    found = store.scales(kind)
    if len(found) == 1:
        return found[0]
    if not found:
        raise SettingsError(
            f"{store.location}: holds no {kind}; run `degrade {_MAKERS[kind]}` first"
        )
    listed = ", ".join(f"x{scale}" for scale in found)
    raise SettingsError(f"{store.location}: holds {kind} for {listed}; say which with --scale N")


def _columns(group: zarr.Group, but: Sequence[str] = ()) -> dict[str, npt.NDArray[Any]]:
    """Read every small (compressed) array of a group, but for the checksums of the raw ones."""
    arrays = [(name, array) for name, array in _members(group, "arrays") if name not in but]
    small = {name: array for name, array in arrays if array.compressors}
    try:
        return {n: np.asarray(a[...]) for n, a in small.items() if not n.endswith(CHECKSUM_SUFFIX)}
    except (ValueError, RuntimeError) as error:
        raise _damaged(group) from error


def _with_scores(columns: dict[str, npt.NDArray[Any]]) -> tuple[dict[str, Any], dict[str, F32]]:
    """Return the columns that are no scores, and those that are."""
    scores = {name: columns.pop(name) for name in SCORE_COLUMNS if name in columns}
    return columns, scores


def _selection(attributes: Mapping[str, Any]) -> Selection:
    """Return which photos a check used; earlier versions judged none by its scores."""
    recorded = {name: attributes[name] for name in Selection.model_fields if name in attributes}
    return Selection(**{"keep": "", **recorded})


def _members(group: zarr.Group, kind: Literal["arrays", "groups"]) -> list[tuple[str, Any]]:
    """Return a group's arrays or groups by name, sorted."""
    try:
        return sorted(group.arrays() if kind == "arrays" else group.groups())
    except ValueError as error:
        raise _damaged(group) from error


def _damaged(group: zarr.Group) -> StoreError:
    place = str(group.store_path).removeprefix("file://")
    return StoreError(
        f"{place}: is damaged; see which of it with `degrade verify`, clear it with `degrade "
        "verify --repair`, then run the command that made it again"
    )


def _content(group: zarr.Group) -> str:
    return str(group.attrs["content"])
