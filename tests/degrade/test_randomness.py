"""Counter-based randomness: equal arguments give equal draws everywhere, different ones do not."""

import subprocess
import sys
from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from degrade.randomness import derive, stream

KEYS = st.lists(st.one_of(st.text(max_size=8), st.integers()), max_size=4).map(tuple)
SEEDS = st.integers(0, 2**63)


@given(SEEDS, KEYS)
def test_equal_arguments_give_equal_draws(seed: int, key: tuple[str | int, ...]) -> None:
    assert np.array_equal(stream(seed, *key).integers(2**62, size=4), draws(seed, *key))
    assert derive(seed, *key) == derive(seed, *key)
    assert 0 <= derive(seed, *key) < 2**63


def test_different_arguments_give_different_draws() -> None:
    arguments: list[tuple[str | int, ...]] = [
        (0,),
        (1,),
        (0, "a"),
        (0, "b"),
        (0, "a", "b"),
        (0, "ab"),
        (0, "a", 1),
        (0, "a", "1"),
        (0, 1, "a"),
        (0, "a1"),
        (0, ""),
        (0, "", ""),
        (-1,),
    ]
    first = [tuple(draws(int(seed), *key)) for seed, *key in arguments]
    assert len(set(first)) == len(arguments)
    assert len({derive(int(seed), *key) for seed, *key in arguments}) == len(arguments)


def test_a_draw_depends_on_no_other_draw() -> None:
    alone = draws(3, "photo", 7)
    for other in range(7):
        draws(3, "photo", other)
    np.random.default_rng(0).integers(10)
    assert np.array_equal(draws(3, "photo", 7), alone)


def test_streams_of_neighbours_are_uncorrelated() -> None:
    values = np.stack([stream(0, "item", i).standard_normal(256) for i in range(64)])
    off_diagonal = np.corrcoef(values)[~np.eye(64, dtype=bool)]
    assert abs(off_diagonal.mean()) < 0.01 and np.abs(off_diagonal).max() < 0.35
    assert abs(values.mean()) < 0.03 and abs(values.std() - 1) < 0.03


def test_processes_agree() -> None:
    code = (
        "from degrade.randomness import derive, stream;"
        "print(derive(5, 'x', 2), *stream(5, 'x', 2).integers(2**62, size=4))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": str(Path(__file__).parents[2]), "PYTHONHASHSEED": "77"},
    )
    assert [int(word) for word in ended.stdout.split()] == [derive(5, "x", 2), *draws(5, "x", 2)]


def test_the_streams_stay_what_they_are() -> None:
    """Stores are resumed and remade by later versions: the draws are part of the contract."""
    assert derive(0, "kernel", "photo") == 4652332717482996208
    assert stream(0, "kernel", "photo").integers(1000, size=3).tolist() == [994, 629, 160]


def draws(seed: int, *key: str | int) -> list[int]:
    return stream(seed, *key).integers(2**62, size=4).tolist()
