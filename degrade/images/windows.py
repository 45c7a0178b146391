"""Where windows lie in an image, and crops that divide evenly."""

from typing import TypeVar

from degrade.arrays import F32, U8

Pixels = TypeVar("Pixels", U8, F32)


def window_starts(length: int, size: int, stride: int) -> list[int]:
    """Return the starts of windows along one axis: every ``stride``, and one that ends at the end.

    So every pixel is in a window if ``stride <= size``; the last two windows overlap more than the
    others where ``length - size`` is no multiple of ``stride``. Empty where ``size > length``.
    """
    if size > length:
        return []
    last = length - size
    return [*range(0, last, stride), last]


def crop_to_multiple(image: Pixels, n: int) -> Pixels:
    """Return a view of an HWC image without the rows below and columns right of a multiple of n."""
    height, width = image.shape[:2]
    return image[: height - height % n, : width - width % n]
