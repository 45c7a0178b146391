"""Messages that were written for the command line, as a caller of functions needs them."""

import re

_OPTION = re.compile(r"--([a-z][a-z-]*)(?: (?!up\b|or\b|to\b)([a-z]+|\d[\d.]*))?")


def as_arguments(text: str) -> str:
    """Return a message with options as arguments: ``--max-variance 3`` is ``max_variance=3``."""
    return _OPTION.sub(_argument, text)


def _argument(found: re.Match[str]) -> str:
    name, value = found[1].replace("-", "_"), found[2]
    if value is None:
        return name
    return f"{name}={value}" if value[0].isdigit() else f'{name}="{value}"'
