"""Matching of patches: for every patch of a query map, the most similar one of reference maps.

The one operation that SRNTT's feature swapping (Zhang et al. 2019, equation 3) and TTSR's relevance
embedding (Yang et al. 2020, equations 2 to 4) share: the inner product of normalised patches, its
maximum over the reference and where that is.

The inner product of two patches is the sum, over the offsets in a patch, of inner products of
single positions. So the product of single positions is computed once (a ninth of the work of
unfolded 3x3 patches) and added along diagonals, in blocks that never hold the whole matrix.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from degrade.errors import SettingsError

BLOCK = 2**22
"""Products held at a time: 16 MiB in float32; larger is slower, once out of the cache."""
GPU_BLOCK = 2**28
"""The same on a GPU, 1 GiB."""
SMALLEST_NORM = 1e-12
"""The same as torch's normalize has: an empty patch has similarity 0 to everything."""


@dataclass(frozen=True)
class Match:
    """The best match of every query patch; N = patches of the query, row by row.

    Attributes:
        reference: [B, N] int64, which reference it is in.
        index: [B, N] int64, its place among the patches of that reference, row by row.
        score: [B, N] float32, cosine of the two patches, in [-1, 1].
    """

    reference: Tensor
    index: Tensor
    score: Tensor


def match(
    query: Tensor,
    references: Sequence[Tensor],
    *,
    patch: int = 3,
    padding: int = 0,
    block: int | None = None,
) -> Match:
    """Find the most similar reference patch of every query patch.

    Equal similarities go to the first in order. Rounding may decide between patches whose
    similarities differ by less than 1e-6. On a GPU the products are in TensorFloat-32 where torch
    is told to use it (``torch.backends.cuda.matmul.allow_tf32``).

    Args:
        query: [B, C, h, w] features.
        references: One or more [B, C, H, W]; sizes may differ.
        patch: Side of a patch.
        padding: Zeros around the maps, as of `torch.nn.functional.unfold`.
        block: Products held at a time; memory grows with it, not with the references.

    Raises:
        SettingsError: A map is smaller than a patch.
    """
    for map_ in (query, *references):
        if min(map_.shape[-2:]) + 2 * padding < patch:
            size = "x".join(str(side) for side in map_.shape[-2:])
            raise SettingsError(
                f"matching: a feature map of {size} is smaller than a patch of {patch}; give a "
                "larger reference"
            )
    limit = block or (GPU_BLOCK if query.is_cuda else BLOCK)
    found = [
        [_match_one(_pad(query[b], padding), _pad(r[b], padding), patch, limit) for r in references]
        for b in range(len(query))
    ]
    scores = torch.stack([torch.stack([score for score, _ in row]) for row in found])
    places = torch.stack([torch.stack([index for _, index in row]) for row in found])
    score, reference = scores.max(dim=1)
    index = places.gather(1, reference[:, None])[:, 0]
    return Match(reference, index, score)


def _pad(features: Tensor, padding: int) -> Tensor:
    return F.pad(features.detach(), (padding,) * 4)


def _match_one(query: Tensor, reference: Tensor, patch: int, limit: int) -> tuple[Tensor, Tensor]:
    """Return the best cosine and its place for all patches of [C, h, w] in [C, H, W]."""
    rows, width = query.shape[1] - patch + 1, reference.shape[2] - patch + 1
    inverse = 1 / _patch_norms(reference, patch)
    rows_at_once = _rows_at_once(query, reference, patch, limit)
    best, places = [], []
    for top in range(0, rows, rows_at_once):
        band = query[:, top : top + rows_at_once + patch - 1]
        score = torch.full((1,), -torch.inf, device=query.device)
        place = torch.zeros(1, dtype=torch.int64, device=query.device)
        for first, part in _bands(reference, patch, rows_at_once):
            found, where = _similarities(band, part, inverse[first:], patch).max(dim=1)
            better = found > score
            score = torch.where(better, found, score)
            place = torch.where(better, where + first * width, place)
        best.append(score)
        places.append(place)
    return torch.cat(best) / _patch_norms(query, patch).flatten(), torch.cat(places)


def _rows_at_once(query: Tensor, reference: Tensor, patch: int, limit: int) -> int:
    """Return how many rows of patches, of query and reference alike, fit into a block."""
    rows = int((limit / (query.shape[2] * reference.shape[2])) ** 0.5)
    return max(1, rows - patch + 1)


def _bands(reference: Tensor, patch: int, rows: int) -> Iterator[tuple[int, Tensor]]:
    for first in range(0, reference.shape[1] - patch + 1, rows):
        yield first, reference[:, first : first + rows + patch - 1]


def _similarities(query: Tensor, reference: Tensor, inverse: Tensor, patch: int) -> Tensor:
    """Return [query patches, reference patches]: inner products over the reference's norms."""
    (channels, h, w), (_, big_h, big_w) = query.shape, reference.shape
    products = query.reshape(channels, -1).T @ reference.reshape(channels, -1)
    total = _along_diagonal(products.view(h, w, big_h, big_w), 1, 3, patch)
    total = _along_diagonal(total, 0, 2, patch)
    total *= inverse[: big_h - patch + 1]
    return total.reshape((h - patch + 1) * (w - patch + 1), -1)


def _along_diagonal(values: Tensor, axis: int, other: int, patch: int) -> Tensor:
    """Return the sums of ``patch`` values whose places on both axes step together."""
    count, other_count = (values.shape[a] - patch + 1 for a in (axis, other))

    def shifted(by: int) -> Tensor:
        return values.narrow(axis, by, count).narrow(other, by, other_count)

    total = shifted(0) + shifted(1) if patch > 1 else shifted(0).clone()
    for by in range(2, patch):
        total += shifted(by)
    return total


def _patch_norms(features: Tensor, patch: int) -> Tensor:
    """Return the Euclidean norms of all patches of [C, h, w], at least `SMALLEST_NORM`."""
    squares = features.square().sum(dim=0)[None, None]
    sums = F.avg_pool2d(squares, patch, stride=1)[0, 0] * patch**2
    return sums.sqrt().clamp_min(SMALLEST_NORM)
