"""What the report's sections share: their frame, and which of many items are shown."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from degrade.store.photo_groups import kind_of
from degrade.store.reader import Store


@dataclass(frozen=True)
class Draft:
    """A section that is still to be gathered; fields as of `Section`, but for ``body``."""

    anchor: str
    title: str
    template: str
    body: Callable[[], object | None]
    """Gathers what the template shows; what its stage lacks may be a StoreError."""
    absent: str = ""


@dataclass(frozen=True)
class FactsBody:
    """What `facts.html` shows: a sentence and a table of names and values."""

    summary: str
    facts: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Section:
    """One section of the page.

    Attributes:
        anchor: Its id in the page.
        title: Its heading.
        template: File name of the template that takes ``body``.
        body: What the template shows; has a ``summary`` of one line. None if there is nothing.
        absent: Why there is nothing, one line.
    """

    anchor: str
    title: str
    template: str
    body: object | None
    absent: str = ""


def of_scales(
    store: Store, kind: str, body: Callable[[Store, int], object], absent: str
) -> Iterator[Draft]:
    """Yield one section for each scale that was begun, or one that says that none was."""
    title, template = kind.capitalize(), f"{kind}.html"
    scales = store.scales(kind)
    for scale in scales:
        yield Draft(f"{kind}-x{scale}", f"{title} x{scale}", template, partial(body, store, scale))
    if not scales:
        yield Draft(kind, title, template, lambda: None, absent)


def evenly(count: int, most: int) -> list[int]:
    """Return at most ``most`` indices spread evenly over ``count`` items, the ends included."""
    places = np.linspace(0, count - 1, min(count, most)).round()
    return [int(place) for place in np.unique(places)]


def shown(some: int, total: int, what: str) -> str:
    """Say how many of how many items are shown."""
    return f"all {total} {what}" if some == total else f"{some} of {total} {what}, spread evenly"


def cameras_in_words(stage: Mapping[str, Any]) -> str:
    """Say of how many cameras a stage's photos are and by what; "" where of one."""
    groups: dict[str, int] = stage.get("groups", {})
    said = ", ".join(f"{name} ({photos} photos)" for name, photos in groups.items())
    by = stage.get("grouped_by", "")
    return f"Of {len(groups)} {kind_of(by)}, by {by}: {said}." if groups else ""
