"""Find the image files of a folder, nothing outside it, and read them whole and of one moment."""

import errno
import os
import stat
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from io import BufferedReader
from pathlib import Path, PurePath, PurePosixPath

from degrade.errors import ImageRefused, NothingToDo
from degrade.images.formats import IMAGE_SUFFIXES, SUGGESTED, extra_of

_OF_SYSTEMS = frozenset(
    {
        "@eadir",
        "@recycle",
        "#recycle",
        "$recycle.bin",
        "__macosx",
        "lost.dir",
        "lost+found",
        ".picasaoriginals",
        ".thumbnails",
        ".trashes",
        "thumbs",
    }
)
"""Folders that NAS, phones and programs put among photos: thumbnails, copies and what was deleted;
in small letters."""
_MAC_SIDECAR, _HIDDEN = "._*", "hidden"


@dataclass(frozen=True)
class Listing:
    """What a folder holds; every path is relative to it, in posix form, sorted."""

    images: tuple[str, ...]
    """Names with an image suffix, dangling links and pipes too (checking says what is wrong)."""
    others: int
    """How many files have another suffix."""
    outside: tuple[str, ...]
    """Image and folder links that lead out of the folder; they are not followed."""
    unreadable: tuple[str, ...]
    """Folders that may not be listed, and files whose name is not valid Unicode."""
    left: Mapping[str, int] = field(default_factory=dict)
    """How many files lie in each kind of folder of systems, are macOS's sidecars, or hidden."""
    lacking: Mapping[str, int] = field(default_factory=dict)
    """How many images have a suffix whose reader is not installed, by suffix."""

    def among(self, names: Collection[str]) -> "Listing":
        """Return what the listing has of some files, as if the folder held no other."""
        images, outside = (
            tuple(path for path in paths if path in names) for paths in (self.images, self.outside)
        )
        return Listing(images, 0, outside, ())

    def remedies(self) -> dict[str, dict[str, int | str]]:
        """Return for each suffix that cannot be read here how many files it has, and the remedy."""
        needed = {suffix: extra_of(suffix) for suffix in self.lacking}
        return {
            suffix: {"files": self.lacking[suffix], "install": extra.install}
            for suffix, extra in needed.items()
            if extra is not None
        }

    def lacks(self) -> list[str]:
        """Return `remedies` in words, a line for each suffix."""
        return [
            f"{need['files']} {suffix} files cannot be read yet: {need['install']}"
            for suffix, need in self.remedies().items()
        ]

    def beside(self) -> list[str]:
        """Say what lies beside the images, a line for each kind."""
        lines = self.lacks()
        if self.left:
            kinds = ", ".join(f"{count} {kind}" for kind, count in self.left.items())
            lines.append(f"{sum(self.left.values())} files were left alone by name ({kinds})")
        if self.others:
            lines.append(
                f"{self.others} other files are no images by their name and were left alone"
            )
        return lines


def find_files(folder: Path) -> Listing:
    """List the images of ``folder`` and its subfolders; hidden ones are left out.

    Folders that systems put among photos are counted and left out, too. A link to a folder inside
    ``folder`` is not walked: its files are listed where they lie.

    Raises:
        NothingToDo: ``folder`` is not a folder.
    """
    if not folder.is_dir():
        raise NothingToDo(f"{folder}: not a folder; give the folder that holds the photos")
    found: dict[str, list[str]] = {"image": [], "other": [], "outside": [], "unreadable": []}
    left, lacking = Counter[str](), Counter[str]()
    blocked = found["unreadable"]

    def note_unlistable(error: OSError) -> None:
        blocked.append(_relative(folder, Path(error.filename)))

    for parent, folders, files in os.walk(folder, onerror=note_unlistable):
        linked = [name for name in folders if Path(parent, name).is_symlink()]
        for name in folders:
            kind = _left_folder(name)
            if kind and name not in linked:
                left[kind] += _count(Path(parent, name))
        folders[:] = [name for name in folders if not _left_folder(name)]
        for name in linked:
            if not _stays_inside(folder, Path(parent, name)):
                found["outside"].append(_relative(folder, Path(parent, name)))
        for name in files:
            path = Path(parent, name)
            if name.startswith("."):
                left[_MAC_SIDECAR if name.startswith("._") else _HIDDEN] += 1
            elif _lacks_reader(path):
                lacking[path.suffix.lower()] += 1
            else:
                found[_kind(folder, path)].append(_relative(folder, path))
    return Listing(
        images=tuple(sorted(found["image"])),
        others=len(found["other"]),
        outside=tuple(sorted(found["outside"])),
        unreadable=tuple(sorted(blocked)),
        left={kind: left[kind] for kind in sorted(left) if left[kind]},
        lacking={suffix: lacking[suffix] for suffix in sorted(lacking)},
    )


