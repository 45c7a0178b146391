"""Demosaicing by a variable number of gradients, in the tones of the display."""

from degrade.camera.planes import Planes, mirrored, namespace, window

REACH = 3
"""Rows and columns around a pixel that its colours depend on, and one more."""
AXES = ((-1, 0), (1, 0), (0, -1), (0, 1))
DIAGONALS = ((-1, -1), (-1, 1), (1, -1), (1, 1))
Guesses = tuple[Planes, Planes, Planes, Planes]
"""Differences of the other colours from the pixel's own: at red or blue, green and the opposite
colour; at green, the colour of its row and that of its column."""


def variable_gradients(mosaic: Planes, masks: Planes) -> tuple[Planes, Planes, Planes, Planes]:
    """Average colours over those of eight directions in which little changes.

    Chang, Cheung and Pang, "Color filter array recovery using a threshold-based variable number of
    gradients" (SPIE 3650, 1999): directions whose gradient is at most 1.5 times the smallest and
    half of what the largest is more.

    Args:
        mosaic: [B, 1, H, W], display tones.
        masks: [B, 3, H, W], 1 where a pixel sees red, green or blue.

    Returns:
        At red and blue, green and the opposite colour; at green, the colours of its row and of its
        column; each [B, 1, H, W].
    """
    xp, padded = namespace(mosaic), mirrored(mosaic, REACH)
    directions = [*_along_axes(padded), *_along_diagonals(padded, masks[:, 1:2] > 0)]
    least = most = directions[0][0]
    for gradient, _ in directions[1:]:
        least, most = xp.minimum(least, gradient), xp.maximum(most, gradient)
    limit = least + most / 2
    count, sums = 0 * mosaic, [0 * mosaic for _ in range(4)]
    for gradient, guesses in directions:
        taken = 1.0 * (gradient <= limit)
        count += taken
        for total, guess in zip(sums, guesses, strict=True):
            total += taken * guess
    first, second, third, fourth = (mosaic + total / count for total in sums)
    return first, second, third, fourth


def _along_axes(padded: Planes) -> list[tuple[Planes, Guesses]]:
    """Return gradient and guesses towards each of the four neighbours."""
    changes = {0: _change(padded, 0, 1), 1: _change(padded, 1, 0)}

    def at(row: int, col: int) -> Planes:
        return window(padded, REACH, row, col)

    found = []
    for row, col in AXES:
        change, (down, over) = changes[abs(row)], (abs(col), abs(row))
        gradient = window(change, 2, 0, 0) + window(change, 2, row, col)
        for side in (-1, 1):
            aside, ahead = (side * down, side * over), (row + side * down, col + side * over)
            gradient = gradient + (window(change, 2, *aside) + window(change, 2, *ahead)) / 2
        own = (at(0, 0) + at(2 * row, 2 * col)) / 2
        corners = (at(row + down, col + over) + at(row - down, col - over)) / 2
        beside = at(down, over) + at(-down, -over)
        beside = beside + at(2 * row + down, 2 * col + over) + at(2 * row - down, 2 * col - over)
        near, across = at(row, col) - own, beside / 4 - own
        lines = (across, near) if row else (near, across)
        found.append((gradient, (near, corners - own, *lines)))
    return found


def _along_diagonals(padded: Planes, green: Planes) -> list[tuple[Planes, Guesses]]:
    """Return gradient and guesses towards each of the four corners."""
    changes = {slope: _change(padded, 1, slope) for slope in (-1, 1)}
    middle = window(padded, 1, 0, 0)
    steps = {slope: abs(middle - window(padded, 1, 1, slope)) for slope in (-1, 1)}

    def at(row: int, col: int) -> Planes:
        return window(padded, REACH, row, col)

    found = []
    for row, col in DIAGONALS:
        change, step = changes[row * col], steps[row * col]
        straight = window(change, 2, 0, 0) + window(change, 2, row, col)
        beside = window(change, 2, row, 0) + window(change, 2, 0, col)
        # Green pixels touch by their corners: at red and blue, four such steps lie along the way.
        starts = [(-row, 0), (0, -col), (row, 0), (0, col)]
        tops = starts if row > 0 else [(r + row, c + col) for r, c in starts]
        greens = sum(window(step, 2, *top) for top in tops) / 2
        gradient = straight + namespace(padded).where(green, beside, greens)
        own = (at(0, 0) + at(2 * row, 2 * col)) / 2
        corner = at(row, col)
        around = at(row, 0) + at(0, col) + at(2 * row, col) + at(row, 2 * col)
        in_row, in_column = at(0, col) + at(2 * row, col), at(row, 0) + at(row, 2 * col)
        lines = (in_row / 2 - corner, in_column / 2 - corner)
        found.append((gradient, (around / 4 - own, corner - own, *lines)))
    return found


def _change(padded: Planes, row: int, col: int) -> Planes:
    """Return the change from one neighbour to the opposite one, of planes with 2 pixels around."""
    return abs(window(padded, 1, row, col) - window(padded, 1, -row, -col))
