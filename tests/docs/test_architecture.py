"""ARCHITECTURE.md and CONTRIBUTING.md describe the code as it is: picture, rooms, files, lines."""

import os
import re
import tomllib
from pathlib import Path

import pytest
import yaml

from docs.architecture import FILE, layers, page, rooms
from tests.docs.pages import ROOT, read

PAGES = ("ARCHITECTURE.md", "CONTRIBUTING.md")
TASKS = re.findall(
    r"^\| (.+?) \| `(\w+)` \| `(\S+\.py)` \|$", read(ROOT / "CONTRIBUTING.md"), re.MULTILINE
)
KINDS = re.findall(
    r"^\| an? (.+?) \| .+ \| `(\w+)` in `(\S+)` \|", read(ROOT / "CONTRIBUTING.md"), re.MULTILINE
)


def test_picture_and_rooms_are_drawn_from_the_code() -> None:
    assert read(FILE) == page(), "run: python -m docs.architecture"


def test_the_picture_has_every_room_of_the_layers() -> None:
    assert len(layers()) > 4
    for module in (module for layer in layers() for module in layer):
        path = ROOT / module.replace(".", "/")
        assert path.is_dir() or path.with_suffix(".py").is_file(), module
        assert module in read(FILE), module


def test_every_room_says_what_it_is_for() -> None:
    for row in rooms().splitlines()[2:]:
        assert re.fullmatch(r"\| `[\w/]+` \| .{15,} \|", row), row


@pytest.mark.parametrize("name", PAGES)
def test_every_file_that_is_named_exists(name: str) -> None:
    named = set(re.findall(r"`((?:[\w.-]+/)+[\w.-]*)`", read(ROOT / name)))
    assert len(named) > 12
    assert [path for path in sorted(named) if not (ROOT / path).exists()] == []


@pytest.mark.parametrize(("what", "line", "file"), [*TASKS, *KINDS], ids=lambda text: text[:40])
def test_the_line_to_change_is_where_contributors_are_sent(what: str, line: str, file: str) -> None:
    assert re.search(rf"^(def |class |    def )?{line}\b", read(ROOT / file), re.MULTILINE), what


def test_contributors_are_sent_to_enough_places() -> None:
    assert len(TASKS) == 12 and len(KINDS) == 7


def test_citation_and_changelog_are_of_this_version() -> None:
    import degrade

    cited = read(ROOT / "CITATION.cff")
    released = re.findall(r"^date-released: (\S+)$", cited, re.MULTILINE)[0]
    parts = re.findall(r"^## (.+)$", read(ROOT / "CHANGELOG.md"), re.MULTILINE)
    newest = next(part for part in parts if part != "Unreleased")
    assert newest == f"{degrade.__version__} - {released}"
    project = tomllib.loads(read(ROOT / "pyproject.toml"))["project"]
    assert re.findall(r"^version: (\S+)$", cited, re.MULTILINE) == [degrade.__version__]
    assert f"license: {project['license']}\n" in cited


def test_links_of_the_readme_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([^)\s#]+)\)", read(ROOT / "README.md")):
        assert "://" in target or (ROOT / Path(target)).exists(), target


def test_the_public_workflow_calls_scripts_that_are_here() -> None:
    flow = yaml.safe_load(read(ROOT / ".github" / "workflows" / "ci.yml"))
    called = [step["run"].split()[0] for job in flow["jobs"].values() for step in job["steps"][2:]]
    assert called == [".ci/run", ".ci/wheel", ".ci/versions"]
    assert all(os.access(ROOT / script, os.X_OK) for script in called)
