"""Paired folders: crops stay aligned, and every wrong pairing is named at once."""

from pathlib import Path

import numpy as np
import pytest
import torch

from degrade.errors import SettingsError, TrainingError
from degrade.images.write import write_png
from sr_train.data.folders import open_folders
from sr_train.data.training_data import training_data


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEGRADE_CACHE", str(tmp_path / "cache"))


def write_pair(base: Path, name: str, height: int, width: int, ending: str = "") -> np.ndarray:
    rng = np.random.default_rng(len(name) + height)
    lr = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
    write_png(base / "lr" / f"{name}{ending}.png", lr)
    write_png(base / "hr" / f"{name}.png", lr.repeat(2, 0).repeat(2, 1))
    return lr


def test_crops_of_images_of_any_size_stay_aligned(tmp_path: Path, make_settings) -> None:
    wanted = [write_pair(tmp_path, "a", 16, 30), write_pair(tmp_path, "deep/b", 14, 12, "x2")]
    pairs = open_folders(tmp_path / "lr", tmp_path / "hr", None, 24)
    assert pairs.scale == 2 and pairs.hr.side == 24
    data = training_data(pairs, None, make_settings(noise=False, batch=16))
    made = data.batch(0, slice(None), torch.device("cpu"))
    torch.testing.assert_close(torch.nn.functional.avg_pool2d(made.hr, 2), made.lr)
    seen = {pairs.lr.images[image][row, col].tobytes() for image, row, col in pairs.lr.places}
    assert {image[-12, -12].tobytes() for image in wanted} <= seen, "the far corners are covered"
    assert not any((tmp_path / "cache").iterdir()), "nothing is left in the cache"
    write_pair(tmp_path, "c", 12, 12)
    assert open_folders(tmp_path / "lr", tmp_path / "hr", 2, 24).content != pairs.content


def test_every_wrong_pairing_is_named(tmp_path: Path) -> None:
    for name in ("fine", "alone", "damaged", "small", "wide"):
        write_pair(tmp_path, name, 12, 16)
    lr, hr = tmp_path / "lr", tmp_path / "hr"
    (lr / "alone.png").rename(lr / "lonely.png")
    (hr / "damaged.png").write_bytes(b"\x89PNG\r\n\x1a\nbroken")
    write_pair(tmp_path, "small", 11, 16)
    write_png(hr / "wide.png", np.zeros((24, 34, 3), np.uint8))
    with pytest.raises(SettingsError) as caught:
        open_folders(lr, hr, 2, 24)
    said = str(caught.value)
    assert said.startswith(f"{hr} and {lr} do not pair: ") and said.endswith(
        "; mend or remove them"
    )
    assert f"{hr}/alone.png: no partner in {lr}" in said
    assert f"{lr}/lonely.png: no partner in {hr}" in said
    assert f"{hr}/damaged.png: " in said
    assert f"{hr}/small.png: 32x22 is smaller than the crop of 24" in said
    assert f"{hr}/wide.png: 34x24 is not 2 times its LR's 16x12" in said
    assert "fine" not in said


def test_folders_that_hold_nothing(tmp_path: Path) -> None:
    write_pair(tmp_path, "a", 12, 12)
    (tmp_path / "none").mkdir()
    with pytest.raises(SettingsError, match=r"none: holds no images; expected png"):
        open_folders(tmp_path / "none", tmp_path / "hr", 2, 24)
    with pytest.raises(SettingsError, match=r"gone: no such folder; give one of images"):
        open_folders(tmp_path / "lr", tmp_path / "gone", 2, 24)


def test_no_room_for_decoded_images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_pair(tmp_path, "a", 12, 12)
    (tmp_path / "file").touch()
    monkeypatch.setenv("DEGRADE_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(TrainingError, match=r"cannot be kept there .*DEGRADE_CACHE"):
        open_folders(tmp_path / "lr", tmp_path / "hr", 2, 24)
