"""Rows of raw arrays that photos give, photo by photo, and the tasks that write some of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from degrade.arrays import I64
from pipelines.photos import Photo
from pipelines.visits import NO_VISITS, Visits, Want


class Span(NamedTuple):
    """A photo, and the rows [first, last) that it gives."""

    photo: Photo
    first: int
    last: int


@dataclass(frozen=True)
class RowsOfPhotos:
    """The rows [first, last) of raw arrays, whole chunks, and the photos they come from."""

    location: str
    index: int
    first: int
    last: int
    photos: tuple[Span, ...]
    visits: Visits

    @property
    def items(self) -> int:
        """Number of rows."""
        return self.last - self.first

    def own(self, span: Span) -> slice:
        """Return which of a photo's rows are this task's."""
        return slice(max(0, self.first - span.first), self.last - span.first)

    def drop(self, span: Span, want: Want) -> None:
        """Delete what was left of a photo unless another task needs it, too."""
        if self.first <= span.first and span.last <= self.last:
            self.visits.drop(span.photo, want)


def rows_of_photos(
    location: str,
    photos: Sequence[Photo],
    first_row: I64,
    rows: int,
    visits: Visits = NO_VISITS,
    only: Sequence[int] | None = None,
) -> list[RowsOfPhotos]:
    """Cut the rows of all photos into tasks.

    Args:
        location: The store.
        photos: In the order of their rows.
        first_row: Row of each photo's first, and the total at the end.
        rows: Of a task, whole chunks.
        visits: What was left of the photos.
        only: Numbers of the tasks that are wanted; None is all.
    """
    total = int(first_row[-1])
    tasks = []
    for index in range(-(-total // rows)) if only is None else only:
        first, last = index * rows, min(total, (index + 1) * rows)
        begin = int(np.searchsorted(first_row, first, side="right")) - 1
        end = int(np.searchsorted(first_row, last, side="left"))
        rows_in = first_row[begin : end + 1].tolist()
        spans = map(Span, photos[begin:end], rows_in[:-1], rows_in[1:])
        tasks.append(RowsOfPhotos(location, index, first, last, tuple(spans), visits))
    return tasks
