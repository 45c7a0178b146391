"""CUFED5: its layout, both protocols against a plain version, refusals."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image as Pillow

from degrade.errors import DegradeError, ImageRefused, NothingToDo
from degrade.images.paired import cufed5_groups
from degrade.images.write import write_png
from sr_train.compute.device import seeded
from sr_train.evaluation.cufed5 import evaluate_cufed5, reduced
from sr_train.evaluation.metrics import PROTOCOLS, psnr, score_planes
from sr_train.evaluation.scoring import Scorer
from sr_train.reference.ttsr import TTSR

JUDGE = Scorer(PROTOCOLS["ttsr"], 0)


def picture(height: int, width: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for group in range(2):
        for rank in range(6):
            side = 27 + 2 * rank
            made = picture(side, side + 3, 6 * group + rank)
            write_png(tmp_path / f"{group:03}_{rank}.png", made)
    return tmp_path


@pytest.fixture
def network() -> TTSR:
    with seeded(0):
        return TTSR(features=8, shallow=1, first=1, second=1, third=1).eval()


def unit(image: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(image.copy()).permute(2, 0, 1).float() / 255


def read(path: Path) -> np.ndarray:
    return np.asarray(Pillow.open(path))


def test_groups(folder: Path) -> None:
    (folder / "notes.txt").touch()
    groups = cufed5_groups(folder)
    assert [group.name for group in groups] == ["000", "001"]
    assert groups[1].hr.name == "001_0.png"
    assert [path.name for path in groups[1].references] == [f"001_{i}.png" for i in range(1, 6)]


@pytest.mark.parametrize("count", [1, 5])
def test_scores_are_those_of_the_protocol_step_by_step(
    folder: Path, network: TTSR, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sr_train.evaluation.cufed5.SIDE", 44)
    found = evaluate_cufed5(network, folder, count, JUDGE)
    for name in ("000", "001"):
        hr = read(folder / f"{name}_0.png")[:24, :28]
        lr = np.asarray(Pillow.fromarray(hr).resize((7, 6), Pillow.Resampling.BICUBIC))
        if count == 1:
            stack = unit(read(folder / f"{name}_1.png")[:28, :32])
        else:
            stack = torch.zeros(3, 5 * 44, 44)
            for rank in range(1, 6):
                one = unit(read(folder / f"{name}_{rank}.png"))
                top = 44 * (rank - 1)
                stack[:, top : top + one.shape[1], : one.shape[2]] = one
        with torch.inference_mode():
            sr = network(unit(lr)[None], stack[None, None])[0]
        levels = (sr.clamp(0, 1) * 255 + 0.5).floor().permute(1, 2, 0).numpy().astype(np.uint8)
        planes = [score_planes(image, 0, "ttsr-y") for image in (levels, hr)]
        assert found.images[name].psnr == pytest.approx(psnr(*planes), abs=1e-3)
    assert found.bicubic is not None and set(found.bicubic) == {"000", "001"}
    said = found.protocol["references"]
    assert {1: "released code", 5: "published table"}[count] in said
    assert found.protocol["channel"].startswith("Y = 16 + (65.738")
    assert found.protocol["border"] == 0


def test_lr_is_pillows() -> None:
    hr = picture(16, 24, 0)
    assert reduced(hr, 4).shape == (4, 6, 3) and reduced(hr, 4).dtype == np.uint8


def test_bad_folders(folder: Path, network: TTSR, tmp_path_factory: pytest.TempPathFactory) -> None:
    empty = tmp_path_factory.mktemp("empty")
    with pytest.raises(NothingToDo, match="holds no CUFED5 pictures"):
        cufed5_groups(empty)
    with pytest.raises(NothingToDo, match="holds no CUFED5 pictures"):
        cufed5_groups(empty / "absent")
    write_png(folder / "000_3.png", picture(12, 501, 0))
    with pytest.raises(DegradeError, match=r"000_3.png: is 12 rows by 501 columns, CUFED5's are"):
        evaluate_cufed5(network, folder, 5, JUDGE)
    write_png(folder / "000_1.png", picture(8, 40, 0))
    with pytest.raises(ImageRefused, match="smaller than a patch"):
        evaluate_cufed5(network, folder, 1, JUDGE)
    (folder / "001_4.png").unlink()
    with pytest.raises(DegradeError, match=r"group 001 lacks 001_4.png; add it"):
        cufed5_groups(folder)
