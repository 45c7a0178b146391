"""Flat places: what photos show of noise where they show nothing else.

Windows that are looked at for all other statistics hold what people photograph, and where those
have some texture in every place it passes for noise. So the flattest places of whole photos are
compared with simulated photos of places that are perfectly flat, of the same colours.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from degrade.arrays import F32, F64, I64, U8, Image
from degrade.images.colour import to_uint8

BLOCK, CELL = 16, 4
"""Sides of the blocks that are judged, and of their cells: what cells differ by is the scene's or
coarse noise, what differs within them is taken for noise."""
STEP = 8
"""Least distance of blocks in a photo, pixels: as JPEG's."""
LOOKED_AT = 4096
"""About the most blocks that are measured in a photo; of larger photos they lie farther apart."""
EDGES = (51.2, 102.4, 153.6, 204.8, 256.0)
"""Edges of the ranges of brightness; below the first, noise is clipped at black."""
RANGES = len(EDGES) - 1
BRIGHTEST = 250
"""Level from which a block counts as clipped."""
KEPT = 128
"""Flattest blocks of a photo and range that are remembered."""
FLATTEST, FEWEST = 0.02, 20
"""Share of the blocks of a range, all photos together, that counts as flat, and the least
number."""
QUARTER = 25.0
"""Percentile of the flattest blocks' power that perfectly flat ones have in the middle: most of the
flattest still have some texture. On six simulated phones the logarithm was right to 0.2 (root mean
square)."""
FEWEST_RANGES = 3
"""Fewest ranges of brightness from which a slope is estimated."""
GROWING = 0.15
"""`growth` above which noise never saw a tone curve. Of cameras that have one, drawn from anywhere,
one in a hundred shows more than 0.14 (the middle one -0.5); simulated phones with a processor show
-1.8 to -0.3, those whose noise is of display tones (`phone_x2`, `phone_x4`) 0.3 and 0.4."""
LUMA_AND_CHROMA = np.array(
    [[0.299, 0.587, 0.114], [-0.299, -0.587, 0.886], [0.701, -0.587, -0.114]], np.float32
)
"""Takes RGB to luma, blue less luma and red less luma."""
MIDDLE = np.float32(128)
"""Level that is subtracted before squares are taken, to keep their precision."""
FAINT = 0.3
"""Levels squared below which power hardly counts."""


@dataclass(frozen=True)
class FlatPlaces:
    """The flat places of a set of photos, a row per range of brightness that has some.

    Attributes:
        colours: [R, 3] levels, of the middle block.
        power: [R, 3], logarithms of what luma, blue and red (both less luma) differ by in cells.
    """

    colours: F64
    power: F64


def flattest(photo: Image) -> dict[str, F32 | I64]:
    """Return a photo's flattest blocks.

    ``blocks`` [RANGES, KEPT, 7] float32: how much cells differ (infinite where there are no more
    blocks), the power within cells of luma, blue and red, and the mean colour; ``count`` [RANGES]:
    how many blocks the range has.

    Args:
        photo: [H, W, 3].
    """
    step = STEP * max(1, round(np.sqrt(photo.shape[0] * photo.shape[1] / LOOKED_AT) / STEP))
    blocks = _blocks(to_uint8(photo), step)
    rows = np.concatenate([_measured(blocks[at : at + 512]) for at in range(0, len(blocks), 512)])
    found = np.full((RANGES, KEPT, rows.shape[1]), np.inf, np.float32)
    count = np.zeros(RANGES, np.int64)
    brightness = rows[:, 4:] @ LUMA_AND_CHROMA[0]
    clipped = (blocks >= BRIGHTEST).any((1, 2, 3))
    range_of = np.where(clipped, -1, np.digitize(brightness, EDGES) - 1)
    for index in range(RANGES):
        mine = rows[range_of == index]
        first = mine[np.argsort(mine[:, 0], kind="stable")[:KEPT]]
        found[index, : len(first)], count[index] = first, len(mine)
    return {"blocks": found, "count": count}


def pooled(blocks: F32, count: I64) -> FlatPlaces:
    """Return the flat places of all photos together.

    Args:
        blocks: [N, RANGES, KEPT, 7] of `flattest`.
        count: [N, RANGES], likewise.
    """
    colours, power = [], []
    for index in range(RANGES):
        mine = blocks[:, index].reshape(-1, blocks.shape[-1])
        mine = mine[np.isfinite(mine[:, 0])]
        wanted = max(FEWEST, round(FLATTEST * int(count[:, index].sum())))
        if len(mine) < FEWEST:
            continue
        flat = mine[np.argsort(mine[:, 0], kind="stable")[:wanted]].astype(np.float64)
        colours.append(np.median(flat[:, 4:], axis=0))
        power.append(np.log(np.percentile(flat[:, 1:4], QUARTER, axis=0) + FAINT))
    return FlatPlaces(np.reshape(colours, (-1, 3)), np.reshape(power, (-1, 3)))


def growth(places: FlatPlaces) -> float:
    """Return by how much the logarithm of luma's noise power grows over 100 levels.

    A tone curve is steep in the dark, where it amplifies noise: behind it not even shot noise grows
    with brightness. See `GROWING`.
    """
    if len(places.colours) < FEWEST_RANGES:
        return 0.0
    brightness = places.colours @ LUMA_AND_CHROMA[0] / 100
    return float(np.polyfit(brightness, places.power[:, 0], 1)[0])


def shown(photos: U8) -> F64:
    """Return the `FlatPlaces.power` [3] of photos of perfectly flat places.

    Args:
        photos: [K, n, n, 3] of one colour and camera.
    """
    rows = np.concatenate([_measured(_blocks(photo, STEP)) for photo in photos])
    return np.asarray(np.log(np.median(rows[:, 1:4], axis=0) + FAINT), np.float64)


def _blocks(photo: U8, step: int) -> U8:
    """Return the blocks [n, BLOCK, BLOCK, 3] of a photo, from one to the next ``step`` pixels."""
    windows = np.lib.stride_tricks.sliding_window_view(photo, (BLOCK, BLOCK), axis=(0, 1))
    chosen = windows[::step, ::step].transpose(0, 1, 3, 4, 2)
    return np.ascontiguousarray(chosen.reshape(-1, BLOCK, BLOCK, 3))


def _measured(blocks: U8) -> F32:
    """Return how much cells differ, the power within them, and the mean colour, [n, 7]."""
    # The blocks below each other are one image: reducing it by area takes the means of all cells.
    rgb = blocks.reshape(-1, BLOCK, 3).astype(np.float32)
    planes = np.asarray(cv2.transform(rgb - MIDDLE, LUMA_AND_CHROMA), np.float32)
    means = _of_cells(planes)
    within = _of_cells(np.square(planes)) - np.square(means)
    power = np.maximum(within, 0).mean(axis=1)
    colour = _of_cells(rgb).mean(axis=1)
    return np.concatenate([means[..., :1].var(axis=1), power, colour], axis=1)


def _of_cells(planes: F32) -> F32:
    """Return the mean of each cell of blocks below each other, [n, cells, 3]."""
    count = BLOCK // CELL
    size = (count, planes.shape[0] // CELL)
    cells = cv2.resize(planes, size, interpolation=cv2.INTER_AREA)
    return np.asarray(cells.reshape(-1, count * count, 3), np.float32)
