"""Find photos that are near duplicates: saved again, resized, cropped a little, of one burst.

Photos are compared by the signs of their low cosine frequencies, as by a library's perceptual hash
(ImageHash, OpenCV's contributed module). Those are of the whole photo: a crop by 5 % of each side
changes a quarter of the bits, as much as two scenes may differ by. Here 81 crops of the thumbnail
are hashed, too, by two products with a fixed matrix.
"""

from functools import cache

import cv2
import numpy as np

from degrade.arrays import F64, I64, U8, U64, Bool, Image
from degrade.images.scores import sampled

SIDE = 32
"""Side of a thumbnail, in pixels."""
_ORDERS = 16
_CUTS = (0.0, 0.025, 0.05)
"""Shares of a side that are cut off."""
_LIKELY = 17
"""Most of the lowest 64 signs that may differ for photos to be compared closely: of two whole
photos, or of one and the middle of the other as the largest crop leaves it."""
_ALIKE = 20
"""Most of all 135 signs that may differ between a near duplicate and the best crop. Of copies that
were cropped, halved and saved at quality 60, 99 % differ in fewer; distinct scenes differ in 37 or
more."""
_FAINT = 9.0
"""Size of a coefficient below which rounding the thumbnail may have made its sign."""
_BLOCK = 256
_PAIRS = 8192


def thumbnail(pixels: Image, sample: U8 | None = None) -> U8:
    """Return [32, 32] gray levels by which a photo is compared, whatever its shape.

    Args:
        pixels: [H, W, 3].
        sample: As `sampled` gives it, enough for a thumbnail; None samples here.
    """
    whole = sampled(pixels) if sample is None else sample
    small = cv2.resize(whole, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), np.uint8)


def near_duplicates(thumbnails: U8) -> I64:
    """Group photos by their thumbnails.

    Every two are compared, as whole arrays of integers: 100,000 photos take minutes, and what is
    found depends on nothing but the thumbnails and their order.

    Args:
        thumbnails: [N, 32, 32], as `thumbnail` gives them. One without structure, as of a lens
            cap, is a near duplicate of none.

    Returns:
        [N] the first photo of each one's group; its own number where it is alone.
    """
    outlines, clear = _outlines(thumbnails)
    crops = _Crops(thumbnails)
    first = np.arange(len(thumbnails))
    kept = np.flatnonzero(clear)
    whole, middle = outlines[kept].T
    for start in range(0, len(kept), _BLOCK):
        rows = slice(start, start + _BLOCK)
        likely = _differing(whole[rows], whole[start:]) <= _LIKELY
        likely |= _differing(whole[rows], middle[start:]) <= _LIKELY
        likely |= _differing(middle[rows], whole[start:]) <= _LIKELY
        one, other = (kept[start + where] for where in np.nonzero(likely))
        apart = (one < other) & (first[one] != first[other])
        one, other = one[apart], other[apart]
        alike = _are_alike(crops.of(one, other), one, other)
        first = _joined(first, one[alike], other[alike])
    return first


def _differing(one: U64, other: U64) -> U8:
    return np.asarray(np.bitwise_count(one[:, None] ^ other), np.uint8)


def _joined(first: I64, one: I64, other: I64) -> I64:
    """Merge the groups of pairs of photos."""
    if not len(one):
        return first
    from scipy.sparse import coo_array  # a tenth of a second, which most folders are spared
    from scipy.sparse.csgraph import connected_components

    edges = (np.ones(len(one), np.int8), (first[one], first[other]))
    _, label = connected_components(coo_array(edges, shape=(len(first),) * 2), directed=False)
    lead = np.full(label.max() + 1, len(first))
    np.minimum.at(lead, label, np.arange(len(first)))
    joined: I64 = lead[label[first]]
    return joined


def _are_alike(signs: U64, one: I64, other: I64) -> Bool:
    """Tell of pairs of photos whether either, whole, is like some crop of the other."""
    parts = [slice(start, start + _PAIRS) for start in range(0, len(one), _PAIRS)]
    nearest = [
        np.minimum(_nearest(signs, one[part], other[part]), _nearest(signs, other[part], one[part]))
        for part in parts
    ]
    return np.concatenate([np.zeros(0, np.int64), *nearest]) <= _ALIKE


