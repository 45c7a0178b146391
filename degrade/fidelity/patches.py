"""Patches of photos, and of the LR that training would see in their place."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from degrade.arrays import F32, I32, I64, U8, Image
from degrade.images.colour import to_uint8
from degrade.noise.model import Bank, NoiseModel

BORDER = 4
"""LR pixels of a tile's edge that are not cut where there is room: blur reached over the edge."""


@dataclass(frozen=True)
class Patches:
    """Patches of one kind, as many of each photo."""

    pixels: U8
    """[photos, n, P, P, 3]."""
    corners: I64
    """[photos, n, 2]: (row, col) in the image they were cut from."""

    def halves(self) -> tuple["Patches", "Patches"]:
        """Return every other patch of each photo, and the rest."""
        first, second = (slice(start, None, 2) for start in (0, 1))
        return (
            Patches(self.pixels[:, first], self.corners[:, first]),
            Patches(self.pixels[:, second], self.corners[:, second]),
        )


@dataclass(frozen=True)
class Noise:
    """How noise gets onto a patch."""

    model: NoiseModel
    bank: Bank


def joined(parts: Sequence[Patches]) -> Patches:
    """Return the patches of several photos, [n, ...] each, together."""
    return Patches(np.stack([p.pixels for p in parts]), np.stack([p.corners for p in parts]))


def cut_photo(photo: Image, side: int, count: int, rng: np.random.Generator) -> Patches:
    """Return ``count`` patches from anywhere in a photo, [n, P, P, 3] uint8."""
    rows, cols = photo.shape[0] - side + 1, photo.shape[1] - side + 1
    corners = np.stack([rng.integers(rows, size=count), rng.integers(cols, size=count)], axis=1)
    cut = [to_uint8(photo[r : r + side, c : c + side]) for r, c in corners]
    return Patches(np.stack(cut), corners)


def cut_tiles(
    tiles: Sequence[F32],
    origins: I32 | I64,
    left: float,
    side: int,
    count: int,
    rng: np.random.Generator,
    noise: Noise | None,
) -> Patches:
    """Return ``count`` patches of one photo's LR tiles with noise, rounded as photos are.

    Args:
        tiles: [t, t, 3] float32 in [0, 1] each, without noise.
        origins: [tiles, 2]: where each tile begins in its LR image.
        left: Share of the sensor's noise variance that the tiles hold already.
        side: Of a patch, at most t.
        count: How many.
        rng: Gives tiles, places and noise.
        noise: What is injected; None for nothing.

    Returns:
        [n, P, P, 3] uint8, and corners in the LR image.
    """
    room = len(tiles[0]) - side
    border = min(BORDER, room // 2)
    cut, corners = [], []
    for _ in range(count):
        index = int(rng.integers(len(tiles)))
        row, col = (int(v) for v in rng.integers(border, room - border + 1, size=2))
        patch = tiles[index][row : row + side, col : col + side]
        if noise is not None:
            patch = noise.model.inject(patch, noise.bank, rng, left)
        cut.append(to_uint8(np.clip(patch, 0, 1)))
        corners.append(origins[index] + (row, col))
    return Patches(np.stack(cut), np.array(corners))
