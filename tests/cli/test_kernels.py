"""`degrade kernels`: the table, the pictures, and files in and out."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow
from scipy.io import savemat

from degrade.cli import kernels as verb
from degrade.kernels.matfile import write_mat
from degrade.kernels.parametric import gaussian_kernel
from degrade.pictures import SHADES, Cell, kernel_picture, kernel_text, sheet
from tests.cli.answers import one_object, refusal
from tests.conftest import Command

SCALE = ("--scale", 2)


@pytest.fixture
def mats(tmp_path: Path) -> Path:
    """Two kernels, one of a photo, and a file that is none."""
    folder = tmp_path / "mats"
    folder.mkdir()
    write_mat(folder / "photo 0_kernel_x2.mat", gaussian_kernel((2.5, 1.0), 0.0, 16), 2)
    write_mat(folder / "straße_kernel_x2.mat", gaussian_kernel((1.5, 1.2), 1.0, 16), 2)
    savemat(folder / "zero.mat", {"Kernel": np.zeros((9, 9))})
    return folder


@pytest.fixture
def filled(degrade: Command, photos: Path, mats: Path) -> Command:
    assert degrade("check", photos).code == 0
    answer = degrade("import", "--kernels", mats, *SCALE)
    assert answer.code == 0, answer.err
    head = "kernels x2: 2 of 3 from {} accepted, 1 named after a photo of the store"
    assert answer.out.splitlines()[0] == head.format(mats)
    assert "  refused zero.mat: kernel with the sum 0: give finite weights" in answer.out
    return degrade


def test_table_and_shades(filled: Command) -> None:
    lines = filled("kernels", *SCALE, "--first", 1).out.splitlines()
    assert lines[0].startswith("kernels x2: 2 of 3 accepted, by import-kernels; nobody measured")
    table = {line[:20].strip(): line[20:].split(maxsplit=5) for line in lines[3:6]}
    assert list(table) == ["photo 0.png", "straße_kernel_x2.mat", "zero.mat"]
    score, major, minor, angle, shape, verdict = table["photo 0.png"]
    assert (score, verdict) == ("1.00", "accepted")
    assert float(major) == pytest.approx(2.5, abs=0.1)
    assert float(minor) == pytest.approx(1.0, abs=0.05)
    assert min(float(angle), 180 - float(angle)) <= 1
    assert float(shape) == pytest.approx(1.0, abs=0.15)
    assert table["zero.mat"][:5] == ["0.00", "-", "-", "-", "-"]
    assert "sum 0" in table["zero.mat"][5]
    text = "\n".join(lines[6:])
    assert "mean of the accepted" in text and "photo 0.png" in text and "█" in text
    assert "straße" not in text


def test_json(filled: Command) -> None:
    answer = one_object(filled("kernels", *SCALE, "--json"))
    assert answer["made_by"] == "import-kernels" and len(answer["kernels"]) == 3
    first = answer["kernels"][0]
    assert first["photo"] == "photo 0.png" and first["accepted"] and first["reason"] == ""
    assert set(first) >= {"score", "sigma_major", "sigma_minor", "ratio", "angle", "shape"}
    assert first["ratio"] >= 1 and first["shape"] > 0


def test_picture(filled: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = ("--picture", tmp_path / "k.png", "--json", "--log")
    answer = one_object(filled("kernels", *SCALE, *out))
    assert answer["picture"] == {"path": str(tmp_path / "k.png"), "drawn": 3}
    with Pillow.open(tmp_path / "k.png") as picture:
        assert picture.width == 4 * 104 + 8 and picture.height < 200
    monkeypatch.setattr(verb, "SHEET", 3)
    shown = filled("kernels", *SCALE, "--picture", "k.png").out
    assert shown == "picture: k.png, the first 2 of 3\n"


def test_mat_files_out(filled: Command, tmp_path: Path) -> None:
    answer = one_object(filled("export", "kernels", "out", *SCALE, "--json"))
    assert answer == {"files": 2, "left_out": 1}
    assert (tmp_path / "out" / "photo 0" / "photo 0_kernel_x2.mat").is_file()


def test_refusals_are_one_line(filled: Command, mats: Path, tmp_path: Path) -> None:
    (tmp_path / "x.png").mkdir()
    (tmp_path / "file").write_text("")
    none = "has no kernels/x4; run `degrade estimate-kernels --scale 4` first"
    layout = "--scale 3: KernelGAN's .mat layout has scales 2 and"
    for arguments, text in (
        (("kernels", "--scale", 4), none),
        (("kernels", *SCALE, "--picture", "x.png"), "x.png: cannot be written"),
        (("import", "--kernels", "nowhere", *SCALE), "--kernels nowhere: no such folder"),
        (("export", "kernels", mats, *SCALE), "is there and not empty"),
        (("export", "kernels", "file", *SCALE), "is there and not empty"),
        (("export", "kernels", "file/in", *SCALE), "cannot be written (Not a directory)"),
        (("export", "kernels", "new", "--scale", 3), layout),
    ):
        assert text in refusal(filled(*arguments))
    assert not (tmp_path / "new").exists()


def test_shades_say_where_the_weight_is() -> None:
    kernel = gaussian_kernel((1.0, 1.0), 0.0, 16)
    for canvas in (kernel, gaussian_kernel((2.0, 2.0), 0.0, 32), gaussian_kernel((4, 4), 0, 64)):
        lines = kernel_text(canvas)
        assert [len(line) for line in lines] == [32] * 16
        assert lines == lines[::-1] and lines[8] == lines[8][::-1]
        assert "█" in lines[8] and lines[0] == " " * 32
    assert sum(map(len, map(str.split, kernel_text(kernel, log=True)))) > 6
    assert not "".join(kernel_text(np.zeros((16, 16), np.float32))).strip()
    assert set("".join(kernel_text(kernel))) <= set(SHADES)


def test_log_shows_weak_weights() -> None:
    kernel = np.zeros((16, 16), np.float32)
    kernel[8, 8], kernel[2, 2], kernel[4, 4] = 1, 1e-2, 1e-5
    assert kernel_picture(kernel, 16)[2, 2, 0] == 3
    log = kernel_picture(kernel, 16, log=True)[..., 0]
    assert (log[8, 8], log[4, 4], log[0, 0]) == (255, 0, 0)
    assert log[2, 2] in (127, 128)  # halfway between the two, as processors' logarithms differ


def test_a_sheet_marks_the_refused_and_shortens_names() -> None:
    black = np.zeros((40, 40, 3), np.uint8)
    cells = [Cell(black, ("a/very long name\nof a photo.png", "0.50"), refused=r) for r in (0, 1)]
    page = sheet("title", cells, columns=2)
    red = (page[..., 0] > 150) & (page[..., 1] < 60)
    assert not red[:, :48].any() and red[:, 56:].sum() > 200
    assert page.shape[1] == 2 * 48 + 8
