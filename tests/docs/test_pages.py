"""The documentation promises what is there: commands parse, links resolve, messages exist."""

import ast
import re
import shlex

import numpy as np
import pytest

from degrade.cli import main
from degrade.degradation import downsample
from degrade.store.schema import PAIR_COLUMNS
from docs import alignment
from docs.commands import commands, help_of
from docs.hooks import readme_section
from docs.tables import TRACKS, needs
from tests.docs.pages import NAMES, ROOT, anchors, blocks, command_lines, page, read

ALL = {words: (command, context) for words, command, context in commands()}


def parse(line: str) -> None:
    """Parse a command line as the program does; raises on what it would refuse."""
    words = shlex.split(line.split(" > ")[0], comments=True)[1:]
    words = [word for word in words if word != "--debug"]
    name = next(" ".join(words[:n]) for n in (2, 1) if " ".join(words[:n]) in ALL)
    ALL[name][0].make_context(name, words[len(name.split()) :])


def test_commands_has_every_verb_option_and_example() -> None:
    text = page("commands.md")
    assert set(main.VERBS) == {words.split()[0] for words in ALL}
    for words, (command, context) in ALL.items():
        section = text.split(f"\n{'#' * (2 + words.count(' '))} {words}\n")[1]
        section = re.split(r"^##", section, maxsplit=1, flags=re.MULTILINE)[0]
        assert help_of(command)[1] in section
        if getattr(command, "commands", None):
            continue
        for parameter in command.params:
            record = parameter.get_help_record(context)
            assert f"| `{record[0]}` |" in section, (words, parameter.name)


@pytest.mark.parametrize("name", [*NAMES, "README.md"])
def test_every_command_line_parses(name: str) -> None:
    for line in command_lines(page(name) if name in NAMES else read(ROOT / name)):
        try:
            parse(line)
        except (Exception, SystemExit, StopIteration) as error:
            pytest.fail(f"{name}: {line}: {error!r}")


@pytest.mark.parametrize("name", NAMES)
def test_every_verb_that_is_named_exists(name: str) -> None:
    for verb in re.findall(r"`degrade ([a-z][\w-]*)", page(name)):
        assert verb in main.VERBS, f"{name}: degrade {verb}"


@pytest.mark.parametrize("name", NAMES)
def test_every_option_that_is_named_exists(name: str) -> None:
    known = {option for command, _ in ALL.values() for p in command.params for option in p.opts}
    known |= {"--help", "--version", "--debug"}
    others = {"--nthreads", "--nworkers", "--resources"}  # Dask's own
    for option in re.findall(r"`(--[a-z][a-z0-9-]*)", page(name)):
        assert option in known | others, f"{name}: {option}"


@pytest.mark.parametrize("name", NAMES)
def test_links_resolve(name: str) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", page(name)):
        if "://" in target:
            continue
        file, _, anchor = target.partition("#")
        assert not file or (ROOT / "docs" / file).is_file(), f"{name}: {target}"
        if anchor:
            assert anchor in anchors(page(file or name)), f"{name}: {target}"


def test_every_page_is_in_the_navigation() -> None:
    listed = re.findall(r"^  - .+: (\S+\.md)$", read(ROOT / "mkdocs.yml"), re.MULTILINE)
    assert sorted(listed) == NAMES


def texts() -> set[str]:
    """Return every string of the sources; … stands where a value is put in."""
    found = set()
    rooms = [
        path
        for room in ("degrade", "pipelines", "sr_train")
        for path in (ROOT / room).rglob("*.py")
    ]
    for node in (node for path in rooms for node in ast.walk(ast.parse(read(path)))):
        if isinstance(node, ast.JoinedStr):
            parts = [v.value if isinstance(v, ast.Constant) else "…" for v in node.values]
            found.add("".join(map(str, parts)))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            found.add(node.value)
    return found


def test_every_quoted_message_is_one_of_the_sources() -> None:
    quoted = re.findall(r"^\*\*`(.+)`\*\*$", page("troubleshooting.md"), re.MULTILINE)
    assert len(quoted) > 20
    plain = {re.sub(r"`[^`]*`", "…", text) for text in texts()}
    missing = [message for message in quoted if message not in plain]
    assert not missing, missing


def test_alignment_picture_is_what_the_script_draws() -> None:
    assert read(alignment.FILE) == alignment.drawing()


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_alignment_picture_shows_where_the_code_samples(scale: int) -> None:
    ramp = np.arange(16 * scale, dtype=np.float32) / (16 * scale)
    hr = np.repeat(np.tile(ramp, (scale, 1))[:, :, None], 3, axis=2)
    size = 2 + scale % 2
    lr = downsample(hr, np.full((size, size), 1 / size**2), scale)[0, :, 0] * 16 * scale
    drawn = [alignment.centre(pixel, scale) for pixel in range(16)]
    np.testing.assert_allclose(lr[1:-1], drawn[1:-1], atol=1e-3)


def test_disk_is_that_of_the_pairs() -> None:
    found = needs("ntire2020_track2")
    each = TRACKS["ntire2020_track2"][0].count
    assert found.pairs == 12 * each  # 768 x 1024 after the clean-up: 3 x 4 tiles of 256
    assert found.pair_bytes == found.pairs * 208_896
    assert "208,896" in page("ntire2020.md")


def test_figures_and_commands_that_pages_repeat_are_the_same() -> None:
    assert "7 seconds [measured]" in page("ntire2020.md").replace("\n", " ")
    assert re.search(r"`--estimator kernelgan`.*\| 7 s \|", page("measured.md"))
    for install in re.findall(r"^python3 -m venv .+$", page("index.md"), re.MULTILINE):
        assert install in readme_section("Set up")


def test_store_page_has_the_columns() -> None:
    for name, column in PAIR_COLUMNS.items():
        assert f"| `{name}` | {column.dtype} | {column.meaning} |" in page("store.md")


def test_a_missing_readme_section_stops_the_build() -> None:
    assert readme_section("Measured") in page("measured.md")
    with pytest.raises(ValueError, match="has no section 'Promises'"):
        readme_section("Promises")


def test_recipes_of_the_page_load() -> None:
    from degrade.yaml_settings import parse_yaml, validated
    from pipelines.recipes.recipe import Recipe, share_fields

    first, second = blocks(page("recipes.md"), "yaml")[:2]
    (of_readme,) = blocks(read(ROOT / "README.md"), "yaml")
    for text in (first, of_readme):
        validated(Recipe, share_fields(parse_yaml(text, "recipe")), "recipe")
    assert parse_yaml(second, "recipe")["include"] == "ntire2020_track2"
