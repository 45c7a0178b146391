"""Limits on scores: what an expression means, and what is none."""

import pytest
from hypothesis import given
from hypothesis import strategies as some
from pydantic import ValidationError

from degrade.images.keep import SCORES, Keep, Limit
from degrade.images.policy import KEEP, Selection

LIMITS = some.builds(
    Limit,
    some.sampled_from(sorted(SCORES)),
    some.sampled_from(["<", "<=", ">", ">="]),
    some.floats(-10, 10).map(lambda number: float(f"{number:g}")),
)
KEEPS = some.builds(Keep, some.lists(LIMITS, max_size=4).map(tuple))
VALUES = some.fixed_dictionaries({name: some.floats(0, 10) for name in SCORES})


@given(KEEPS)
def test_what_is_written_is_read_again(keep: Keep) -> None:
    assert Keep.of(str(keep)) == keep


@given(KEEPS, VALUES)
def test_a_photo_is_kept_if_every_limit_holds(keep: Keep, values: dict[str, float]) -> None:
    holds = {"<": float.__lt__, "<=": float.__le__, ">": float.__gt__, ">=": float.__ge__}
    failed = [o for o in keep.limits if not holds[o.comparison](values[o.score], o.number)]
    fault = keep.fault(values)
    assert bool(fault) == bool(failed)
    assert all(limit.score in fault and f"{limit.number:g}" in fault for limit in failed)


def test_spaces_and_capitals_do_not_matter() -> None:
    plain = Keep.of("sharpness > 0.1 and clipped < 0.2")
    assert Keep.of("sharpness>.1  AND Clipped<2e-1") == plain
    assert plain.fault(dict.fromkeys(SCORES, 0.1)) == (
        "is left out by its scores (sharpness 0.1, not > 0.1)"
    )
    assert Keep.of(" ") == Keep() and Keep().fault({}) == ""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("sharp > 1", "'sharp' is no score; known are sharpness, blockiness, clipped, flat"),
        ("sharpness", "'sharpness' is no limit; write a score, a comparison (<, <=, >, >=)"),
        ("sharpness > 1 or clipped < 2", "is no limit; write a score"),
        ("sharpness > 1 and", "'' is no limit"),
        ("sharpness == 1", "is no limit"),
        ("sharpness > nan", "is no limit"),
        ("__import__('os') > 1", "is no limit"),
        ("0.1 < sharpness < 2", "is no limit"),
    ],
)
def test_what_is_none_is_refused(text: str, said: str) -> None:
    with pytest.raises(ValueError) as error:
        Keep.of(text)
    assert said in str(error.value) and "\n" not in str(error.value)
    for field in ("keep", "keep_target"):
        with pytest.raises(ValidationError):
            Selection(**{field: text})


def test_the_default_is_written_as_all_are() -> None:
    assert Selection().keep == KEEP == str(Keep.of(KEEP))
    assert Selection(keep="flat<.5").keep == "flat < 0.5"
