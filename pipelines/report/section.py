"""What the report's sections share: their frame, and which of many items are shown."""

from dataclasses import dataclass

import numpy as np


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


def evenly(count: int, most: int) -> list[int]:
    """Return at most ``most`` indices spread evenly over ``count`` items, the ends included."""
    places = np.linspace(0, count - 1, min(count, most)).round()
    return [int(place) for place in np.unique(places)]


def shown(some: int, total: int, what: str) -> str:
    """Say how many of how many items are shown."""
    return f"all {total} {what}" if some == total else f"{some} of {total} {what}, spread evenly"
