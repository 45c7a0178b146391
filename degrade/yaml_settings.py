"""Settings from YAML: strict parsing, all faults at once, each with its field's path."""

import json
import re
from collections.abc import Hashable, Iterator, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar, get_args

import yaml
from pydantic import BaseModel, ValidationError

from degrade.errors import SettingsError

Model = TypeVar("Model", bound=BaseModel)


LONGEST_SHOWN = 200
"""Characters of a wrong value that a message repeats."""


class _StrictLoader(yaml.SafeLoader):
    """Safe YAML that refuses duplicate keys and reads 1e-4 as a number, as YAML 1.2 does."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        # Settings need no aliases, and a mapping that holds itself would never end.
        if self.check_event(yaml.AliasEvent):
            line = self.peek_event().start_mark.line + 1  # type: ignore[no-untyped-call]
            raise SettingsError(f"line {line}: aliases (*name) are not read; write the value out")
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, str):
                raise SettingsError(
                    f"line {key_node.start_mark.line + 1}: a key must be a word (or in quotes)"
                )
            if key in seen:
                raise SettingsError(
                    f"line {key_node.start_mark.line + 1}: key {key!r} stands twice; remove one"
                )
            seen.add(key)
        return super().construct_mapping(node, deep)


_StrictLoader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+$"),
    list("-+0123456789."),
)


def parse_yaml(text: str, name: str) -> dict[str, Any]:
    """Parse a YAML mapping.

    Raises:
        SettingsError: The text is no YAML, no mapping, or has a key twice.
    """
    try:
        data = yaml.load(text, Loader=_StrictLoader)
    except SettingsError as error:
        raise SettingsError(f"{name}: {error}") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" (line {mark.line + 1})" if mark else ""
        problem = getattr(error, "problem", None) or "cannot be parsed"
        raise SettingsError(f"{name}: is not valid YAML{where}: {problem}") from error
    except RecursionError as error:
        raise SettingsError(f"{name}: is nested too deeply for settings") from error
    except ValueError as error:  # a date, or a tagged number, that is none
        raise SettingsError(f"{name}: is not valid YAML: {error}") from error
    if data is None:
        return {}
    if not isinstance(data, dict):
        raise SettingsError(f"{name}: holds a {type(data).__name__}, expected keys and values")
    return data


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a file of settings as `parse_yaml` does."""
    try:
        return parse_yaml(path.read_text(encoding="utf-8"), str(path))
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "is not UTF-8 text"
        raise SettingsError(f"{path}: cannot be read ({reason})") from error


def validated(model: type[Model], data: Any, name: str) -> Model:
    """Build a settings model from parsed YAML.

    Raises:
        SettingsError: Any field is unknown, missing or wrong; the text lists all of them.
    """
    try:
        # JSON makes it strict about types ("64" and true are no numbers), but a list is a tuple.
        return model.model_validate_json(_as_json(data, name), strict=True)
    except ValidationError as error:
        every = error.errors()
        # A list whose items are wrong is no shorter for it, though pydantic says so.
        faults = [
            _fault(_path(fault["loc"], data), fault["type"], fault, model)
            for fault in every
            if not (fault["type"] == "too_short" and _is_within(fault["loc"], every))
        ]
        raise SettingsError(f"{name}: {'; '.join(faults)}") from None


def _is_within(place: tuple[int | str, ...], faults: Sequence[Any]) -> bool:
    """Return whether a fault lies inside the place."""
    return any(f["loc"] != place and f["loc"][: len(place)] == place for f in faults)


def _as_json(data: Any, name: str) -> str:
    try:
        return json.dumps(data, default=str)
    except (RecursionError, ValueError) as error:  # nested without end, or an endless number
        raise SettingsError(f"{name}: holds what no setting can be ({error})") from error


def override(data: dict[str, Any], assignments: Sequence[str]) -> dict[str, Any]:
    """Return settings with ``path.to.field=value`` assignments applied, values read as YAML.

    Raises:
        SettingsError: An assignment has no ``=``, or goes through a field that holds a value.
    """
    result = _copied(data)
    for assignment in assignments:
        path, equals, text = assignment.partition("=")
        if not equals or not path:
            raise SettingsError(f"--set {assignment}: write it as path.to.field=value")
        *parents, field = path.split(".")
        place = result
        for parent in parents:
            place = place.setdefault(parent, {})
            if not isinstance(place, dict):
                raise SettingsError(f"--set {assignment}: {parent} holds a value, not fields")
        place[field] = parse_yaml(f"value: {text}", f"--set {path}")["value"]
    return result


def merged(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Return settings with others laid over them, field by field down the tree."""
    result = _copied(base)
    for key, value in changes.items():
        old = result.get(key)
        if isinstance(old, dict) and isinstance(value, dict):
            result[key] = merged(old, value)
        else:
            result[key] = value
    return result


def _copied(data: dict[str, Any]) -> dict[str, Any]:
    return {k: _copied(v) if isinstance(v, dict) else v for k, v in data.items()}


def _path(location: tuple[int | str, ...], data: Any) -> str:
    """Write a fault's place as the user wrote it: without the names of a union's members."""
    parts, place = [], data
    for part, following in zip(location, (*location, None)[1:], strict=True):
        if isinstance(place, dict) and part not in place and following in place:
            continue
        # A key may hold line breaks, of which a message has none.
        parts.append(str(part) if str(part).isprintable() else repr(part))
        place = place.get(part) if isinstance(place, dict) else None
    return ".".join(parts)


def _fault(path: str, kind: str, fault: Any, model: type[BaseModel]) -> str:
    if kind == "extra_forbidden":
        known = " or ".join(meant(path, model))
        hint = f" (did you mean {known}?)" if known else ""
        return path if ": " in path else f"{path}: unknown key{hint}"
    if kind == "missing":
        return f"{path}: missing"
    if kind == "value_error":
        said = str(fault["ctx"]["error"])
        return f"{path}: {said}" if path else said
    message = str(fault["msg"])
    return f"{path or 'settings'}: {message[0].lower()}{message[1:]}, not {_shown(fault['input'])}"


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}..."


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
