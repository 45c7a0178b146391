"""Errors a user can act on: each text is one line that says what, where, and what to do next."""

from pathlib import PurePath


class DegradeError(Exception):
    """Root of every error meant for the user; the command line prints its text and exits 1."""


class PhotoRefused(DegradeError):
    """One photo cannot be used for what was asked; the others go on.

    Attributes:
        name: The photo.
        reason: Why, one line.
    """

    def __init__(self, name: str | PurePath, reason: str) -> None:
        super().__init__(f"{name}: {reason}")
        self.name = str(name)
        self.reason = reason

    def __reduce__(self) -> tuple[type["PhotoRefused"], tuple[str, str]]:
        """Travel between processes whole."""
        return type(self), (self.name, self.reason)


class ImageRefused(PhotoRefused):
    """One image file cannot be read as a photo."""


class NothingToDo(DegradeError, ValueError):
    """A stage found nothing to work on: no photos, no patches, no accepted kernels."""


class SettingsError(DegradeError, ValueError):
    """A setting, recipe, argument or command-line value is not acceptable."""


class PathNotFound(DegradeError, FileNotFoundError):
    """An argument names a file or folder that is not there."""


class StoreError(DegradeError):
    """The store cannot be opened, read or written as asked."""


class NoStore(StoreError, ValueError):
    """An argument names what is no store, or asks a store for what it does not hold or allow."""


class WeightsError(DegradeError, ValueError):
    """A file of network weights is absent, unreadable or of another network."""


class TrainingError(DegradeError):
    """Training cannot start or cannot go on."""
