"""Errors a user can act on: each text is one line that says what, where, and what to do next."""

from pathlib import PurePath


class DegradeError(Exception):
    """Root of every error meant for the user; the command line prints its text and exits 1."""


class ImageRefused(DegradeError):
    """One image file cannot be used; the others go on."""

    def __init__(self, name: str | PurePath, reason: str) -> None:
        super().__init__(f"{name}: {reason}")
        self.name = str(name)
        self.reason = reason

    def __reduce__(self) -> tuple[type["ImageRefused"], tuple[str, str]]:
        """Travel between processes whole."""
        return type(self), (self.name, self.reason)


class NothingToDo(DegradeError):
    """A stage found nothing to work on: no photos, no patches, no accepted kernels."""


class SettingsError(DegradeError):
    """A setting, recipe or command-line value is not acceptable."""


class StoreError(DegradeError):
    """The store cannot be opened, read or written as asked."""


class WeightsError(DegradeError):
    """A file of network weights is absent, unreadable or of another network."""


class TrainingError(DegradeError):
    """Training cannot start or cannot go on."""
