"""Training through the command line, on a very small network."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from degrade.images.decode import read_image
from sr_train.settings import METHODS
from tests.cli.answers import one_object, refusal
from tests.conftest import Command


def test_train(degrade: Command, store: Path, config: Path, tmp_path: Path) -> None:
    command = ("train", "esrgan", "--store", store, "--config", config)
    answer = one_object(degrade(*command, "--json"))
    assert answer == {"weights": "runs/esrgan/weights.safetensors", "steps": 4}
    files = {path.name for path in (tmp_path / "runs" / "esrgan").iterdir()}
    assert {"weights.safetensors", "checkpoint.pt", "settings.yaml", "log", "samples"} <= files
    said = refusal(degrade(*command))
    assert said.startswith("runs/esrgan: holds a run already; go on with --resume")
    assert degrade(*command, "--resume").code == 0
    said = refusal(degrade(*command, "--resume", "--set", "batch=2"))
    assert "batch was 1, is 2" in said
    first = (tmp_path / "runs" / "esrgan" / "weights.safetensors").read_bytes()
    assert degrade(*command, "--name", "twin").code == 0
    assert (tmp_path / "runs" / "twin" / "weights.safetensors").read_bytes() == first


def test_steps_of_a_training(degrade: Command, store: Path, config: Path) -> None:
    command = ("train", "esrgan", "--store", store, "--config", config, "--json")
    assert one_object(degrade(*command, "--steps", 2))["steps"] == 2


def test_one_published_value_can_be_changed(degrade: Command, store: Path, tmp_path: Path) -> None:
    """--set changes one setting; the others of its group stay as published."""
    small = [f"network.{field}={n}" for field, n in (("features", 4), ("blocks", 1), ("growth", 2))]
    changes = [*small, "crop=24", "batch=1", "psnr.learning_rate=1e-3", "gan.steps=0"]
    options = [word for change in changes for word in ("--set", change)]
    command = ("train", "esrgan", "--store", store, "--no-perceptual", "--steps", 1, *options)
    assert degrade(*command).code == 0, degrade(*command).err


def test_settings_of_a_training_that_do_not_fit(
    degrade: Command, store: Path, config: Path, tmp_path: Path
) -> None:
    command = ("train", "esrgan", "--store", store, "--config", config)
    said = refusal(degrade(*command, "--set", "crop=48"))
    assert said.startswith("crop is 48, the store's HR tiles are 24: set crop to at most 24")
    said = refusal(degrade(*command, "--set", "crops=48", "--set", "batch=0"))
    assert said.startswith(f"{config}: ") and "crops: unknown key" in said and "batch: " in said
    said = refusal(degrade("train", "esrgan", "--store", store, "--config", "none.yaml"))
    assert said == "none.yaml: cannot be read (No such file or directory)"
    said = refusal(degrade(*command, "--scale", 4))
    assert "has no pairs/x4; run `degrade build-pairs --scale 4` first" in said
    (tmp_path / "file").write_text("x")
    assert refusal(degrade(*command, "--runs", "file/runs")).startswith("file/runs/esrgan: ")


def test_resume_without_a_checkpoint_begins_and_with_one_goes_on(
    degrade: Command, store: Path, config: Path
) -> None:
    command = ("train", "esrgan", "--store", store, "--config", config)
    assert degrade(*command, "--resume").code == 0
    assert "holds a run already; go on with --resume" in refusal(degrade(*command))
    assert degrade(*command, "--resume").code == 0


def test_training_asks_for_vgg_first(
    degrade: Command, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "hub"))
    said = refusal(degrade("train", "esrgan", "--store", store))
    assert "--vgg-weights FILE, or train without that loss with --no-perceptual" in said
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("method", "steps", "flags", "changes"),
    [
        ("srgan", 1, ["--no-perceptual"], "gan.steps=0 crop=24"),
        ("psnr", 1, [], "network.architecture=srresnet crop=24"),
    ],
)
def test_train_the_other_methods(
    degrade: Command,
    store: Path,
    pictures: Path,
    tmp_path: Path,
    method: str,
    steps: int,
    flags: list[str],
    changes: str,
) -> None:
    small = "network.features=4 network.blocks=1 batch=1 psnr.steps=1 device=cpu"
    options = [word for change in f"{small} {changes}".split() for word in ("--set", change)]
    answer = one_object(degrade("train", method, "--store", store, *flags, *options, "--json"))
    assert answer == {"weights": f"runs/{method}/weights.safetensors", "steps": steps}
    assert degrade("upscale", answer["weights"], "lr/0.png", "up.png").code == 0
    assert read_image(tmp_path / "up.png").shape == (40, 52, 3)


def test_every_method_has_a_verb(degrade: Command) -> None:
    for method in METHODS:
        shown = degrade("train", method, "--help")
        assert shown.code == 0 and f"Example: degrade train {method} " in shown.out


def test_options_of_gans_are_not_offered_where_there_is_none(degrade: Command) -> None:
    for option in ("--vgg-weights", "--download-vgg", "--no-perceptual", "--init-discriminator"):
        assert option in degrade("train", "srgan", "--help").out
        assert option not in degrade("train", "psnr", "--help").out


@pytest.mark.skipif(torch.cuda.is_available(), reason="asks for a GPU that is absent")
def test_a_gpu_that_is_absent(degrade: Command, store: Path, config: Path, tmp_path: Path) -> None:
    for asked in (("--set", "device=cuda"), ("--set", "device=cpu", "--device", "cuda")):
        said = refusal(degrade("train", "esrgan", "--store", store, "--config", config, *asked))
        assert said == "device cuda: torch sees no GPU; use --device cpu or --device auto"
    assert not (tmp_path / "runs").exists()


def test_weights_of_another_architecture(
    degrade: Command, store: Path, config: Path, weights: Path, tmp_path: Path
) -> None:
    size = ("--set", "network.features=4", "--set", "network.blocks=1")
    other = ("train", "psnr", "--store", store, "--set", "network.architecture=srresnet", *size)
    said = refusal(degrade(*other, "--set", "crop=24", "--init", weights))
    assert said.startswith(f"{weights}: not the weights of SRResNet x2, 4/1: ")
    assert " missing: " in said and " unexpected: " in said and " misshapen: " in said
    command = ("train", "esrgan", "--store", store, "--config", config)
    said = refusal(degrade(*command, "--set", "psnr.steps=0", "--init-discriminator", weights))
    assert said.startswith(f"{weights}: not the weights of PatchDiscriminator: ")
    assert not (tmp_path / "runs").exists()


def test_training_on_paired_folders(degrade: Command, config: Path, pictures: Path) -> None:
    folders = ("--lr", pictures / "lr", "--hr", pictures / "hr")
    command = ("train", "esrgan", "--config", config)
    assert "pass --set noise=false" in refusal(degrade(*command, *folders))
    quiet = ("--set", "noise=false", "--json")
    assert one_object(degrade(*command, *folders, *quiet))["steps"] == 4
    said = refusal(degrade(*command, *folders[:2], *quiet))
    assert said == "--lr and --hr go together: name both folders, or train on a store"
    (pictures / "lr" / "0.png").unlink()
    said = refusal(degrade(*command, *folders, *quiet))
    assert f"{pictures}/hr/0.png: no partner in {pictures}/lr" in said


def test_two_processes_of_torchrun_answer_once(store: Path, config: Path, tmp_path: Path) -> None:
    words = ["torch.distributed.run", "--standalone", "--nproc-per-node=2", "-m", "degrade"]
    words += ["train", "esrgan", "--store", str(store), "--config", str(config), "--json"]
    path = str(Path(__file__).parents[2])
    ended = subprocess.run(
        [sys.executable, "-m", *words, "--set", "batch=2"],
        env=os.environ | {"PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert ended.returncode == 0, ended.stderr
    answer = {"weights": "runs/esrgan/weights.safetensors", "steps": 4}
    assert json.loads(ended.stdout) == answer
