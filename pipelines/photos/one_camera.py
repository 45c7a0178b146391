"""The photos of one camera, for stages that look at one."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from degrade.errors import SettingsError
from degrade.store.photo_groups import PhotoGroups, groups_known, known_cameras
from degrade.store.reader import Store
from pipelines.photos.reading import Photo


@dataclass(frozen=True)
class OneCamera:
    """One camera among those of the photos.

    Attributes:
        photos: Its own.
        name: Empty where all photos are of one camera.
        groups: All photos' cameras; None likewise.
    """

    photos: list[Photo]
    name: str
    groups: PhotoGroups | None

    def facts(self) -> dict[str, Any]:
        """Return what a stage's group in the store says of it."""
        return {} if self.groups is None else {"group": self.name, **self.groups.facts()}

    def inputs(self) -> dict[str, str]:
        """Return a hash of the cameras as an input of a stage."""
        return {} if self.groups is None else self.groups.inputs()


def of_one_camera(store: Store, photos: Sequence[Photo], only: str | None) -> OneCamera:
    """Return the camera that is wanted, or else that of the most photos.

    Raises:
        SettingsError: There is none of the name that is wanted.
    """
    groups = _cameras(store, only)
    if groups is None:
        return OneCamera(list(photos), "", None)
    name = only or groups.names[0]
    return OneCamera([photo for photo in photos if groups.of[photo.row] == name], name, groups)


def _cameras(store: Store, only: str | None) -> PhotoGroups | None:
    found = groups_known(store, "auto")
    if only is None or (found is not None and only in found.names):
        return found
    folders = known_cameras(store.sources(), "folder").settled({})
    if folders is not None and only in folders.names:
        return folders
    names = [name for groups in (found, folders) if groups is not None for name in groups.names]
    raise SettingsError(
        f"--only {only}: no photos are of that camera or in that subfolder; there are "
        f"{', '.join(names) or 'none to choose from: leave it out'}"
    )
