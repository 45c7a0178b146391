"""Which photos are of one camera: by EXIF, subfolder or estimates; and which noise goes with what.

Kernels are pooled, noise is measured, and pairs take both, within such a group. Noise is measured
in finer ones where EXIF tells several sensitivities of a camera.
"""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePosixPath
from typing import Any

import numpy as np

from degrade.arrays import I32, I64, Strings
from degrade.errors import StoreError
from degrade.grouping_setting import GroupBy
from degrade.images.exif import NO_EXIF, TakenWith, camera_groups, sensitivity_ranges
from degrade.store.contents import Kernels, NoiseBank, NoiseOfGroup, Pairs, Sources
from degrade.store.reader import Store
from degrade.store.schema import NOISE, kernels_group
from degrade.store.stage_inputs import photos_digest
from degrade.store.tiles import SomeTiles

ESTIMATE_KERNELS = "estimate-kernels"
"""Stage of kernels that were not imported."""
NAMED_FOLDERS = 3
"""Folders of one camera that its name lists."""


@dataclass(frozen=True)
class PhotoGroups:
    """Photos of several cameras; where all are of one there is no such object.

    Attributes:
        by: By what: ``exif``, ``folder`` or ``estimates``; `ISO` too, or alone.
        of: Name of each usable photo's group, by its row of ``sources``.
    """

    by: str
    of: Mapping[int, str]

    @property
    def names(self) -> tuple[str, ...]:
        """The groups, that of the most photos first."""
        counts = Counter(self.of.values())
        return tuple(sorted(counts, key=lambda name: (-counts[name], name)))

    def numbers(self, rows: int) -> I64:
        """Return [rows], the number of each row's group by `names`; 0 where it has none."""
        places = {name: number for number, name in enumerate(self.names)}
        found = np.zeros(rows, np.int64)
        for row, name in self.of.items():
            found[row] = places[name]
        return found

    def facts(self) -> dict[str, Any]:
        """Return what a stage's group in the store says of them."""
        counts = Counter(self.of.values())
        return {"groups": {name: counts[name] for name in self.names}, "grouped_by": self.by}

    def inputs(self) -> dict[str, str]:
        """Return a hash of them as an input of a stage that gets them before it begins."""
        return _digest(self.of)


ISO = "ISO"
"""How photos of one camera are told apart for their noise."""


def kind_of(grouped_by: str) -> str:
    """Return what groups are called that were told apart in a way, see `PhotoGroups.by`."""
    return "groups" if grouped_by.endswith(ISO) else "cameras"


@dataclass(frozen=True)
class CamerasByIso(PhotoGroups):
    """Photos of one or more cameras, told apart by their sensitivities as well.

    Attributes:
        camera: The camera of each group; empty where there is one.
        rows: All rows of `sources`.
    """

    camera: Mapping[str, str]
    rows: int

    @property
    def of_source(self) -> I32:
        """Return [rows], the number of each row's group by `names`; -1 where it has none."""
        found, known = np.full(self.rows, -1, np.int32), list(self.of)
        found[known] = self.numbers(self.rows)[known]
        return found


def groups_by_iso(groups: PhotoGroups | None, sources: Sources) -> PhotoGroups | None:
    """Tell each camera's photos apart by sensitivity, as far as EXIF tells; ``groups`` are cameras.

    Where no camera's photos are of several they are returned as they are.
    """
    rows = sources.usable("source").tolist() if groups is None else sorted(groups.of)
    camera_of = dict.fromkeys(rows, "") if groups is None else groups.of
    of: dict[int, str] = {}
    camera: dict[str, str] = {}
    for name in sorted(set(camera_of.values())):
        own = [row for row in rows if camera_of[row] == name]
        ranges = sensitivity_ranges([int(sources.iso[row]) for row in own])
        finer = [", ".join(part for part in (name, one) if part) for one in ranges]
        of |= dict(zip(own, finer, strict=True))
        camera |= dict.fromkeys(finer, name)
    if len(camera) == len(set(camera.values())):
        return groups
    by = ISO if groups is None else f"{groups.by} and {ISO}"
    return CamerasByIso(by, of, camera, len(sources.path))


@dataclass(frozen=True)
class KnownCameras:
    """What is known of photos before anything is estimated, by their rows.

    Attributes:
        known: The group of photos that are settled.
        folders: The folders of the others.
        exif: Whether EXIF settled them.
    """

    known: Mapping[int, str]
    folders: Mapping[int, str]
    exif: bool = False

    @property
    def _by(self) -> str:
        if self.known:
            return "exif" if self.exif else "folder"
        return "folder" if self.by_folder else "estimates"

    @property
    def by_folder(self) -> bool:
        """Whether the others lie in several folders, each of which stays together."""
        return len(set(self.folders.values())) > 1

    def inputs(self) -> dict[str, str]:
        """Return a hash of EXIF's groups as an input of a stage, if they are several.

        What follows from the photos' paths and from the stage itself needs none.
        """
        several = len(set(self.known.values())) + bool(self.folders) > 1
        return _digest(self.known) if self.exif and several else {}

    def units(self, rows: Sequence[int]) -> list[int] | None:
        """Return which of some of the others stay together, as `degrade.kernels.clusters` asks."""
        if not self.by_folder:
            return None
        numbers = {name: n for n, name in enumerate(sorted(set(self.folders.values())))}
        return [numbers[self.folders[row]] for row in rows]

    def settled(self, found: Mapping[int, int]) -> PhotoGroups | None:
        """Return all photos' groups.

        Args:
            found: Number of the cluster that the others belong to, by row; those without an
                estimate go with their folder, or else with the most.
        """
        cluster = _of_all(self.folders, found)
        names = _names(cluster, self.folders, beside_exif=bool(self.known))
        of = {**self.known, **{row: names[number] for row, number in cluster.items()}}
        return PhotoGroups(self._by, of) if len(set(of.values())) > 1 else None


