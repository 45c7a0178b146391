"""Which scale of a store's stage is meant where none is said."""

from degrade.errors import SettingsError
from degrade.store.reader import Store

_MAKERS = {"kernels": "estimate-kernels", "pairs": "build-pairs"}


def the_scale(store: Store, kind: str, wanted: int | None) -> int:
    """Return the scale to work on: the one asked for, or the only one the store has.

    Args:
        store: Where to look.
        kind: ``kernels`` or ``pairs``.
        wanted: As the user said; None if nothing was said.

    Raises:
        SettingsError: None was asked for and the store has several, or none.
    """
    if wanted is not None:
        return wanted
    found = store.scales(kind)
    if len(found) == 1:
        return found[0]
    if not found:
        raise SettingsError(
            f"{store.location}: holds no {kind}; run `degrade {_MAKERS[kind]}` first"
        )
    listed = ", ".join(f"x{scale}" for scale in found)
    raise SettingsError(f"{store.location}: holds {kind} for {listed}; say which with --scale N")
