"""Transfer of texture: reference maps rearranged so that each query patch gets its match.

SRNTT's feature swapping (Zhang et al. 2019, equation 4) and TTSR's hard attention (Yang et al.
2020, equation 5) are the same: lay every query patch's matched patch down at the query's place and
add where they overlap. SRNTT divides by how many overlap; TTSR's released code by 9 everywhere.

At maps r times finer than those that were matched, patches and steps are r times larger. There all
r x r pixels of a coarse position travel together (pixel unshuffle), and no patch is ever unfolded:
memory is that of the maps themselves.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from sr_train.reference.matching import SMALLEST_NORM, Match


@dataclass(frozen=True)
class Places:
    """Where the matched patches of a query lie among the positions of all references.

    Positions are those of the coarse maps, padded, row by row, one reference after the other.

    Attributes:
        first: [B, rows, cols] int64, position of the top-left corner of each patch's match.
        stride: [B, rows, cols] int64, positions in a row of the reference it is in.
        patch: Side of a patch.
        padding: Zeros around query and references.
    """

    first: Tensor
    stride: Tensor
    patch: int
    padding: int

    def offsets(self) -> Iterator[tuple[int, int, Tensor]]:
        """Yield (row, col) in the patch, and the positions of that element of all matches."""
        for row in range(self.patch):
            for col in range(self.patch):
                yield row, col, self.first + row * self.stride + col


def places(
    match: Match,
    query: tuple[int, int],
    references: Sequence[tuple[int, int]],
    *,
    patch: int = 3,
    padding: int = 0,
) -> Places:
    """Return where matches lie.

    Args:
        match: What `sr_train.reference.matching.match` found.
        query: Height and width of the query map.
        references: Height and width of each reference map.
        patch: As it was matched with.
        padding: As it was matched with.
    """
    device = match.index.device
    padded = [(height + 2 * padding, width + 2 * padding) for height, width in references]
    starts = torch.tensor([0, *(h * w for h, w in padded)], device=device).cumsum(0)[:-1]
    widths = torch.tensor([width for _, width in padded], device=device)
    width = widths[match.reference]
    per_row = width - patch + 1
    row, col = match.index // per_row, match.index % per_row
    first = starts[match.reference] + row * width + col
    shape = (-1, query[0] + 2 * padding - patch + 1, query[1] + 2 * padding - patch + 1)
    return Places(first.view(shape), width.view(shape), patch, padding)


def transfer(
    maps: Sequence[Tensor], places: Places, ratio: int = 1, *, divisor: float | None = None
) -> Tensor:
    """Return reference maps rearranged into the query's places; differentiable in the maps.

    Args:
        maps: One per reference, [B, C, r*H, r*W] for a matched map of HxW.
        places: Where the matches lie.
        ratio: r.
        divisor: What sums of overlapping patches are divided by; None = by how many overlap.

    Returns:
        [B, C, r*h, r*w] for a coarse query map of h x w.
    """
    positions = _joined([_positions(each, ratio, places.padding) for each in maps])
    batch, rows, cols = places.first.shape
    reach = places.patch - 1
    total = positions.new_zeros(batch, rows + reach, cols + reach, positions.shape[2])
    count = positions.new_zeros(rows + reach, cols + reach, 1)
    of_batch = torch.arange(batch, device=positions.device)[:, None, None]
    for row, col, where in places.offsets():
        total[:, row : row + rows, col : col + cols] += positions[of_batch, where]
        count[row : row + rows, col : col + cols] += 1
    mean = total / (count if divisor is None else divisor)
    cut = places.padding
    inner = mean[:, cut : rows + reach - cut, cut : cols + reach - cut]
    return F.pixel_shuffle(inner.permute(0, 3, 1, 2), ratio)


def similarity(query: Tensor, references: Sequence[Tensor], places: Places) -> Tensor:
    """Return the cosine of each query patch and its match, [B, rows, cols]; differentiable in both.

    The maxima that `sr_train.reference.matching.match` finds are numbers only; TTSR trains its
    texture extractor through them.

    Args:
        query: [B, C, h, w], the map that was matched.
        references: [B, C, H, W] each, those that it was matched with.
        places: Where the matches lie.
    """
    own = F.pad(query, (places.padding,) * 4).permute(0, 2, 3, 1)
    others = _joined([_positions(each, 1, places.padding) for each in references])
    batch, rows, cols = places.first.shape
    of_batch = torch.arange(batch, device=query.device)[:, None, None]
    product = query.new_zeros(batch, rows, cols)
    squares = [query.new_zeros(batch, rows, cols) for _ in range(2)]
    for row, col, where in places.offsets():
        a, b = own[:, row : row + rows, col : col + cols], others[of_batch, where]
        product = product + (a * b).sum(dim=3)
        squares = [squares[0] + a.square().sum(dim=3), squares[1] + b.square().sum(dim=3)]
    # The root of 0 has no gradient.
    norms = [value.clamp_min(SMALLEST_NORM**2).sqrt() for value in squares]
    return product / (norms[0] * norms[1])


def _joined(positions: list[Tensor]) -> Tensor:
    return positions[0] if len(positions) == 1 else torch.cat(positions, dim=1)


def _positions(features: Tensor, ratio: int, padding: int) -> Tensor:
    """Return maps as one row of C * ratio^2 numbers per padded coarse position, [B, P, C r^2]."""
    batch, channels, height, width = features.shape
    rows, cols = height // ratio, width // ratio
    shape = (batch, rows + 2 * padding, cols + 2 * padding, channels, ratio, ratio)
    # Written in place: maps of five references take a third of a gigabyte, each copy as much.
    positions = features.new_zeros(shape)
    blocks = features.view(batch, channels, rows, ratio, cols, ratio).permute(0, 2, 4, 1, 3, 5)
    positions[:, padding : padding + rows, padding : padding + cols] = blocks
    return positions.view(batch, -1, channels * ratio**2)
