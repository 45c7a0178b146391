"""Scoring through the command line."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image as Pillow

from degrade.images.write import write_png
from sr_train.networks.lpips import Lpips
from tests.cli.answers import one_object, refusal
from tests.conftest import Command
from tests.photos import make_photo


def test_evaluate_a_network(degrade: Command, weights: Path, pictures: Path) -> None:
    command = ("evaluate", weights, "--lr", "lr", "--hr", "hr")
    answer = one_object(degrade(*command, "--json"))
    assert set(answer["images"]) == set(answer["bicubic_images"]) == {"0", "1"}
    assert answer["protocol"]["border"] == 2 and answer["protocol"]["name"] == "realsr"
    assert 5 < answer["bicubic_mean"]["psnr"] < 60
    shown = degrade(*command).out
    assert "bicubic mean" in shown and "protocol: realsr" in shown
    for name, value in answer["protocol"].items():
        assert name == "name" or f"  {name}: {value}" in shown


def test_protocols_are_chosen_and_said(degrade: Command, weights: Path, pictures: Path) -> None:
    command = ("evaluate", weights, "--lr", "lr", "--hr", "hr", "--json")
    found = {
        name: one_object(degrade(*command, "--protocol", name))
        for name in ("realsr", "basicsr", "ttsr")
    }
    assert [answer["protocol"]["border"] for answer in found.values()] == [2, 2, 0]
    assert found["basicsr"]["protocol"]["channel"].startswith("RGB")
    assert "65.738 R" in found["ttsr"]["protocol"]["channel"]
    assert len({answer["mean"]["psnr"] for answer in found.values()}) == 3


def lpips_files(folder: Path) -> Path:
    """Write seeded AlexNet weights, and a stand-in for the package lpips, to a folder."""
    rng = torch.Generator().manual_seed(1)
    network = Lpips("alex")
    state = {
        f"features.{key}": torch.randn(value.shape, generator=rng) * 0.05
        for key, value in network.features.state_dict().items()
    }
    torch.save(state, folder / "alex.pth")
    linear = folder / "site" / "lpips" / "weights" / "v0.1"
    linear.mkdir(parents=True)
    (folder / "site" / "lpips" / "__init__.py").write_text("raise ImportError")
    rows = {
        f"lin{i}.model.1.weight": torch.rand(weight.shape, generator=rng)
        for i, weight in enumerate(network.linear)
    }
    torch.save(rows, linear / "alex.pth")
    return folder / "site"


def test_lpips_says_its_weights(
    degrade: Command, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import hashlib

    monkeypatch.syspath_prepend(lpips_files(tmp_path))
    command = ("evaluate", "--sr", "hr", "--hr", "hr", "--border", 2, "--lpips", "alex")
    files = ("--lpips-weights", "alex.pth")
    answer = one_object(degrade(*command, *files, "--json"))
    assert answer["mean"]["lpips"] == 0
    trunk, linear = answer["protocol"]["lpips"]["weights"]
    for file in (trunk, linear):
        assert file["sha256"] == hashlib.sha256(Path(file["file"]).read_bytes()).hexdigest()
    shown = degrade(*command, *files).out
    assert "LPIPS" in shown and trunk["sha256"] in shown and linear["sha256"] in shown
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "hub"))
    said = refusal(degrade(*command))
    assert said.startswith("LPIPS needs ImageNet weights") and "--lpips-weights FILE" in said
    assert "alexnet-owt-7be5be79.pth is not there" in said and not (tmp_path / "hub").exists()
    said = refusal(degrade(*command, "--lpips-weights", "none.pth"))
    assert said == "none.pth: no such weights file; check the path"
    said = refusal(degrade(*command[:-1], "vgg", *files))
    assert "vgg.pth" in said or "LPIPS needs the linear weights" in said
    assert degrade("evaluate", "--sr", "hr", "--hr", "hr", *files).code == 2


def test_lpips_of_a_training(
    degrade: Command, store: Path, config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(lpips_files(tmp_path))
    command = ("train", "esrgan", "--store", store, "--config", config)
    files = ("--lpips-weights", tmp_path / "alex.pth")
    said = refusal(degrade(*command, "--lpips", "alex", *files))
    assert said.startswith("crop 24 is too small for LPIPS on alex, which needs 31 or more: ")
    said = refusal(degrade(*command, "--lpips", "alex", "--lpips-weights", "none.pth"))
    assert said == "none.pth: no such weights file; check the path"
    assert degrade(*command, *files).code == 2
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("measure", [("--clip-iqa",), ("--arniqa", "koniq10k")])
def test_measures_of_sr_alone_say_what_they_need(
    degrade: Command, pictures: Path, monkeypatch: pytest.MonkeyPatch, measure: tuple[str, ...]
) -> None:
    monkeypatch.setitem(sys.modules, "torchvision", None)
    said = refusal(degrade("evaluate", "--sr", "hr", "--hr", "hr", "--border", 2, *measure))
    assert said.split(" needs the packages ")[0] == measure[0][2:].upper()
    assert "pip install 'degrade[" in said
    assert degrade("evaluate", "--sr", "hr", "--hr", "hr", "--arniqa", "tid2013").code == 2


def test_niqe_needs_its_parameters(degrade: Command, tmp_path: Path) -> None:
    write_png(tmp_path / "hr" / "a.png", make_photo(5, 200, 200))
    np.savez(
        tmp_path / "params.npz",
        mu_pris_param=np.zeros((1, 36)),
        cov_pris_param=np.eye(36),
        gaussian_window=np.full((7, 7), 1 / 49),
    )
    command = ("evaluate", "--sr", "hr", "--hr", "hr", "--border", 0, "--niqe-params")
    answer = one_object(degrade(*command, "params.npz", "--json"))
    assert answer["mean"]["niqe"] > 0
    (file,) = answer["protocol"]["niqe"]["weights"]
    shown = degrade(*command, "params.npz").out
    assert "NIQE" in shown and file["sha256"] in shown
    said = refusal(degrade(*command, "none.npz"))
    assert said == "none.npz: no such file of NIQE parameters; check the path"


def test_evaluate_folders(degrade: Command, pictures: Path, tmp_path: Path) -> None:
    command = ("evaluate", "--sr", "hr", "--hr", "hr")
    equal = one_object(degrade(*command, "--protocol", "ttsr", "--json"))
    assert equal["mean"] == {"psnr": None, "ssim": 1.0, "sharpness": 1.0}
    cut = one_object(degrade(*command, "--border", 4, "--json"))
    assert cut["protocol"]["border"] == 4
    assert "give --border N" in refusal(degrade(*command))
    border = ("--border", 0)
    said = refusal(degrade("evaluate", "--sr", "lr", "--hr", "hr", *border))
    assert "lr/0.png: 20 rows and 26 columns, but hr/0.png has 40 and 52" in said
    (tmp_path / "hr" / "2.png").write_bytes((tmp_path / "hr" / "1.png").read_bytes())
    said = refusal(degrade("evaluate", "--sr", "lr", "--hr", "hr", *border))
    assert said == "hr and lr do not pair: hr/2.png: no partner in lr; mend or remove them"
    said = refusal(degrade("evaluate", "--sr", "nowhere", "--hr", "hr", *border))
    assert said == "nowhere: not a folder; give the folder that holds the photos"


def test_a_border_that_leaves_nothing(degrade: Command, pictures: Path) -> None:
    said = refusal(degrade("evaluate", "--sr", "hr", "--hr", "hr", "--border", 500))
    assert "border" in said


def test_a_file_that_cannot_be_scored_is_named(degrade: Command, pictures: Path) -> None:
    Pillow.new("RGBA", (52, 40), (1, 2, 3, 4)).save(pictures / "hr" / "1.png")
    said = refusal(degrade("evaluate", "--sr", "hr", "--hr", "hr", "--border", 0))
    assert said.startswith("hr/1.png: has an alpha channel")


def test_several_networks_in_one_table(
    degrade: Command, weights: Path, pictures: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other.safetensors"
    other.write_bytes(weights.read_bytes())
    command = ("evaluate", weights, other, "--lr", "lr", "--hr", "hr", "--mtf50")
    answer = one_object(degrade(*command, "--json"))
    assert list(answer["mean"]) == [str(weights), str(other), "bicubic"]
    assert answer["compared_with"] == str(weights)
    assert answer["differences"][str(other)]["psnr"] == {
        "images": 2, "mean": 0, "low": 0, "high": 0, "verdict": "open",
    }  # fmt: skip
    shown = degrade(*command).out
    assert f"beside {weights}: how much worse, with its 95 % interval over images" in shown
    assert "mtf50: SR over HR, median over slanted edges" in shown
    said = refusal(degrade("evaluate", weights, weights, "--lr", "lr", "--hr", "hr"))
    assert "one is given twice" in said
    folders = ("evaluate", "--sr", "hr", "--sr", "./hr2", "--hr", "hr", "--border", 0)
    (tmp_path / "hr2").symlink_to(tmp_path / "hr")
    assert one_object(degrade(*folders, "--json"))["compared_with"] == "hr"


def test_the_picture_of_crops_needs_lr(degrade: Command, weights: Path, pictures: Path) -> None:
    command = ("evaluate", weights, "--lr", "lr", "--hr", "hr", "--picture", "shown.png")
    assert refusal(degrade(*command)).startswith("shown.png: no HR has 64 rows and columns")
    assert degrade("evaluate", "--sr", "hr", "--hr", "hr", "--picture", "shown.png").code == 2
