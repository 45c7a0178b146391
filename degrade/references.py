"""References for a tile: other tiles that show the same things, and how much they share.

As CUFED5's levels of similarity were made (Zhang et al. 2019, *Image Super-Resolution by Neural
Texture Transfer*, section 4.1): by counting local features that match. Comparing every tile with
every other that way is far too slow, so a bag of visual words picks the candidates first.
"""

from dataclasses import dataclass
from functools import cache
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field
from scipy.sparse import csr_matrix, diags

from degrade.arrays import F32, I32, I64, U8, Bool
from degrade.images.colour import luma, to_uint8
from degrade.randomness import stream

TABLES, BITS = 2, 11
"""Each local feature becomes one of 2^BITS words in each of so many tables."""
DIMENSIONS_PER_BIT = 32
THUMBNAIL = 8
THUMBNAIL_WEIGHT = 0.25
"""Share of the layout of colours in the similarity, beside the words; it decides among tiles
without local features."""
RATIO = 0.8
"""A match's nearest feature must be so much closer than the second nearest (Lowe 2004)."""
TOLERANCE = 4.0
"""Pixels by which a match may miss the common affine map."""
FEWEST_MATCHES = 6
"""Fewer agree with some affine map by chance: three points define one."""


class ReferenceSettings(BaseModel):
    """How references are found."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    scale: int = Field(default=4, ge=1, le=8, description="which pairs get references")
    count: int = Field(default=5, ge=1, le=16, description="references of each pair")
    candidates: int = Field(
        default=24, ge=1, le=1000, description="most similar tiles whose local matches are verified"
    )
    features: int = Field(
        default=256, ge=16, le=4096, description="strongest local features kept of each tile"
    )


@dataclass(frozen=True)
class Features:
    """Local features (SIFT) of a tile: points [n, 2] as (x, y) in pixels, descriptors [n, 128]."""

    points: F32
    descriptors: U8


def local_features(tile: U8, count: int) -> Features:
    """Return at most ``count`` SIFT features of a tile [T, T, 3], the strongest ones."""
    grey = to_uint8(luma(tile) / np.float32(255))
    sift = cv2.SIFT_create(nfeatures=count)  # type: ignore[attr-defined]
    found, descriptors = sift.detectAndCompute(grey, None)
    if descriptors is None:
        return Features(np.zeros((0, 2), np.float32), np.zeros((0, 128), np.uint8))
    points = np.array([point.pt for point in found], np.float32)
    return Features(points[:count], descriptors[:count].astype(np.uint8))


def visual_words(descriptors: U8) -> I32:
    """Return the words [n, TABLES] of descriptors [n, 128], integers in [0, TABLES * 2^BITS).

    A bit says which of two fixed random halves of some dimensions has the larger sum; similar
    descriptors share most bits. Nothing is trained, and sums of integers are exact anywhere.
    """
    bits = (descriptors.astype(np.int32) @ _directions() > 0).reshape(-1, TABLES, BITS)
    words = bits @ (1 << np.arange(BITS))
    return np.asarray(words + (np.arange(TABLES) << BITS), np.int32)


@cache
def _directions() -> I32:
    directions = np.zeros((128, TABLES * BITS), np.int32)
    for bit in range(TABLES * BITS):
        chosen = stream(0, "visual-words", bit).permutation(128)[:DIMENSIONS_PER_BIT]
        directions[chosen[::2], bit], directions[chosen[1::2], bit] = 1, -1
    return directions


def thumbnail(tile: U8) -> F32:
    """Return the layout of a tile's colours, [THUMBNAIL^2 * 3], without mean, of length 1 or 0."""
    small = cv2.resize(tile, (THUMBNAIL, THUMBNAIL), interpolation=cv2.INTER_AREA)
    centred = small.astype(np.float32).ravel() - np.float32(small.mean())
    return np.asarray(centred / max(float(np.linalg.norm(centred)), 1e-6), np.float32)


