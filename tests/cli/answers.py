"""What the tests of the command line ask of its answers."""

import json
import re
from typing import Any

from tests.conftest import Answer

PROGRESS = re.compile(r"^[a-z -]+: \d+ (of \d+ )?[a-z]+(,| in) ")


def refusal(answer: Answer) -> str:
    """Return the one line with which a command refused; progress may stand before it."""
    lines = [line for line in answer.err.splitlines() if not PROGRESS.match(line)]
    assert answer.code == 1, answer
    assert len(lines) == 1, answer.err
    assert lines[0].startswith("degrade: ")
    assert answer.out == ""
    return lines[0].removeprefix("degrade: ")


def one_object(answer: Answer) -> dict[str, Any]:
    """Return the JSON object that is all a command printed on stdout."""
    assert answer.code == 0, answer
    found = json.loads(answer.out)
    assert isinstance(found, dict)
    return found
