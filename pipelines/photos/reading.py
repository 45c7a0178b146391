"""Reading a checked photo again, in whatever worker needs it."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from degrade.arrays import Image
from degrade.errors import ImageRefused, NothingToDo, StoreError
from degrade.images.decode import DecodePolicy, decode
from degrade.images.files import read_whole, resolve_inside
from degrade.store.contents import Sources
from degrade.store.schema import Domain


@dataclass(frozen=True)
class Photo:
    """Address of one checked photo; `read` gives its pixels."""

    row: int
    folder: str
    path: str
    sha256: str
    height: int
    width: int
    domain: Domain
    policy: DecodePolicy
    group: int = -1
    """Photos that share one, other than -1, are near duplicates."""

    def read(self) -> Image:
        """Decode the photo.

        Raises:
            StoreError: The file is gone, unreadable, or not the one that was checked.
        """
        try:
            data = self._bytes()
            if hashlib.sha256(data).hexdigest() == self.sha256:
                return decode(data, self.path, self.policy)
            reason = "changed since it was checked"
        except OSError as error:
            reason = f"cannot be read any more ({error.strerror or error})"
        except ImageRefused as error:
            reason = error.reason
        raise StoreError(
            f"{self.folder}/{self.path}: {reason}; put the file back, or run "
            "`degrade check SRC --overwrite` and the later stages again"
        )

    def _bytes(self) -> bytes:
        path = resolve_inside(Path(self.folder), self.path)
        return read_whole(path, self.path, self.policy.max_pixels)


def usable_photos(sources: Sources, domain: Domain) -> list[Photo]:
    """Return the usable photos of one domain, in the order of the store.

    Raises:
        NothingToDo: There are none.
    """
    policy = DecodePolicy(**sources.policy)
    photos = [
        Photo(
            row=int(row),
            folder=sources.folders[domain],
            path=str(sources.path[row]),
            sha256=str(sources.sha256[row]),
            height=int(sources.height[row]),
            width=int(sources.width[row]),
            domain=domain,
            policy=policy,
            group=int(sources.group[row]),
        )
        for row in sources.usable(domain)
    ]
    if not photos:
        raise NothingToDo(
            f"the store has no usable {domain} photos; run `degrade check` on a folder of photos"
        )
    return photos


def bounded_groups(photos: Sequence[Photo], size: int, pixels: int) -> list[tuple[Photo, ...]]:
    """Split photos into groups of at most ``size`` and, but for single ones, ``pixels`` together.

    In order: a function of the folder alone. For tasks whose memory grows with all their photos.
    """
    found: list[list[Photo]] = []
    held = 0
    for photo in photos:
        area = photo.height * photo.width
        if not found or len(found[-1]) == size or held + area > pixels:
            found.append([])
            held = 0
        found[-1].append(photo)
        held += area
    return [tuple(group) for group in found]
