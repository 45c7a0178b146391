"""The page of functions and the notebooks: every snippet runs, every public name is there."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import cv2
import pytest

import degrade
import sr_train
from tests.docs.pages import ROOT, blocks, page
from tests.photos import make_photo, write_photos

NOTEBOOKS = sorted((ROOT / "examples").glob("*.ipynb"))
SHORTER = {"STEPS, EPOCHS = 150, 2": "STEPS, EPOCHS = 3, 2"}
"""What a test changes of a notebook."""


SHORT_SEARCH = """import pytest
from tests.short_search import shorten
shorten(pytest.MonkeyPatch())"""
"""Shortens the search of a camera, for which the page says minutes."""


def run(folder: Path, program: str) -> str:
    """Run a program in a folder, with pictures drawn for no window."""
    path = folder / "program.py"
    path.write_text(program, encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "MPLBACKEND": "Agg"}
    done = subprocess.run(
        [sys.executable, path.name],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=250,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def guarded(program: str) -> str:
    """Return a program as one that starts processes must be."""
    inside = "".join(f"    {line}\n" for line in program.splitlines())
    return f"def main():\n{inside}\nif __name__ == '__main__':\n    main()\n"


def test_snippets_of_the_page_run_one_after_the_other(tmp_path: Path) -> None:
    write_photos(tmp_path / "photos", 4, 256, 320)
    write_photos(tmp_path / "valid" / "hr", 1, 128, 160)
    write_photos(tmp_path / "valid" / "lr", 1, 32, 40)
    for name, seed in (("photo", 0), ("clean", 9)):
        picture = make_photo(seed, 256, 320)
        assert cv2.imwrite(str(tmp_path / f"{name}.png"), picture[..., ::-1])
    write_photos(tmp_path / "phone", 5, 256, 256)
    write_photos(tmp_path / "clean", 3, 256, 256)
    snippets = blocks(page("python.md"), "python")
    assert len(snippets) == 9
    said = run(tmp_path, guarded("\n".join([SHORT_SEARCH, *snippets])))
    assert "sharpening: " in said
    assert "flat: all pixels have one value" in said and "photo 3.png" in said


def test_the_page_describes_every_public_name() -> None:
    described = set(re.findall(r"^::: (\S+)$", page("python.md"), re.MULTILINE))
    for module in (degrade, sr_train):
        for name in {*module.__all__} - {"__version__"}:
            assert f"{module.__name__}.{name}" in described, name


def test_there_are_notebooks() -> None:
    assert len(NOTEBOOKS) == 2


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_run(path: Path, tmp_path: Path) -> None:
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    assert len(code) >= 4
    program = "\n\n".join(code)
    for long, short in SHORTER.items():
        program = program.replace(long, short)
    assert "STEPS" not in program or "= 3, 2" in program
    write_photos(tmp_path / "photos", 5, 400, 480)
    run(tmp_path, guarded(program))


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
