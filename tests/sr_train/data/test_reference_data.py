"""References in batches: those of the crop's pair, whole, turned by themselves, reproducible."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch

from degrade.errors import SettingsError
from sr_train.data.training_data import TrainingData, training_data
from sr_train.settings.common import ReferenceTraining, StageSettings
from tests.sr_train.arrays import ArrayTiles

CPU = torch.device("cpu")
ALL = slice(None)


class OneStage(ReferenceTraining):
    only: StageSettings = StageSettings(
        steps=1, learning_rate=1e-3, betas=(0.9, 0.9), milestones=()
    )


@dataclass(frozen=True)
class ArrayReferences:
    hr: ArrayTiles
    count: int
    content: str = "references"


def settings(**fields) -> OneStage:
    return OneStage(**({"crop": 16, "batch": 6, "references": 2} | fields))


@pytest.fixture
def stored(make_pairs) -> tuple:
    """Three references of each pair; the upper left corner's pixel names the pair and the rank."""
    pairs = make_pairs(4, tile=32, count=4)
    tiles = np.random.default_rng(0).integers(0, 200, (12, 32, 32, 3), dtype=np.uint8)
    tiles[:, 0, 0, 0] = 201 + np.arange(12)
    return pairs, ArrayReferences(ArrayTiles(tiles), 3)


def data(stored, **fields) -> TrainingData:
    pairs, references = stored
    return training_data(pairs, None, settings(**fields), references=references)


def origins(references: torch.Tensor) -> list[list[int]]:
    """Return which stored tile each reference is, whatever way it is turned."""
    marks = (references[:, :, 0] * 255).round().amax((2, 3))
    return (marks - 201).int().tolist()


def pair_of(hr: torch.Tensor, stored) -> int:
    """Return which pair a crop of 16 pixels is of, by its sorted values."""
    tiles = stored[0].hr.array
    mean = (hr * 255).round().permute(1, 2, 0).numpy()
    for pair, tile in enumerate(tiles):
        for row in range(0, 17, 4):
            for col in range(0, 17, 4):
                crop = tile[row : row + 16, col : col + 16]
                if np.array_equal(np.sort(crop.reshape(-1, 3), 0), np.sort(mean.reshape(-1, 3), 0)):
                    return pair
    raise AssertionError("of no pair")


def test_references_are_whole_tiles_of_the_crops_pair(stored) -> None:
    seen = set()
    for step in range(8):
        batch = data(stored).batch(step, ALL, CPU)
        assert batch.references is not None and batch.references.shape == (6, 2, 3, 32, 32)
        for hr, chosen in zip(batch.hr, origins(batch.references), strict=True):
            assert {tile // 3 for tile in chosen} == {pair_of(hr, stored)}
            assert len(set(chosen)) == 2, "drawn without replacement"
            seen.add(tuple(tile % 3 for tile in chosen))
    assert len(seen) == 6, "every choice of two in three, in either order"


def test_references_turn_by_themselves_in_all_eight_ways(stored) -> None:
    tile = stored[1].hr.array
    ways = set()
    for step in range(12):
        references = data(stored, references=1).batch(step, ALL, CPU).references
        assert references is not None
        for picture, (origin,) in zip(references[:, 0], origins(references), strict=True):
            plain = torch.from_numpy(tile[origin]).permute(2, 0, 1) / 255
            turns = [torch.rot90(p, k, (1, 2)) for p in (plain, plain.flip(2)) for k in range(4)]
            found = [i for i, turn in enumerate(turns) if torch.equal(turn, picture)]
            assert len(found) == 1
            ways.add(found[0])
    assert len(ways) == 8
    still = data(stored, flips=False).batch(0, ALL, CPU).references
    assert still is not None and (still[:, :, 0, 0, 0] * 255).min() > 200


def test_a_share_gets_the_references_of_its_crops(stored) -> None:
    whole = data(stored).batch(3, ALL, CPU)
    parts = [data(stored).batch(3, slice(at, at + 3), CPU) for at in (0, 3)]
    assert whole.references is not None
    assert torch.equal(whole.references, torch.cat([part.references for part in parts]))
    assert torch.equal(whole.hr, torch.cat([part.hr for part in parts]))


def test_references_depend_on_seed_and_step_alone(stored) -> None:
    first, again = (data(stored).batch(2, ALL, CPU).references for _ in range(2))
    others = [data(stored).batch(1, ALL, CPU), data(stored, seed=1).batch(2, ALL, CPU)]
    assert torch.equal(first, again)
    assert not any(torch.equal(first, other.references) for other in others)


def test_validation_has_the_best_references(stored) -> None:
    batch = data(stored).validation(CPU)
    assert origins(batch.references) == [[9, 10]], "of pair 3, the only valid one"


def test_unrelated_crops_get_references_of_another_trained_pair(stored) -> None:
    kept = data(stored).batch(5, ALL, CPU)
    assert kept.related is None
    whole = data(stored, unrelated=1.0).batch(5, ALL, CPU)
    assert torch.equal(kept.hr, whole.hr), "crops stay the same"
    assert whole.related is not None and not whole.related.any()
    seen = set()
    for step in range(8):
        batch = data(stored, unrelated=1.0).batch(step, ALL, CPU)
        for hr, chosen in zip(batch.hr, origins(batch.references), strict=True):
            (other,) = {tile // 3 for tile in chosen}
            seen.add((pair_of(hr, stored), other))
    assert seen == {(a, b) for a in range(3) for b in range(3) if a != b}, "3 is kept back"


def test_related_says_whose_references_are_their_own(stored) -> None:
    some = [data(stored, unrelated=0.3).batch(step, ALL, CPU) for step in range(40)]
    related = torch.cat([batch.related for batch in some])
    assert 0.6 < related.float().mean() < 0.8
    for batch in some[:5]:
        for hr, chosen, own in zip(batch.hr, origins(batch.references), batch.related, strict=True):
            assert ({tile // 3 for tile in chosen} == {pair_of(hr, stored)}) == bool(own)
    parts = [data(stored, unrelated=0.3).batch(3, slice(at, at + 3), CPU) for at in (0, 3)]
    for name in ("related", "references"):
        assert torch.equal(getattr(some[3], name), torch.cat([getattr(p, name) for p in parts]))
    assert torch.equal(some[3].part(2, 4).related, some[3].related[2:4])
    assert torch.equal(
        data(stored, unrelated=1.0).validation(CPU).references,
        data(stored).validation(CPU).references,
    )


def test_unrelated_references_need_another_pair(make_pairs, stored) -> None:
    alone = make_pairs(4, tile=32, count=2)
    with pytest.raises(SettingsError, match=r"unrelated is 0\.5 and only one pair is trained on"):
        data((alone, stored[1]), unrelated=0.5)


def test_content_hashes_distinguish_references(stored) -> None:
    other = (stored[0], replace(stored[1], content="others"))
    assert data(stored).content != data(other).content


def test_too_few_or_no_references(stored) -> None:
    with pytest.raises(SettingsError) as caught:
        data(stored, references=4)
    assert str(caught.value) == (
        "references is 4, the store has 3 of each pair: set references to at most 3, or run "
        "`degrade build-references --count 4 --overwrite`"
    )
    with pytest.raises(SettingsError, match="learns from references: run `degrade build-ref"):
        data((stored[0], None))