def _nearest(signs: U64, cropped: I64, whole: I64) -> I64:
    differing = np.bitwise_count(signs[cropped] ^ signs[whole, :1])
    nearest: I64 = differing.sum(axis=2, dtype=np.int64).min(axis=1)
    return nearest


def _outlines(thumbnails: U8) -> tuple[U64, Bool]:
    """Return the lowest 64 signs of each whole and of its middle, [N, 2]; and which are clear."""
    outlines = np.zeros((len(thumbnails), 2), np.uint64)
    clear = np.zeros(len(thumbnails), bool)
    for start in range(0, len(thumbnails), _BLOCK):
        block = slice(start, start + _BLOCK)
        found = _coefficients(thumbnails[block], (0, -1))[:, [0, -1]]
        clear[block] = np.median(np.abs(found[:, 0]), axis=1) > _FAINT
        outlines[block] = _packed(found)[..., 0]
    return outlines, clear


class _Crops:
    """The signs of every crop of thumbnails, [N, 81, 3] words, the whole first.

    They are made of those that are asked for: most photos are like no other.
    """

    def __init__(self, thumbnails: U8) -> None:
        self._thumbnails = thumbnails
        self._signs = np.zeros((len(thumbnails), len(_CUTS) ** 4, 3), np.uint64)
        self._made = np.zeros(len(thumbnails), bool)

    def of(self, *photos: I64) -> U64:
        """Return the signs, right for some of the photos at least."""
        asked = np.unique(np.concatenate(photos))
        fresh = asked[~self._made[asked]]
        self._made[fresh] = True
        for start in range(0, len(fresh), _BLOCK):
            block = fresh[start : start + _BLOCK]
            self._signs[block] = _packed(_coefficients(self._thumbnails[block], slice(None)))
        return self._signs


def _packed(coefficients: F64) -> U64:
    """Return the signs [n, c, 3] of coefficients [n, c, 135], 64 in a word."""
    words = np.zeros((*coefficients.shape[:2], 3), np.uint64)
    bits = np.packbits(coefficients > 0, axis=2)
    words.view(np.uint8)[..., : bits.shape[2]] = bits
    return words


def _coefficients(thumbnails: U8, cuts: tuple[int, ...] | slice) -> F64:
    """Return the cosine transform of crops of [n, 32, 32], low frequencies first.

    ``cuts`` are of `_basis`: every two of them, down and across, are a crop.
    """
    basis = _basis()[cuts, :].reshape(-1, SIDE)
    crops = len(basis) // _ORDERS
    both = (basis @ thumbnails.astype(np.float64) @ basis.T).reshape(
        -1, crops, _ORDERS, crops, _ORDERS
    )
    y, x = np.mgrid[:_ORDERS, :_ORDERS].reshape(2, -1)
    order = np.argsort(y + x, kind="stable")[1 : _ORDERS * (_ORDERS + 1) // 2]
    moved = both.transpose(0, 1, 3, 2, 4).reshape(-1, crops * crops, _ORDERS * _ORDERS)
    # What rounding leaves of a zero must not decide a sign.
    found: F64 = np.round(moved[:, :, order], 3)
    return found


@cache
def _basis() -> F64:
    """Return [9, 16, 32]: cosines over what each two cuts leave of a side, free of its mean."""
    fine = 8
    place = (np.arange(SIDE * fine) + 0.5) / (SIDE * fine)
    rows = []
    for before in _CUTS:
        for after in _CUTS:
            inside = (place > before) & (place < 1 - after)
            phase = np.pi * (place - before) / (1 - before - after)
            waves = np.cos(np.arange(_ORDERS)[:, None] * phase) * inside
            waves[1:] -= waves[1:].sum(axis=1, keepdims=True) / inside.sum() * inside
            rows.append(waves.reshape(_ORDERS, SIDE, fine).mean(axis=2))
    return np.stack(rows)