def known_cameras(sources: Sources, how: GroupBy) -> KnownCameras:
    """Return what is known of the usable real photos' cameras."""
    rows = sources.usable("source").tolist()
    folders = {row: _folder(str(sources.path[row])) for row in rows}
    if how == "folder":
        return KnownCameras(folders, {})
    if how in ("none", "estimates"):
        return KnownCameras({}, {} if how == "none" else dict.fromkeys(rows, ""))
    said = [
        TakenWith(
            str(sources.camera[row]), str(sources.lens[row]), round(float(sources.focal[row]), 1)
        )
        for row in rows
    ]
    known = {row: name for row, name in zip(rows, camera_groups(said), strict=True) if name}
    rest = {row: folders[row] for row in rows if row not in known}
    if how == "exif":
        return KnownCameras({**known, **dict.fromkeys(rest, NO_EXIF)}, {}, exif=True)
    return KnownCameras(known, rest, exif=bool(known))


def groups_known(store: Store, how: GroupBy) -> PhotoGroups | None:
    """Return the photos' groups for a stage that estimates no blurs.

    ``auto`` and ``estimates`` take those of the store's kernels, if they were estimated from its
    photos; without such kernels ``auto`` goes by EXIF.

    Raises:
        StoreError: There are no such kernels, and ``estimates`` asks for them.
    """
    sources = store.sources()
    if how in ("auto", "estimates"):
        scale = _current_kernels(store, sources)
        if scale is not None:
            by = str(store.recorded(kernels_group(scale)).get("grouped_by", ""))
            return groups_of(store.kernels(scale), by)
        if how == "estimates":
            raise StoreError(
                f"{store.location}: --group estimates takes the groups of kernels, and has none of "
                "these photos; run `degrade estimate-kernels` first"
            )
    known = known_cameras(sources, how)
    return known.settled(dict.fromkeys(known.folders, 0))


def groups_of(kernels: Kernels, by: str = "") -> PhotoGroups | None:
    """Return the groups that kernels were estimated in."""
    if kernels.photo_group is None:
        return None
    rows = zip(kernels.source.tolist(), kernels.photo_group, strict=True)
    return PhotoGroups(by, {row: str(name) for row, name in rows if row >= 0})


def _current_kernels(store: Store, sources: Sources) -> int | None:
    """Return the scale of kernels that were estimated from the store's photos, if there are any."""
    digest = photos_digest(sources, "source")
    for scale in store.scales("kernels"):
        stage = store.recorded(kernels_group(scale))
        estimated = stage.get("complete") and stage.get("stage") == ESTIMATE_KERNELS
        if estimated and stage["inputs"].get("photos") == digest:
            return scale
    return None


def _digest(of: Mapping[int, str]) -> dict[str, str]:
    listing = [f"{row} {name}" for row, name in sorted(of.items())]
    return {"groups": hashlib.sha256("\n".join(listing).encode()).hexdigest()}


def _folder(path: str) -> str:
    return PurePosixPath(path).parent.as_posix()


def _of_all(folders: Mapping[int, str], found: Mapping[int, int]) -> dict[int, int]:
    """Return the cluster of every photo, of those without an estimate too."""
    most = Counter(found.values()).most_common(1)[0][0] if found else 0
    inside: dict[str, Counter[int]] = {}
    for row, number in found.items():
        inside.setdefault(folders[row], Counter())[number] += 1
    near = {folder: counts.most_common(1)[0][0] for folder, counts in inside.items()}
    several = len(set(folders.values())) > 1
    return {
        row: found.get(row, near.get(folder, most) if several else most)
        for row, folder in folders.items()
    }


def _names(
    cluster: Mapping[int, int], folders: Mapping[int, str], *, beside_exif: bool
) -> dict[int, str]:
    """Name clusters after their folders, or by number from the narrowest blur."""
    numbers = sorted(set(cluster.values()))
    if len(numbers) == 1 and beside_exif:
        return {numbers[0]: NO_EXIF}
    if len(set(folders.values())) < 2:
        word = NO_EXIF if beside_exif else "blur"
        return {number: f"{word} {place}" for place, number in enumerate(numbers, 1)}
    names = {}
    for number in numbers:
        some = sorted({folders[row] for row, other in cluster.items() if other == number})
        rest = f" and {len(some) - NAMED_FOLDERS} more" if len(some) > NAMED_FOLDERS else ""
        names[number] = ", ".join(some[:NAMED_FOLDERS]) + rest
    return names


