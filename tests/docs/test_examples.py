"""The examples of the help and the snippets of the pages, run in order on a few small photos."""

import re
import shlex
from pathlib import Path

import pytest

from docs.commands import commands, help_of
from sr_train.network_files import save_weights
from sr_train.networks.rrdbnet import RRDBNet
from tests import fresh
from tests.docs.pages import blocks, command_lines, page
from tests.photos import write_photos

IN_ORDER = (
    "check",
    "estimate-kernels",
    "kernels",
    "mine-noise",
    "build-pairs",
    "build-references",
    "export pairs",
    "export kernels",
    "export noise",
    "upscale",
    "evaluate",
    "report",
    "schema",
    "info",
    "verify",
)
"""Verbs whose example runs here; the others train for long, or take what is not at hand."""


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which all examples of IN_ORDER ran."""
    folder = tmp_path_factory.mktemp("examples")
    write_photos(folder / "dped", 3, 512, 640)
    write_photos(folder / "photos", 1, 24, 32)
    write_photos(folder / "valid" / "hr", 1, 128, 160)
    write_photos(folder / "valid" / "lr", 1, 32, 40)
    (folder / "runs" / "esrgan").mkdir(parents=True)
    network = RRDBNet(4, features=4, blocks=1, growth=4)
    save_weights(folder / "runs" / "esrgan" / "weights.safetensors", network)
    lines = {words: help_of(command)[1] for words, command, _ in commands()}
    _in(folder, RUN, *(lines[words] for words in IN_ORDER))
    return folder


RUN = """
import contextlib, shlex, sys
from degrade.cli.main import app
for line in sys.argv[1:]:
    command, _, file = line.partition(" > ")
    with contextlib.ExitStack() as stack:
        if file:
            stack.enter_context(contextlib.redirect_stdout(stack.enter_context(open(file, "w"))))
        app(shlex.split(command)[1:], standalone_mode=False)
"""


def _in(folder: Path, program: str, *arguments: str) -> str:
    done = fresh.run(program, *arguments, cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_examples_leave_what_they_promise(workplace: Path) -> None:
    made = ("kernels.png", "references.png", "report.html", "recipe.schema.json")
    assert [name for name in made if not (workplace / name).exists()] == []
    assert [path.name for path in (workplace / "upscaled").iterdir()] == ["photo 0.png"]


COMPARE = """
import zarr
hr = zarr.open_array("degrade.zarr/pairs/x4/hr", mode="r")[:]
assert hr.any() and all((tile(i) == hr[i]).all() for i in range(len(hr)))
assert (crop == hr[0, 8:72, 8:72]).all()
"""


@pytest.mark.parametrize(("index", "check"), [(0, ""), (1, COMPARE), (2, "")])
def test_snippets_of_the_store_page_run(workplace: Path, index: int, check: str) -> None:
    assert len(blocks(page("store.md"), "python")) == 3
    _in(workplace, blocks(page("store.md"), "python")[index] + check)


ARRAYS = """
import zarr
for name, group in zarr.open_group("degrade.zarr", mode="r").members(max_depth=None):
    if isinstance(group, zarr.Array):
        print(name)
"""


def test_the_store_page_has_every_array_of_a_store(workplace: Path) -> None:
    groups: dict[str, str] = {}
    for group, table in re.findall(
        r"^### `(\S+)(?: [^`]*)?`\n(.*?)(?=^##|\Z)", page("store.md"), re.M | re.S
    ):
        groups[group] = groups.get(group, "") + table
    found = _in(workplace, ARRAYS).split()
    assert len(found) > 30
    for name in found:
        group, array = name.replace("x4", "x{s}").rsplit("/", 1)
        assert f"| `{array.removesuffix('_crc32')}` |" in groups[group], name


def test_a_network_trains_as_the_start_says(workplace: Path) -> None:
    line = next(line for line in command_lines(page("index.md")) if " train " in line)
    assert "--steps 200" in line
    _in(workplace, RUN, line.replace("--steps 200", "--steps 2 --set batch=2"))
    assert (workplace / "runs" / "psnr" / "weights.safetensors").is_file()
    assert shlex.split(line)[:3] == ["degrade", "train", "psnr"]
