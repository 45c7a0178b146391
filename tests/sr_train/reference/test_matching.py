"""Matching against the textbook: unfold both maps, normalise, multiply, take the maximum."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from degrade.errors import SettingsError
from sr_train.reference.matching import match


def maps(seed: int, *shape: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64).relu()


def textbook(query: Tensor, references: list[Tensor], patch: int, padding: int) -> Tensor:
    """Return all cosines [B, patches of all references, patches of the query]."""
    unfolded = [F.unfold(reference, patch, padding=padding) for reference in references]
    keys = F.normalize(torch.cat(unfolded, dim=2), dim=1)
    return keys.transpose(1, 2) @ F.normalize(F.unfold(query, patch, padding=padding), dim=1)


@pytest.mark.parametrize("block", [1, 2000, 2**22])
@pytest.mark.parametrize(("patch", "padding"), [(3, 1), (3, 0), (1, 0), (5, 2)])
def test_the_full_matrix_has_the_same_maxima(patch: int, padding: int, block: int) -> None:
    query, references = maps(0, 2, 8, 7, 9), [maps(1, 2, 8, 11, 6), maps(2, 2, 8, 5, 8)]
    found = match(query, references, patch=patch, padding=padding, block=block)
    score, place = textbook(query, references, patch, padding).max(dim=1)
    torch.testing.assert_close(found.score, score, rtol=0, atol=1e-12)
    first = (11 + 2 * padding - patch + 1) * (6 + 2 * padding - patch + 1)
    assert torch.equal(found.index + first * found.reference, place)


def test_float32_finds_what_float64_finds() -> None:
    query, reference = maps(0, 1, 64, 20, 20), maps(1, 1, 64, 30, 30)
    exact = match(query, [reference], padding=1)
    found = match(query.float(), [reference.float()], padding=1)
    torch.testing.assert_close(found.score.double(), exact.score, rtol=0, atol=1e-6)
    assert (found.index == exact.index).all()


def test_a_map_matches_itself_place_by_place() -> None:
    features = maps(0, 1, 16, 12, 10)
    found = match(features, [features])
    assert torch.equal(found.index[0], torch.arange(10 * 8))
    torch.testing.assert_close(found.score, torch.ones_like(found.score))


def test_equal_patches_go_to_the_first() -> None:
    """Within a reference, and among references."""
    query = maps(0, 1, 4, 3, 3)
    twice = torch.cat([query, query], dim=3)
    found = match(query, [maps(1, 1, 4, 3, 3), twice, query])
    assert found.reference.item() == 1 and found.index.item() == 0


def test_empty_patches_match_nothing() -> None:
    found = match(maps(0, 1, 4, 5, 5), [torch.zeros(1, 4, 5, 5, dtype=torch.float64)])
    assert torch.equal(found.score, torch.zeros_like(found.score))


def test_a_reference_smaller_than_a_patch() -> None:
    text = r"matching: a feature map of 2x9 is smaller than a patch of 3; give a larger reference"
    with pytest.raises(SettingsError, match=text):
        match(maps(0, 1, 4, 5, 5), [maps(1, 1, 4, 5, 5), maps(1, 1, 4, 2, 9)])