def no_images(folder: Path | str, listing: Listing) -> str:
    """Return the text about a folder without images: what it holds instead, and what is read."""
    others = f"{listing.others} other files" if listing.others else ""
    left = sum(listing.left.values())
    said = [*listing.lacks(), f"{left} files left alone by name" if left else "", others]
    instead = f" ({'; '.join(filter(None, said))})" if any(said) else ""
    return f"{folder}: holds no images{instead}; expected {SUGGESTED}"


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
    except RuntimeError as error:  # how pathlib reports a loop before Python 3.13
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP)) from error


def _left_folder(name: str) -> str:
    """Return the kind of a folder that is left alone, "" for others."""
    if name.lower() in _OF_SYSTEMS:
        return name
    return _HIDDEN if name.startswith(".") else ""


def _count(folder: Path) -> int:
    return sum(len(files) for _, _, files in os.walk(folder))


def _lacks_reader(path: Path) -> bool:
    extra = extra_of(path.suffix.lower())
    return extra is not None and not extra.is_there()


def _kind(folder: Path, path: Path) -> str:
    if path.suffix.lower() not in IMAGE_SUFFIXES:
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


_BYTES_PER_PIXEL = 8
"""The largest kind of pixel that is read, uncompressed: four channels of 16 bits."""
_METADATA_BYTES = 1 << 26


def open_regular(path: Path, name: str | PurePath) -> BufferedReader:
    """Open a file for reading; a pipe or device is refused instead of waited for.

    Raises:
        ImageRefused: It is no regular file; ``name`` names it.
        OSError: It cannot be opened.
    """
    # A pipe without a writer would block here for ever.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    if not stat.S_ISREG(path.stat().st_mode):  # before opening, as a socket cannot be opened at all
        raise ImageRefused(name, "is not a regular file")
    file = os.fdopen(os.open(path, flags), "rb")
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise ImageRefused(name, "is not a regular file")
    return file


def read_whole(path: Path, name: str | PurePath, max_pixels: int) -> bytes:
    """Read a file that may be an image of up to ``max_pixels`` pixels.

    Raises:
        ImageRefused: It is no regular file, larger than any such image, or was written to
            meanwhile; ``name`` names it.
        OSError: It cannot be read.
    """
    most = max_pixels * _BYTES_PER_PIXEL + _METADATA_BYTES
    with open_regular(path, name) as file:
        before = os.fstat(file.fileno())
        if before.st_size > most:
            raise ImageRefused(
                name,
                f"has {before.st_size} bytes, more than any image of the {max_pixels} pixels that "
                "are the limit (crop it or make it smaller)",
            )
        try:
            data = file.read(most + 1)  # one that grows without end is not read without end
        except MemoryError as error:
            reason = "needs more memory than there is (use a smaller image)"
            raise ImageRefused(name, reason) from error
        after = os.fstat(file.fileno())
    if len(data) != before.st_size or _moment(before) != _moment(after):
        raise ImageRefused(name, "changed while it was being read (run the command again)")
    return data


def _moment(status: os.stat_result) -> tuple[int, int]:
    return status.st_size, status.st_mtime_ns
