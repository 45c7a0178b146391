"""Full paths of a settings model's fields, and which of them a wrong key may have meant."""

from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any, get_args

from pydantic import BaseModel

_SIMILAR = 0.8
"""difflib's likeness of two spellings, 0 to 1, from which one is suggested for the other."""
_MOST = 5


def meant(path: str, model: type[BaseModel]) -> list[str]:
    """Return the full paths of settings whose last part is that of ``path``, or spelt nearly so.

    Those of the same spelling come first, alone where there are some.
    """
    last = path.rpartition(".")[2]
    known = list(dict.fromkeys(_paths(model)))
    same = [one for one in known if one.rpartition(".")[2] == last and one != path]
    lasts = {one.rpartition(".")[2] for one in known}
    near = get_close_matches(last, lasts, n=_MOST, cutoff=_SIMILAR)
    return (same or [one for one in known if one.rpartition(".")[2] in near])[:_MOST]


def _paths(model: type[BaseModel], before: str = "") -> Iterator[str]:
    for name, field in model.model_fields.items():
        yield before + name
        for inner in _models(field.annotation):
            yield from _paths(inner, f"{before}{name}.")


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    """Yield the models that a type is, or is made of."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models(part)
