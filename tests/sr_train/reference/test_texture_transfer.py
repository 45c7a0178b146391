"""Transfer against the textbook: unfold the reference, gather the matched columns, fold."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from sr_train.reference.matching import match
from sr_train.reference.texture_transfer import places, similarity, transfer
from tests.sr_train.reference.test_matching import maps, textbook


def folded(reference: Tensor, index: Tensor, size: tuple[int, int], r: int, padding: int) -> Tensor:
    """Return the sums of patches and how many overlap, as TTSR's released code lays them down."""
    columns = F.unfold(reference, 3 * r, padding=padding * r, stride=r)
    chosen = columns.gather(2, index[:, None].expand(-1, columns.shape[1], -1))
    out = (size[0] * r, size[1] * r)
    return F.fold(chosen, out, 3 * r, padding=padding * r, stride=r)


@pytest.mark.parametrize("ratio", [1, 2, 4])
@pytest.mark.parametrize("padding", [0, 1])
def test_transfer_is_gather_and_fold(ratio: int, padding: int) -> None:
    query, reference = maps(0, 2, 5, 6, 7), maps(1, 2, 5, 9, 8)
    fine = maps(2, 2, 3, 9 * ratio, 8 * ratio)
    found = match(query, [reference], padding=padding)
    at = places(found, (6, 7), [(9, 8)], padding=padding)
    sums = folded(fine, found.index, (6, 7), ratio, padding)
    torch.testing.assert_close(transfer([fine], at, ratio, divisor=9.0), sums / 9)
    overlaps = folded(torch.ones_like(fine), found.index, (6, 7), ratio, padding)
    if not padding:
        torch.testing.assert_close(transfer([fine], at, ratio), sums / overlaps)


def test_several_references_are_as_one_list_of_patches() -> None:
    query, references = maps(0, 1, 5, 6, 7), [maps(1, 1, 5, 9, 8), maps(2, 1, 5, 4, 5)]
    fine = [maps(3, 1, 2, 18, 16), maps(4, 1, 2, 8, 10)]
    found = match(query, references)
    assert found.reference.unique().tolist() == [0, 1]
    at = places(found, (6, 7), [(9, 8), (4, 5)])
    columns = torch.cat([F.unfold(each, 6, stride=2) for each in fine], dim=2)
    index = found.index + found.reference * (7 * 6)
    chosen = columns.gather(2, index[:, None].expand(-1, columns.shape[1], -1))
    sums = F.fold(chosen, (12, 14), 6, stride=2)
    overlaps = F.fold(torch.ones_like(chosen), (12, 14), 6, stride=2)
    torch.testing.assert_close(transfer(fine, at, 2), sums / overlaps)


def test_a_picture_is_its_own_texture() -> None:
    """With the query as the reference, swapping changes nothing, on any level."""
    query, fine = maps(0, 1, 16, 8, 9), maps(1, 1, 3, 32, 36)
    at = places(match(query, [query]), (8, 9), [(8, 9)])
    torch.testing.assert_close(transfer([fine], at, 4), fine)


def test_similarity_is_the_matched_cosine_and_has_its_gradient() -> None:
    query, reference = maps(0, 1, 5, 6, 7), maps(1, 1, 5, 9, 8)
    for each in (query, reference):
        each.requires_grad_()
    found = match(query, [reference], padding=1)
    at = places(found, (6, 7), [(9, 8)], padding=1)
    ours = similarity(query, [reference], at)
    torch.testing.assert_close(ours.flatten(1), found.score)
    weights = torch.randn(ours.shape, dtype=ours.dtype, generator=torch.Generator().manual_seed(5))
    mine = torch.autograd.grad((ours * weights).sum(), (query, reference))
    full = textbook(query, [reference], 3, 1).max(dim=1).values.view_as(ours)
    theirs = torch.autograd.grad((full * weights).sum(), (query, reference))
    for a, b in zip(mine, theirs, strict=True):
        torch.testing.assert_close(a, b)


def test_gradients_of_empty_patches_are_finite() -> None:
    query = torch.zeros(1, 2, 4, 4, dtype=torch.float64, requires_grad=True)
    at = places(match(query, [query]), (4, 4), [(4, 4)])
    (gradient,) = torch.autograd.grad(similarity(query, [query], at).sum(), query)
    assert gradient.isfinite().all()
