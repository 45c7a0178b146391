"""Rows of raw arrays that photos give, photo by photo, in the groups that tasks write."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from degrade.arrays import I64
from pipelines.execution.stage_writer import blocks
from pipelines.photos.cache import PhotoCache, PhotoMeasure
from pipelines.photos.reading import Photo


class PhotoRows(NamedTuple):
    """A photo, and the rows [first, last) that it gives."""

    photo: Photo
    first: int
    last: int


@dataclass(frozen=True)
class RowsOfPhotos:
    """The rows [start, stop) of raw arrays, whole chunks, and the photos they come from."""

    start: int
    stop: int
    photos: tuple[PhotoRows, ...]

    def __len__(self) -> int:
        return self.stop - self.start

    def own(self, span: PhotoRows) -> slice:
        """Return which of a photo's rows are among these."""
        return slice(max(0, self.start - span.first), self.stop - span.first)

    def drop_finished(self, measure: Callable[[Photo], PhotoMeasure], cache: PhotoCache) -> None:
        """Drop from the cache the photos all of whose rows are here: no other task needs them."""
        for span in self.photos:
            if self.start <= span.first and span.last <= self.stop:
                cache.drop(measure(span.photo), [span.photo])


def rows_of_photos(
    photos: Sequence[Photo], first_row: I64, size: int, only: Sequence[int] | None = None
) -> list[RowsOfPhotos]:
    """Cut the rows of all photos into groups.

    Args:
        photos: In the order of their rows.
        first_row: Row of each photo's first, and the total at the end.
        size: Rows of a group, whole chunks.
        only: Numbers of the groups that are wanted; None is all.
    """
    every = blocks(int(first_row[-1]), size)
    groups = []
    for rows in every if only is None else [every[number] for number in only]:
        begin = int(np.searchsorted(first_row, rows.start, side="right")) - 1
        end = int(np.searchsorted(first_row, rows.stop, side="left"))
        ends = first_row[begin : end + 1].tolist()
        spans = map(PhotoRows, photos[begin:end], ends[:-1], ends[1:])
        groups.append(RowsOfPhotos(rows.start, rows.stop, tuple(spans)))
    return groups