def global_descriptors(words: list[I32], thumbnails: F32) -> csr_matrix:
    """Return one sparse row per tile, whose inner products are similarities in [-0.25, 1].

    Words are weighted by their rarity (tf-idf) and normalised, the thumbnail is appended.

    Args:
        words: Of each of N tiles, as `visual_words` returns them.
        thumbnails: [N, D].
    """
    lengths = [len(each) * TABLES for each in words]
    starts = np.concatenate([[0], np.cumsum(lengths)])
    flat = np.concatenate([each.ravel() for each in words]) if words else np.zeros(0, np.int32)
    counts = csr_matrix(
        (np.ones(len(flat), np.float32), flat, starts), (len(words), TABLES << BITS)
    )
    counts.sum_duplicates()
    present = np.maximum(np.bincount(counts.indices, minlength=TABLES << BITS), 1)
    counts.data = np.sqrt(counts.data) * np.log(1 + len(words) / present)[counts.indices]
    norms = np.sqrt(np.asarray(counts.multiply(counts).sum(axis=1)).ravel())
    unit = diags(1 / np.maximum(norms, 1e-6)) @ counts
    return _beside(unit, thumbnails)


def _beside(words: Any, thumbnails: F32) -> csr_matrix:
    from scipy.sparse import hstack

    share = np.float32(THUMBNAIL_WEIGHT)
    both = [words * np.sqrt(1 - share), csr_matrix(thumbnails * np.sqrt(share))]
    return csr_matrix(hstack(both, dtype=np.float32))


def verified_matches(a: Features, b: Features) -> int:
    """Return how many local features of ``a`` are found in ``b`` under one affine map.

    Nearest neighbours by RootSIFT that pass Lowe's ratio test, then RANSAC; 0 if fewer than
    `FEWEST_MATCHES` agree.
    """
    if min(len(a.points), len(b.points)) < FEWEST_MATCHES:
        return 0
    similarity = _root_sift(a.descriptors) @ _root_sift(b.descriptors).T
    each = np.arange(len(similarity))
    partner = similarity.argmax(axis=1)
    nearest = similarity[each, partner]
    similarity[each, partner] = -1
    second = similarity.max(axis=1)
    kept = np.flatnonzero(_distance(nearest) < RATIO * _distance(second))
    if len(kept) < FEWEST_MATCHES:
        return 0
    _, inliers = cv2.estimateAffine2D(
        a.points[kept], b.points[partner[kept]], ransacReprojThreshold=TOLERANCE
    )
    agreeing = 0 if inliers is None else int(inliers.sum())
    return agreeing if agreeing >= FEWEST_MATCHES else 0


def _distance(similarity: F32) -> F32:
    """Return the distance of descriptors of length 1 from their inner product."""
    return np.asarray(np.sqrt(np.maximum(0, 2 - 2 * similarity)))


def _root_sift(descriptors: U8) -> F32:
    """Return descriptors of length 1 whose inner product is Hellinger's (Arandjelovic 2012)."""
    values = descriptors.astype(np.float32)
    return np.asarray(np.sqrt(values / np.maximum(values.sum(axis=1, keepdims=True), 1)))


@dataclass(frozen=True)
class TilePlaces:
    """Where each of N tiles comes from; what the leak guard goes by.

    Attributes:
        photo: [N] number of the photo; the same for the same bytes in two folders.
        version: [N] distinguishes versions of a photo with other pixel grids (cleaned up or not).
        row: [N] top edge in that version, pixels.
        col: [N] left edge in that version, pixels.
        valid: [N] whether the tile is kept for validation.
        pixels: [N] hash of the tile's own pixels.
        side: Side of a tile in pixels.
    """

    photo: I64
    version: I64
    row: I64
    col: I64
    valid: Bool
    pixels: npt.NDArray[np.uint64]
    side: int


def leaks(places: TilePlaces, tile: int) -> Bool:
    """Return [N] which tiles may not serve as references of ``tile``.

    Those with the same pixels, those of the same photo that overlap it or are of another version
    of it, and, for a tile that is trained on, those kept for validation.
    """
    same_photo = places.photo == places.photo[tile]
    same_grid = places.version == places.version[tile]
    down = np.abs(places.row - places.row[tile]) < places.side
    across = np.abs(places.col - places.col[tile]) < places.side
    own = same_photo & (~same_grid | (down & across))
    twin = places.pixels == places.pixels[tile]
    held_out = places.valid & ~places.valid[tile]
    return np.asarray(own | twin | held_out)


def most_similar(similarity: F32, forbidden: Bool, count: int) -> I64:
    """Return the ``count`` permitted tiles of largest similarity [N], or fewer, the best first.

    Equal ones come in the order of the tiles.
    """
    permitted = np.where(forbidden, -np.inf, similarity)
    count = min(count, int((~forbidden).sum()))
    return np.argsort(-permitted, kind="stable")[:count]
