"""Reading the store: sources, kernels, noise and pairs, tiles as mapped files."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import zarr
from zarr.errors import GroupNotFoundError

from degrade.arrays import F32, F64, I32, I64, U8, Bool, Strings
from degrade.errors import StoreError
from degrade.noise.sensor import Sensor
from degrade.store.backend import describe, local_path, storage_errors, zarr_store
from degrade.store.cache import CachedChunks, LocalChunks
from degrade.store.schema import (
    CHECKSUM_SUFFIX,
    NOISE,
    SOURCES,
    Domain,
    kernels_group,
    pairs_group,
    reference_columns,
    references_group,
)
from degrade.store.writer import check_format, find_group

OPEN_MAPS = 256
"""Mapped chunk files kept open per array; each holds a file descriptor."""


class TileArray:
    """Square uint8 RGB tiles [N, T, T, 3]; crops are views of mapped chunk files."""

    def __init__(
        self, shape: tuple[int, int, int, int], per_chunk: int, chunks: LocalChunks | CachedChunks
    ) -> None:
        self.shape = shape
        self.per_chunk = per_chunk
        self._chunks = chunks
        self._chunk = lru_cache(OPEN_MAPS)(self._load)

    def __len__(self) -> int:
        return self.shape[0]

    def __reduce__(self) -> tuple[Any, ...]:
        """Travel between processes as an address; maps are opened anew."""
        return type(self), (self.shape, self.per_chunk, self._chunks)

    def tile(self, index: int) -> U8:
        """Return tile ``index``, [T, T, 3] uint8, read-only."""
        chunk, offset = divmod(index, self.per_chunk)
        tile: U8 = self._chunk(chunk)[offset]
        return tile

    def crop(self, index: int, row: int, col: int, size: int) -> U8:
        """Return the ``size`` x ``size`` crop of tile ``index`` whose top-left is (row, col)."""
        return self.tile(index)[row : row + size, col : col + size]

    def __iter__(self) -> Iterator[U8]:
        return (self.tile(index) for index in range(len(self)))

    def _load(self, chunk: int) -> U8:
        shape = (self.per_chunk, *self.shape[1:])
        path = self._chunks.path(chunk)
        try:
            # A plain view: slices of np.memmap itself cost several times as much.
            return np.memmap(path, dtype=np.uint8, mode="r", shape=shape).view(np.ndarray)
        except (OSError, ValueError) as error:
            raise StoreError(
                f"{path}: chunk is missing or cut short; run `degrade verify --repair`"
            ) from error


@dataclass(frozen=True)
class Sources:
    """Every file that was scanned, in scan order (columns of schema.SOURCE_COLUMNS)."""

    path: Strings
    sha256: Strings
    domain: Strings
    height: I32
    width: I32
    status: Strings
    reason: Strings
    notes: Strings
    folders: dict[Domain, str]
    policy: dict[str, Any]
    content: str

    def usable(self, domain: Domain) -> I64:
        """Return the rows of one domain that decoded."""
        return np.flatnonzero((self.status == "ok") & (self.domain == domain))


@dataclass(frozen=True)
class Kernels:
    """All estimates for one scale, refused ones too; weights [K, S, S]."""

    weights: F32
    source: I32
    seed: I64
    score: F32
    sigma_major: F32
    sigma_minor: F32
    angle: F32
    accepted: Bool
    reason: Strings
    content: str


@dataclass(frozen=True)
class NoiseBank:
    """Noise patches as cut from the photos, and what was measured on them."""

    patches: TileArray
    source: I32
    row: I32
    col: I32
    mean: F32
    variance: F32
    content: str
    curve: F64 | None = None
    autocorrelation: F64 | None = None
    channels: F64 | None = None

    @cached_property
    def sensor(self) -> Sensor:
        """What the noise of the whole set of photos is like.

        Raises:
            StoreError: The bank was mined before that was measured, or imported.
        """
        if self.curve is None or self.autocorrelation is None or self.channels is None:
            raise StoreError(
                "the noise bank has no variance curve, which fidelity and noise models other than "
                "patch need; run `degrade mine-noise --overwrite`"
            )
        return Sensor(self.curve, self.autocorrelation, self.channels)


@dataclass(frozen=True)
class Pairs:
    """Aligned HR/LR tiles with their provenance."""

    scale: int
    hr: TileArray
    lr: TileArray
    source: I32
    row: I32
    col: I32
    kernel: I32
    noise: I32
    domain: Strings
    split: Strings
    content: str

    @property
    def tile(self) -> int:
        """Side of an HR tile in pixels."""
        return self.hr.shape[1]


@dataclass(frozen=True)
class References:
    """R reference tiles for each of M pairs, the most similar first.

    ``hr`` has them one after the other: those of pair i are the tiles i * R to i * R + R - 1.
    """

    scale: int
    count: int
    hr: TileArray
    score: F32
    similarity: F32
    pair: I32
    library_tile: I32
    pairs: str
    """Content hash of the pairs that they were found for."""
    content: str


@dataclass(frozen=True)
class Store:
    """An opened store; every method raises StoreError naming the command that is missing."""

    location: str
    root: zarr.Group

    def sources(self) -> Sources:
        """Return the scanned files."""
        group = self._complete(SOURCES, "degrade check SRC")
        attributes: dict[str, Any] = group.attrs.asdict()
        return Sources(
            **_columns(group),
            folders=attributes["folders"],
            policy=attributes["parameters"],
            content=_content(group),
        )

    def kernels(self, scale: int) -> Kernels:
        """Return the kernels for one scale."""
        group = self._complete(kernels_group(scale), f"degrade estimate-kernels --scale {scale}")
        return Kernels(**_columns(group), content=_content(group))

    def noise(self) -> NoiseBank:
        """Return the noise bank."""
        group = self._complete(NOISE, "degrade mine-noise")
        patches = self._tiles(group, f"{NOISE}/patches")
        return NoiseBank(patches=patches, **_columns(group), content=_content(group))

    def pairs(self, scale: int) -> Pairs:
        """Return the pairs for one scale."""
        name = pairs_group(scale)
        group = self._complete(name, f"degrade build-pairs --scale {scale}")
        hr, lr = self._tiles(group, f"{name}/hr"), self._tiles(group, f"{name}/lr")
        return Pairs(scale=scale, hr=hr, lr=lr, **_columns(group), content=_content(group))

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

    def column(self, name: str) -> npt.NDArray[Any]:
        """Return one small array by its path in the store, of an unfinished stage too."""
        array = self.root[name]
        assert isinstance(array, zarr.Array)
        return np.asarray(array[...])

    def scales(self, kind: str) -> list[int]:
        """Return the scales for which ``kind`` (kernels, pairs, references) was begun."""
        group = find_group(self.root, kind)
        return sorted(int(name[1:]) for name, _ in _members(group, "groups")) if group else []

    def stages(self) -> dict[str, dict[str, Any]]:
        """Return every stage's attributes and the shapes of its arrays, by group."""
        found = {}
        names = [kernels_group(scale) for scale in self.scales("kernels")]
        names += [pairs_group(scale) for scale in self.scales("pairs")]
        names += [references_group(scale) for scale in self.scales("references")]
        for name in (SOURCES, *names, NOISE):
            group = find_group(self.root, name)
            if group is not None:
                attributes: dict[str, Any] = group.attrs.asdict()
                shapes = {array: list(member.shape) for array, member in _members(group, "arrays")}
                found[name] = {**attributes, "arrays": shapes}
        return found

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
    recorded = store.stages().get(group, {}).get("inputs", {})
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
    try:
        store = zarr_store(str(location), read_only=True)
        root = zarr.open_group(store, mode="r", zarr_format=3)
    except (GroupNotFoundError, FileNotFoundError) as error:
        folder = local_path(str(location))
        is_there = folder is not None and folder.exists()
        what = "is not a degrade store" if is_there else "no store here"
        raise StoreError(
            f"{location}: {what}; run `degrade check SRC --store PATH` first"
        ) from error
    except storage_errors() as error:
        raise StoreError(
            f"{location}: cannot be read ({describe(error)}); check the address and your access"
        ) from error
    except ValueError as error:
        raise StoreError(
            f"{location}/zarr.json: is damaged; delete that file and run the last command again"
        ) from error
    check_format(root, str(location))
    return Store(str(location), root)


def _columns(group: zarr.Group) -> dict[str, npt.NDArray[Any]]:
    """Read every small (compressed) array of a group, but for the checksums of the raw ones."""
    small = {name: array for name, array in _members(group, "arrays") if array.compressors}
    try:
        return {n: np.asarray(a[...]) for n, a in small.items() if not n.endswith(CHECKSUM_SUFFIX)}
    except (ValueError, RuntimeError) as error:
        raise _damaged(group) from error


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
