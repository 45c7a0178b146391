"""Find the image files of a folder, and nothing outside it."""

import errno
import os
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from degrade.errors import ImageRefused, NothingToDo

IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp"})


@dataclass(frozen=True)
class Listing:
    """What a folder holds; every path is relative to it, in posix form, sorted."""

    images: tuple[str, ...]
    """Names with an image suffix, dangling links and pipes too (scanning tells what is wrong)."""
    others: int
    """How many files have another suffix or are hidden."""
    outside: tuple[str, ...]
    """Image and folder links that lead out of the folder; they are not followed."""
    unreadable: tuple[str, ...]
    """Folders that may not be listed, and files whose name is not valid Unicode."""

    def among(self, names: Collection[str]) -> "Listing":
        """Return what the listing has of some files, as if the folder held no other."""
        images, outside = (
            tuple(path for path in paths if path in names) for paths in (self.images, self.outside)
        )
        return Listing(images, 0, outside, ())


def find_files(folder: Path) -> Listing:
    """List the images of ``folder`` and its subfolders; hidden ones are left out.

    A link to a folder inside ``folder`` is not walked: its files are listed where they lie.

    Raises:
        NothingToDo: ``folder`` is not a folder.
    """
    if not folder.is_dir():
        raise NothingToDo(f"{folder}: not a folder; give the folder that holds the photos")
    found: dict[str, list[str]] = {"image": [], "other": [], "outside": [], "unreadable": []}
    blocked = found["unreadable"]

    def note_unlistable(error: OSError) -> None:
        blocked.append(_relative(folder, Path(error.filename)))

    for parent, folders, files in os.walk(folder, onerror=note_unlistable):
        linked = [name for name in folders if Path(parent, name).is_symlink()]
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in linked:
            if not _stays_inside(folder, Path(parent, name)):
                found["outside"].append(_relative(folder, Path(parent, name)))
        for name in files:
            path = Path(parent, name)
            found[_kind(folder, path)].append(_relative(folder, path))
    return Listing(
        images=tuple(sorted(found["image"])),
        others=len(found["other"]),
        outside=tuple(sorted(found["outside"])),
        unreadable=tuple(sorted(blocked)),
    )


def resolve_inside(folder: Path, relative: str) -> Path:
    """Return the real path of a file of ``folder``.

    Raises:
        ImageRefused: ``relative`` leads out of ``folder``, by ``..``, a root or a link.
        OSError: It is a link in a loop of links.
    """
    path = folder / PurePosixPath(relative)
    if not _stays_inside(folder, path):
        raise ImageRefused(relative, f"leads out of {folder} (copy the file into the folder)")
    try:
        return path.resolve()
    except RuntimeError as error:  # how pathlib tells a loop before Python 3.13
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP)) from error


def _kind(folder: Path, path: Path) -> str:
    if path.name.startswith(".") or path.suffix.lower() not in IMAGE_SUFFIXES:
        return "other"
    if _has_surrogates(str(path.relative_to(folder))):
        return "unreadable"
    return "outside" if path.is_symlink() and not _stays_inside(folder, path) else "image"


def _stays_inside(folder: Path, path: Path) -> bool:
    try:
        return path.resolve().is_relative_to(folder.resolve())
    except (OSError, RuntimeError):  # a loop of links leads nowhere, so not out either
        return True


def _has_surrogates(text: str) -> bool:
    """Tell a name that the file system could not decode, which no store could hold either."""
    return any("\ud800" <= character <= "\udfff" for character in text)


def _relative(folder: Path, path: Path) -> str:
    text = path.relative_to(folder).as_posix()
    return os.fsencode(text).decode("utf-8", "replace") if _has_surrogates(text) else text
