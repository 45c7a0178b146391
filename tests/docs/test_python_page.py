"""The page of functions and the notebooks: every snippet runs, every public name is there."""

import json
import re
from pathlib import Path

import pytest
from matplotlib import pyplot

import degrade
import sr_train
from degrade.images.write import write_png
from tests.docs.pages import ROOT, blocks, page
from tests.photos import make_photo, write_photos
from tests.short_search import shorten
from tests.simulated_lens import write_photos as write_photos_through_lens

NOTEBOOKS = sorted((ROOT / "examples").glob("*.ipynb"))
SHORTER = {"STEPS, EPOCHS = 150, 2": "STEPS, EPOCHS = 3, 2"}
"""What a test changes of a notebook."""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that programs run in; they draw pictures for no window, and search shortly."""
    monkeypatch.chdir(tmp_path)
    pyplot.switch_backend("agg")
    shorten(monkeypatch)  # for a search of cameras the page says minutes
    return tmp_path


def run(program: str) -> None:
    """Run a program by itself, in this process, where the large libraries are loaded."""
    exec(compile(program, "<program>", "exec"), {"__name__": "__main__"})


def test_snippets_of_the_page_run_one_after_the_other(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_photos(folder / "photos", 4, 256, 320)
    write_photos(folder / "valid" / "hr", 1, 64, 80)
    write_photos(folder / "valid" / "lr", 1, 16, 20)
    write_png(folder / "photo.png", make_photo(0, 160, 192))
    write_png(folder / "clean.png", make_photo(9, 160, 192))
    write_photos(folder / "phone", 5, 256, 256)
    write_photos(folder / "clean", 3, 256, 256)
    write_photos_through_lens(folder / "originals", 10, even=False)
    snippets = blocks(page("python.md"), "python")
    assert len(snippets) == 10
    run("\n".join(snippets))
    said = capsys.readouterr().out
    assert "sharpening: " in said and "in the middle, " in said
    assert "flat: all pixels have one value" in said and "photo 3.png" in said


def test_the_page_describes_every_public_name() -> None:
    described = set(re.findall(r"^::: (\S+)$", page("python.md"), re.MULTILINE))
    for module in (degrade, sr_train):
        for name in {*module.__all__} - {"__version__"}:
            assert f"{module.__name__}.{name}" in described, name


def test_there_are_notebooks() -> None:
    assert len(NOTEBOOKS) == 2


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_run(path: Path, folder: Path) -> None:
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    assert len(code) >= 4
    program = "\n\n".join(code)
    for long, short in SHORTER.items():
        program = program.replace(long, short)
    assert "STEPS" not in program or "= 3, 2" in program
    write_photos(folder / "photos", 4, 320, 400)
    run(program)
    pyplot.close("all")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_show_what_came_out(path: Path) -> None:
    """Readers of the repository see the pictures; no cell failed, none is out of order."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
    outputs = [output for cell in code for output in cell["outputs"]]
    assert not [output for output in outputs if output["output_type"] == "error"]
    assert [output for output in outputs if "image/png" in output.get("data", {})]
    assert path.stat().st_size < 700_000
