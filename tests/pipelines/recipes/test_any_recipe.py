"""Any recipe at all: it is loaded, or refused in one line that names the file and the field."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from degrade.errors import SettingsError
from pipelines.recipes.recipe import Recipe, load_recipe, print_recipe, shipped_recipes

FAST = settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
PRINTABLE = st.characters(exclude_categories=["C", "Zl", "Zp"])
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 300),
    st.integers(),
    st.floats(),
    st.text(max_size=8),
    st.dates(),
    st.binary(max_size=4),
    st.sampled_from(["bicubic", "estimated", "spectral", "kernelgan", "white", "demo", "../x"]),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(SCALARS, inner, max_size=3),
    max_leaves=5,
)


def _paths(schema: dict[str, Any], node: dict[str, Any]) -> list[tuple[str, ...]]:
    """Return the path of every field that a recipe can have, by its JSON schema."""
    if "$ref" in node:
        return _paths(schema, schema["$defs"][node["$ref"].rsplit("/", 1)[1]])
    found: list[tuple[str, ...]] = []
    for kind in ("anyOf", "oneOf", "allOf"):
        for option in node.get(kind, []):
            found += _paths(schema, option)
    for name, field in node.get("properties", {}).items():
        found += [(name,), *((name, *rest) for rest in _paths(schema, field))]
    return found


SCHEMA = Recipe.model_json_schema()
PATHS = sorted(set(_paths(SCHEMA, SCHEMA)))


@st.composite
def recipes(draw: Callable[[Any], Any]) -> dict[str, Any]:
    """Return a recipe's tree: a valid one in which some fields were set to anything."""
    data: dict[str, Any] = {
        "name": "mine",
        "scale": draw(st.sampled_from([2, 3, 4])),
        "stages": {"pairs": {"kernels": "bicubic", "tile": 48}},
    }
    for path in draw(st.lists(st.sampled_from(PATHS), max_size=4)):
        place = data
        for part in path[:-1]:
            if not isinstance(place.get(part), dict):
                place[part] = {}
            place = place[part]
        place[path[-1]] = draw(VALUES)
    if draw(st.booleans()):
        data[draw(SCALARS)] = draw(VALUES)
    return data


def loaded_or_refused(path: Path, assignments: list[str] | None = None) -> Recipe | str:
    """Load a recipe; a refusal must be one line that starts with the file."""
    try:
        return load_recipe(str(path), assignments or [])
    except SettingsError as error:
        text = str(error)
        assert "\n" not in text and text.strip() == text
        assert path.name in text or text.startswith("--set ") or ": is neither a recipe" in text
        assert len(text) < 6000
        return text


@pytest.mark.parametrize("key", ["a\nb", "\x85", "\u2028", "stages\r"])
def test_a_key_with_line_breaks_is_named_on_one_line(tmp_path: Path, key: str) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump({"name": "mine", "scale": 2, "stages": {}, key: 1}), "utf-8")
    found = loaded_or_refused(path)
    assert isinstance(found, str) and len(found.splitlines()) == 1 and f"{key!r}: unknown" in found


def test_the_paths_reach_every_stage() -> None:
    for path in (("scale",), ("stages", "noise", "patch"), ("stages", "kernels", "iterations")):
        assert path in PATHS
    assert ("stages", "train", "settings", "batch") in PATHS


@FAST
@given(data=recipes())
def test_a_tree_is_loaded_or_its_faults_are_named(tmp_path: Path, data: dict[str, Any]) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.dump(data, allow_unicode=True), encoding="utf-8", errors="replace")
    found = loaded_or_refused(path)
    if isinstance(found, Recipe):
        path.write_text(print_recipe(found), encoding="utf-8")
        assert loaded_or_refused(path) == found


@FAST
@given(path=st.sampled_from(PATHS), value=VALUES)
def test_a_wrong_field_is_named(tmp_path: Path, path: tuple[str, ...], value: Any) -> None:
    data: dict[str, Any] = {"name": "mine", "scale": 2, "stages": {"pairs": {}}}
    if path[1:2] == ("train",):
        data["stages"]["train"] = {"method": "esrgan"}
    place = data
    for part in path[:-1]:
        place = place.setdefault(part, {})
    place[path[-1]] = value
    file = tmp_path / "mine.yaml"
    file.write_text(yaml.dump(data), encoding="utf-8")
    found = loaded_or_refused(file)
    if isinstance(found, str):
        assert any(part in found for part in (*path[-2:], "line ")), found


@FAST
@given(recipe=st.sampled_from(shipped_recipes()), edits=st.data())
def test_a_shipped_recipe_with_changed_text(tmp_path: Path, recipe: str, edits: Any) -> None:
    text = print_recipe(load_recipe(recipe))
    for _ in range(edits.draw(st.integers(1, 3))):
        start = edits.draw(st.integers(0, len(text)))
        stop = start + edits.draw(st.integers(0, 9))
        text = text[:start] + edits.draw(st.text(max_size=5)) + text[stop:]
    file = tmp_path / "mine.yaml"
    file.write_bytes(text.encode("utf-8", "surrogatepass"))
    loaded_or_refused(file)


@FAST
@given(data=st.binary(max_size=60))
def test_any_bytes(tmp_path: Path, data: bytes) -> None:
    file = tmp_path / "mine.yaml"
    file.write_bytes(data)
    loaded_or_refused(file)


@FAST
@given(
    assignment=st.text(PRINTABLE, max_size=20)
    | st.builds(
        "{}={}".format, st.sampled_from([".".join(path) for path in PATHS]), st.text(max_size=8)
    )
)
def test_any_assignment(tmp_path: Path, assignment: str) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("name: mine\nscale: 2\nstages: {pairs: {}}\n")
    loaded_or_refused(file, [assignment])


@pytest.mark.parametrize(
    "text",
    [
        "[" * 5000,
        "a: " + "{b: " * 3000,
        "scale: " + "9" * 5000,
        "scale: 0x" + "f" * 9000,
        "name: mine\nscale: 2\nstages:\n  pairs: &a\n    tile: *a\n",
        "? [1, 2]\n: 3\n",
        "? 2020-01-01\n: 3\n",
        "scale: .nan",
        "scale: !!python/object/apply:os.system ['true']",
        "name: !!binary x",
        "--- 1\n--- 2\n",
        "%YAML 9.9\n---\nscale: 2",
        'name: "\\ud800"\nscale: 2\nstages: {pairs: {}}',
        "name: 'two\n\n  lines'\nscale: 2\nstages: {pairs: {}}",
        "name: mine\nscale: 2\ninclude: mine.yaml\nstages: {pairs: {}}",
        "name: mine\nscale: 2\ninclude: /etc/passwd\nstages: {pairs: {}}",
        'name: mine\nscale: 2\ninclude: "a\\0b"\nstages: {pairs: {}}',
        "name: mine\nscale: 2\ninclude: " + "n" * 5000 + "\nstages: {pairs: {}}",
        "name: " + "n" * 100000 + "\nscale: two\nstages: {pairs: {}}",
    ],
)
def test_texts_that_trip_parsers(tmp_path: Path, text: str) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(text)
    assert isinstance(loaded_or_refused(file), str)
