"""CUFED5's layout: NNN_0.png (HR) and NNN_1.png to NNN_5.png (references) in one folder."""

import re
from dataclasses import dataclass
from pathlib import Path

from degrade.errors import DegradeError, NothingToDo

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
