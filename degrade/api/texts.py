"""Messages that were written for the command line, as a caller of functions needs them."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from degrade.errors import (
    NoStore,
    NothingToDo,
    SettingsError,
    StoreError,
    TrainingError,
    WeightsError,
)

_OPTION = re.compile(r"`[^`]*`|--([a-z][a-z-]*)(?: (?!up\b|or\b|to\b)([a-z]+|\d[\d.]*))?")


def as_arguments(text: str) -> str:
    """Return a message with options as arguments: ``--max-variance 3`` is ``max_variance=3``.

    Whole commands, which stand between backticks, stay as they are.
    """
    return _OPTION.sub(_argument, text)


@contextmanager
def in_arguments() -> Iterator[None]:
    """Let errors from inside name arguments instead of options, and a store's be values' errors."""
    try:
        yield
    except NoStore:
        raise
    except StoreError as error:
        raise NoStore(as_arguments(str(error))) from error
    except (NothingToDo, SettingsError, TrainingError, WeightsError) as error:
        text = as_arguments(str(error))
        if text == str(error):
            raise
        raise type(error)(text) from error


def _argument(found: re.Match[str]) -> str:
    if found[1] is None:
        return found[0]
    name, value = found[1].replace("-", "_"), found[2]
    if name.startswith("no_"):
        return f"{name.removeprefix('no_')}=False" + (f" {value}" if value else "")
    if value is None:
        return name
    return f"{name}={value}" if value[0].isdigit() else f'{name}="{value}"'
