"""Bad input through the public functions: an error of a kind Python knows, in words that help.

Each row is a call, the kind of its error, and words of its text: the argument, and a remedy.
"""

import re

import pytest

import degrade
import sr_train
from degrade.errors import DegradeError
from tests.api import bad_networks, bad_pictures, bad_stores
from tests.api.conftest import Call, Workplace

ROWS = [*bad_pictures.ROWS, *bad_stores.ROWS, *bad_networks.ROWS]
NAMES = [name for name, *_ in ROWS]
CALLS = [row[1:] for row in ROWS]


def test_the_table_is_long_and_without_doubles() -> None:
    assert len({name for name, *_ in ROWS}) == len(ROWS) >= 60
    public = {*degrade.__all__, *sr_train.__all__}
    functions = {name for name in public if name[0].islower() and name[0] != "_"}
    assert len(functions) == 18


@pytest.mark.parametrize(("call", "kind", "argument", "remedy"), CALLS, ids=NAMES)
def test_bad_input_names_the_argument_and_the_remedy(
    place: Workplace, call: Call, kind: type[Exception], argument: str, remedy: str
) -> None:
    with pytest.raises(kind) as caught:
        call(place)
    text = str(caught.value)
    assert isinstance(caught.value, DegradeError)
    assert argument in text and remedy in text
    assert "\n" not in text
    assert "--" not in re.sub("`[^`]*`", "", text), "an option, where the caller has arguments"
