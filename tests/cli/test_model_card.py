"""A model's card: filled from the run, and refused in one line where something is missing."""

import hashlib
import json
import re
from pathlib import Path

import pytest
import yaml

from sr_train.network_files import save_weights
from sr_train.networks.rrdbnet import RRDBNet
from tests.cli.answers import one_object, refusal
from tests.conftest import Command

ASKED = ("--author", "Ada L.", "--licence", "CC-BY-4.0")


@pytest.fixture
def finished(tmp_path: Path) -> Path:
    """A run's folder as training leaves it."""
    run = tmp_path / "runs" / "esrgan"
    (run / "log").mkdir(parents=True)
    save_weights(run / "weights.safetensors", RRDBNet(4, 8, 1, 32))
    settings = {"batch": 4, "crop": 64, "noise": True, "noise_model": "patches"}
    settings |= {"degradation": "on-the-fly", "validation_tiles": 8, "random_share": 0.25}
    (run / "settings.yaml").write_text(yaml.safe_dump(settings))
    data = {"store": "/home/ada/photos/degrade.zarr", "content": "abc", "init": "realsr-df2k"}
    (run / "provenance.json").write_text(json.dumps({"data": data, "software": {}}))
    records = [{"stage": "gan", "step": 90, "pixel": 0.1}, {"step": 100, "psnr": 27.125}]
    (run / "log" / "metrics.jsonl").write_text("".join(f"{json.dumps(r)}\n" for r in records))
    (tmp_path / "model.pth").write_bytes(b"weights")
    return run


def test_the_card_says_what_the_run_was(degrade: Command, finished: Path, tmp_path: Path) -> None:
    scores = {"protocol": {"name": "realsr", "border": 4}, "mean": {"psnr": 28.25, "ssim": 0.8}}
    (tmp_path / "scores.json").write_text(json.dumps(scores | {"bicubic_mean": {"psnr": 27.0}}))
    command = ("model-card", "runs/esrgan", "model.pth", *ASKED)
    answer = one_object(degrade(*command, "--scores", "scores.json", "--json"))
    assert answer == {"files": ["model.json", "README.md"]}
    entry = json.loads((tmp_path / "model.json").read_text())
    (resource,) = entry["resources"]
    assert resource["sha256"] == hashlib.sha256(b"weights").hexdigest() and resource["size"] == 7
    wanted = {"name": "model", "author": "ada-l", "license": "CC-BY-4.0", "scale": 4}
    wanted |= {"architecture": "esrgan", "size": ["8nf", "1nb", "32gc"], "trainingOTF": True}
    wanted |= {"trainingIterations": 100, "trainingBatchSize": 4, "trainingHRSize": 64}
    assert wanted.items() <= entry.items()
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", entry["date"])
    readme = (tmp_path / "README.md").read_text()
    head = yaml.safe_load(readme.split("---")[1])
    assert head["license"] == "cc-by-4.0" and head["pipeline_tag"] == "image-to-image"
    for said in (
        "25% of the crops: second order",
        "PSNR 27.12",
        "realsr-df2k",
        "| this model | 28.25 | 0.8 |",
        "| bicubic | 27 |",
    ):
        assert said in readme
    assert "/home" not in readme + json.dumps(entry)
    said = refusal(degrade(*command))
    assert said == "model.json: is there already; replace it with --overwrite"
    assert degrade(*command, "--overwrite").code == 0


def test_what_is_missing_is_named(degrade: Command, finished: Path, tmp_path: Path) -> None:
    assert degrade("model-card", "runs/esrgan", "model.pth").code == 2
    for changed, said in (
        (("runs/none", "model.pth"), "runs/none/settings.yaml: is not there; give the run's"),
        (("runs/esrgan", "other.pth"), "other.pth: is not there; give the run's folder and"),
        (("runs/esrgan", "model.zip"), "model.zip: give a model's file, ending in .pth, "),
        (("runs/esrgan", "model.pth", "--scores", "model.pth"), "model.pth: holds no JSON"),
    ):
        assert refusal(degrade("model-card", *changed, *ASKED)).startswith(said)
    assert not (tmp_path / "README.md").exists()
