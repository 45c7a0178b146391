"""Settings from YAML: what is read, what is refused, and that every fault is an error of ours."""

from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field

from degrade.errors import SettingsError
from degrade.yaml_settings import meant, override, parse_yaml, read_yaml, validated


class Inner(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    rate: float = Field(gt=0)
    kind: Literal["a", "b"] = "a"


class Outer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    inner: Inner
    count: int = 1


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-4", 1e-4),
        ("2E3", 2000.0),
        (".5e-2", 5e-3),
        ("-1e+2", -100.0),
        ("1.5", 1.5),
        ("3", 3),
        ("1e", "1e"),
        ("e4", "e4"),
        ("yes", True),
        ("no-noise", "no-noise"),
        ("[1, 2e-1]", [1, 0.2]),
        ("", None),
    ],
)
def test_values(text: str, value: object) -> None:
    found = parse_yaml(f"key: {text}", "x")["key"]
    assert found == value and type(found) is type(value)


def test_an_empty_text_holds_nothing() -> None:
    assert parse_yaml("", "x") == parse_yaml("# only a comment\n", "x") == {}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- a\n- b", "x: holds a list, expected keys and values"),
        ("only words", "x: holds a str, expected keys and values"),
        ("a: [1", r"x: is not valid YAML \(line 1\)"),
        ("a: 1\n b: 2", r"x: is not valid YAML \(line 2\)"),
        ("a: 1\nb: {c: 1, c: 2}", "x: line 2: key 'c' stands twice; remove one"),
        ("a: 1\na: 1", "x: line 2: key 'a' stands twice; remove one"),
        ("a: !!python/object:os.system x", "x: is not valid YAML"),
        ("a: \x00", "x: is not valid YAML"),
        ("? [a]\n: b", "^x: "),
        ("? {a: b}\n: c", "^x: "),
        ("a: 2020-13-45", "^x: "),
        ("a: !!int one", "^x: "),
        ("a: !!float x", "^x: "),
        ("a: " + "9" * 5000, "^x: "),
    ],
)
def test_texts_that_are_no_settings(text: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message) as refused:
        parse_yaml(text, "x")
    assert "\n" not in str(refused.value)


def test_a_mapping_that_holds_itself() -> None:
    with pytest.raises(SettingsError, match=r"^x: "):
        validated(Outer, override(parse_yaml("inner: &i\n  rate: *i", "x"), []), "x")


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"none.yaml: cannot be read \(No such file"):
        read_yaml(tmp_path / "none.yaml")
    with pytest.raises(SettingsError, match=r"cannot be read \(Is a directory\)"):
        read_yaml(tmp_path)
    (tmp_path / "latin.yaml").write_bytes("grün: 1".encode("latin-1"))
    with pytest.raises(SettingsError, match=r"latin.yaml: cannot be read \(is not UTF-8 text\)"):
        read_yaml(tmp_path / "latin.yaml")


def test_all_faults_stand_in_one_line_with_their_paths() -> None:
    data = {"inner": {"rate": -1, "kind": "c", "extra": 0}, "count": "many", "colour": "red"}
    with pytest.raises(SettingsError) as refused:
        validated(Outer, data, "mine.yaml")
    said = str(refused.value)
    assert said.startswith("mine.yaml: ") and "\n" not in said
    for part in (
        "inner.rate: input should be greater than 0, not -1",
        "inner.kind: input should be 'a' or 'b', not 'c'",
        "inner.extra: unknown key",
        "count: ",
        "not 'many'",
        "colour: unknown key",
    ):
        assert part in said
    with pytest.raises(SettingsError, match="x: inner: missing"):
        validated(Outer, {}, "x")


def test_a_wrong_item_is_one_fault_but_an_empty_list_is_too() -> None:
    class Listed(BaseModel):
        kinds: tuple[Literal["a", "b"], ...] = Field(min_length=1)

    with pytest.raises(SettingsError) as refused:
        validated(Listed, {"kinds": ["c"]}, "x")
    assert str(refused.value) == "x: kinds.0: input should be 'a' or 'b', not 'c'"
    with pytest.raises(SettingsError, match="kinds: tuple should have at least 1 item"):
        validated(Listed, {"kinds": []}, "x")


def test_assignments() -> None:
    data = {"inner": {"rate": 1.0}, "count": 1}
    changed = override(data, ["inner.rate=1e-3", "count=4", "new.deep.field=[1, 2]"])
    assert changed == {"inner": {"rate": 1e-3}, "count": 4, "new": {"deep": {"field": [1, 2]}}}
    assert data == {"inner": {"rate": 1.0}, "count": 1}, "the given mapping is left alone"
    assert override({}, ["a=x=y"]) == {"a": "x=y"}
    assert override({}, ["a="]) == {"a": None}
    assert override({"a": 1}, ["a=2", "a=3"]) == {"a": 3}


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("count", "--set count: write it as path.to.field=value"),
        ("=1", "--set =1: write it as path.to.field=value"),
        ("count.deep=1", "--set count.deep=1: count holds a value, not fields"),
        ("count=[1", "--set count: is not valid YAML"),
        ("count={a: 1, a: 2}", "--set count: line 1: key 'a' stands twice"),
    ],
)
def test_assignments_that_cannot_be_made(assignment: str, message: str) -> None:
    with pytest.raises(SettingsError) as refused:
        override({"count": 1}, [assignment])
    assert str(refused.value).startswith(message)


@given(st.text(st.characters(max_codepoint=0x2FF), max_size=40))
@examples(max_examples=300, deadline=None)
def test_any_text_is_a_mapping_or_refused(text: str) -> None:
    try:
        assert isinstance(parse_yaml(text, "x"), dict)
    except SettingsError as refused:
        assert str(refused).startswith("x: ")


@given(st.text("ab.={}[]:,&*!?|>-#\n 01", max_size=20))
@examples(max_examples=300, deadline=None)
def test_any_assignment_is_made_or_refused(assignment: str) -> None:
    try:
        override({"a": {"b": 1}}, [assignment])
    except SettingsError as refused:
        assert str(refused).startswith("--set ")


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid")

    learning_rate: float = 1.0
    steps: int = 1


class Whole(BaseModel):
    model_config = ConfigDict(extra="forbid")

    psnr: Part = Part()
    gan: Part | None = None
    every: tuple[Part, ...] = ()
    tile: int = 1


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("learning_rate", ["psnr.learning_rate", "gan.learning_rate", "every.learning_rate"]),
        ("learnin_rate", ["psnr.learning_rate", "gan.learning_rate", "every.learning_rate"]),
        ("psnr.learning_rates", ["psnr.learning_rate", "gan.learning_rate", "every.learning_rate"]),
        ("psnr.tile", ["tile"]),
        ("titel", []),
        ("tiles", ["tile"]),
        ("colour", []),
    ],
)
def test_meant(path: str, expected: list[str]) -> None:
    assert meant(path, Whole) == expected


def test_the_message_has_the_full_path() -> None:
    with pytest.raises(SettingsError) as refused:
        validated(Whole, {"psnr": {"tile": 3}, "colour": 1}, "x")
    assert str(refused.value) == (
        "x: psnr.tile: unknown key (did you mean tile?); colour: unknown key"
    )
