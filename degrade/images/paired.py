"""Folders of images that belong together: HR and LR by name, CUFED5's pictures and references."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from degrade.errors import DegradeError, NothingToDo, SettingsError
from degrade.images.files import find_files, no_images
from degrade.scales import EstimatedScale


@dataclass(frozen=True)
class Pairing:
    """Which files pair, by HR's name without suffix; ``faults`` name those that do not."""

    pairs: Mapping[str, tuple[str, str]]
    """LR and HR, relative to their folders, in ascending order of names."""
    faults: tuple[str, ...]


def pair_names(lr_dir: Path, hr_dir: Path, scale: int | None) -> Pairing:
    """Pair the images of two folders, searched with their subfolders.

    An LR image has its HR's name, or that name with ``x4`` after it for scale 4 (DIV2K's).

    Args:
        lr_dir: LR images.
        hr_dir: HR images.
        scale: None accepts the ``x`` of any usual scale.

    Raises:
        SettingsError: A folder is not there, or holds no images.
    """
    faults: list[str] = []
    lr_files, hr_files = _by_name(lr_dir, faults), _by_name(hr_dir, faults)
    partners = {name: _lr_name(name, lr_files, scale) for name in hr_files}
    paired = {name: lr for name, lr in partners.items() if lr is not None}
    faults += [f"{hr_dir / hr_files[n]}: no partner in {lr_dir}" for n in hr_files.keys() - paired]
    orphans = lr_files.keys() - set(paired.values())
    faults += [f"{lr_dir / lr_files[name]}: no partner in {hr_dir}" for name in orphans]
    pairs = {name: (lr_files[paired[name]], hr_files[name]) for name in sorted(paired)}
    return Pairing(pairs, tuple(sorted(faults)))


def misfit(hr: tuple[int, ...], lr: tuple[int, ...], scale: int) -> str | None:
    """Return what is wrong with a pair's sizes (rows, columns), or None."""
    if hr[:2] != (scale * lr[0], scale * lr[1]):
        return f"{hr[1]}x{hr[0]} is not {scale} times its LR's {lr[1]}x{lr[0]}"
    return None


def not_paired(lr_dir: Path, hr_dir: Path, faults: Iterable[str]) -> SettingsError:
    """Return the error that names every fault of two folders."""
    listed = "; ".join(sorted(faults)) or "no images"
    return SettingsError(f"{hr_dir} and {lr_dir} do not pair: {listed}; mend or remove them")


def _by_name(folder: Path, faults: list[str]) -> dict[str, str]:
    """Return the files by name without suffix; of two with one name, the second is a fault."""
    if not folder.is_dir():
        raise SettingsError(f"{folder}: no such folder; give one of images")
    found: dict[str, str] = {}
    listing = find_files(folder)
    for file in listing.images:
        name = str(Path(file).with_suffix(""))
        if found.setdefault(name, file) != file:
            faults.append(f"{folder / file}: has the name of {found[name]}")
    if not found:
        raise SettingsError(no_images(folder, listing))
    return found


def _lr_name(name: str, lr_files: Mapping[str, str], scale: int | None) -> str | None:
    factors = [scale] if scale else get_args(EstimatedScale)
    names = (name, *(f"{name}x{factor}" for factor in factors))
    return next((candidate for candidate in names if candidate in lr_files), None)


LEVELS = 5
"""References of each picture, in falling similarity."""


@dataclass(frozen=True)
class Group:
    """One HR picture and its references in falling similarity."""

    name: str
    hr: Path
    references: tuple[Path, ...]

    @property
    def pictures(self) -> tuple[Path, ...]:
        """HR, then the references."""
        return (self.hr, *self.references)


def group_and_level(name: str) -> tuple[str, int] | None:
    """Return what a file's name says: its group, and 0 for HR or its level; None for others."""
    match = re.fullmatch(r"(\d+)_([0-5])\.(?:png|jpe?g|bmp)", name)
    return (match[1], int(match[2])) if match else None


def cufed5_groups(folder: Path) -> list[Group]:
    """Return the groups of a folder, sorted.

    Raises:
        NothingToDo: There is no such group.
        DegradeError: A group lacks a picture.
    """
    found: dict[str, dict[int, Path]] = {}
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        if place := group_and_level(path.name):
            found.setdefault(place[0], {})[place[1]] = path
    if not found:
        raise NothingToDo(f"{folder}: holds no CUFED5 pictures (000_0.png, 000_1.png, ...)")
    for name, pictures in found.items():
        if lacking := sorted(set(range(LEVELS + 1)) - set(pictures)):
            raise DegradeError(f"{folder}: group {name} lacks {name}_{lacking[0]}.png; add it")
    return [
        Group(name, pictures[0], tuple(pictures[level] for level in range(1, LEVELS + 1)))
        for name, pictures in sorted(found.items())
    ]