MINED = "mine-noise"
"""Stage of noise that was not imported."""


@dataclass(frozen=True, eq=False)
class NoiseOfKernels:
    """The noise bank as each pair has it: that of its kernel's photo, or of its own.

    Attributes:
        bank: All of it.
        group: [K], the group of each kernel's photo, empty where unknown; None where all photos
            are of one group.
        photos: The group of each photo that noise was mined from, by its row of `sources`, where
            a camera's photos are told apart by sensitivity: pairs of such a photo have its noise.
    """

    bank: NoiseBank
    group: Strings | None
    photos: Mapping[int, str]

    @property
    def several(self) -> bool:
        """Whether pairs differ in their noise."""
        return self.group is not None or bool(self.photos)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The groups that there are."""
        of_kernels = () if self.group is None else map(str, self.group)
        return tuple(sorted({*of_kernels, *self.photos.values()} - {""}))

    def of(self, kernel: int, photo: int) -> NoiseBank | NoiseOfGroup:
        """Return the noise that goes with a kernel of a photo's pair; all where nothing tells.

        Args:
            kernel: Its row of `kernels`; below 0 it is none's.
            photo: The row of `sources` that the pair is made of.
        """
        return self._by_name.get(self._name(kernel, photo), self.bank)

    @cached_property
    def banks(self) -> tuple[NoiseBank | NoiseOfGroup, ...]:
        """The noise of each of `names`, and at last all of it."""
        return (*(self._by_name.get(name, self.bank) for name in self.names), self.bank)

    def of_pairs(self, pairs: Pairs) -> I64:
        """Return [M], the place in `banks` of each pair's noise; -1 = all of it."""
        if not self.several:
            return np.full(len(pairs.kernel), -1)
        asked = np.stack([pairs.kernel, pairs.source])
        each, place = np.unique(asked, axis=1, return_inverse=True)
        found = [self._place(*both) for both in each.T.tolist()]
        return np.array(found, np.int64)[place.reshape(-1)]

    def of_kernels(self, count: int) -> I64:
        """Return [K], the place in `banks` of each kernel's noise; -1 = all of it."""
        return np.array([self._place(row, -1) for row in range(count)], np.int64)

    def rows(self, kernel: int, photo: int) -> I64:
        """Return the rows of the bank whose patches go with a pair, as `of`."""
        patches = self.of(kernel, photo).patches
        return patches.rows if isinstance(patches, SomeTiles) else np.arange(len(patches))

    def _place(self, kernel: int, photo: int) -> int:
        return self._places.get(self._name(kernel, photo), -1)

    @cached_property
    def _places(self) -> dict[str, int]:
        return {name: place for place, name in enumerate(self.names)}

    def _name(self, kernel: int, photo: int) -> str:
        if photo in self.photos:
            return self.photos[photo]
        return "" if kernel < 0 or self.group is None else str(self.group[kernel])

    @cached_property
    def _by_name(self) -> dict[str, NoiseBank | NoiseOfGroup]:
        names = () if self.bank.group_name is None else map(str, self.bank.group_name)
        return {name: self.bank.of_group(name) for name in names}


def noise_of_kernels(store: Store, kernels: Kernels | None) -> NoiseOfKernels:
    """Return a store's noise as it goes with kernels of it; None stands for no kernels.

    Raises:
        StoreError: There is no noise, or the kernels are of several cameras and the noise was mined
            before they were grouped.
    """
    bank = store.noise()
    photos = _of_photos(bank)
    camera = None if kernels is None else kernels.photo_group
    if camera is not None:
        _check_told_apart(store, bank, camera)
    group = camera
    if kernels is not None and photos:
        known = [photos.get(row, "") for row in kernels.source.tolist()]
        group = np.array(known, object)
    return NoiseOfKernels(bank, group, photos)


def _of_photos(bank: NoiseBank) -> dict[int, str]:
    """Return the group of each photo by its row, where a camera has several."""
    if bank.source_group is None or bank.group_name is None:
        return {}
    numbers = enumerate(bank.source_group.tolist())
    return {row: str(bank.group_name[number]) for row, number in numbers if number >= 0}


def _check_told_apart(store: Store, bank: NoiseBank, camera: Strings) -> None:
    stage, cameras = store.recorded(NOISE), bank.group_camera
    cameras = bank.group_name if cameras is None else cameras
    known = set(map(str, cameras if cameras is not None else ()))
    asked = stage["parameters"].get("group", "auto")
    unknown = sorted(set(map(str, camera)) - known)
    if stage["stage"] == MINED and asked in ("auto", "estimates") and unknown:
        raise StoreError(
            f"{store.location}/{NOISE}: was mined before the kernels' cameras were told apart (it "
            f"knows nothing of {unknown[0]}); run `degrade mine-noise --overwrite`"
        )
