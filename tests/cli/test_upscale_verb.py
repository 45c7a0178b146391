"""A network's weights in use through the command line: upscaling, exporting, faulty files."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from degrade.images.decode import read_image
from degrade.images.formats import SUGGESTED
from sr_train.export.export_model import other_programs
from sr_train.network_files import save_weights
from sr_train.networks.rrdbnet import RRDBNet
from tests.cli.answers import one_object, refusal
from tests.conftest import Command
from tests.photos import make_photo


def test_upscale_a_folder_and_a_file(
    degrade: Command, weights: Path, pictures: Path, tmp_path: Path
) -> None:
    (pictures / "lr" / "torn.png").write_bytes(b"\x89PNG")
    made = degrade("upscale", weights, "lr", "sr", "--json")
    assert made.code == 1 and made.err.splitlines()[-1] == (
        "degrade: lr: 1 of 3 images were refused, the first, lr/torn.png, because it is truncated "
        "or damaged (its header cannot be read)"
    )
    answer = json.loads(made.out)
    assert answer["written"] == ["sr/0.png", "sr/1.png"]
    ((name, why),) = answer["refused"]
    assert name == "lr/torn.png" and "truncated or damaged" in why
    assert read_image(tmp_path / "sr" / "0.png").shape == (40, 52, 3)
    assert degrade("upscale", weights, "lr/0.png", "one.png").code == 0
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "sr" / "0.png").read_bytes()
    shown = degrade("upscale", weights, "lr", "again", "--tile", 8)
    assert "2 images written to again" in shown.out and "refused lr/torn.png: " in shown.out
    whole, tiled = (read_image(tmp_path / place / "1.png") for place in ("sr", "again"))
    assert np.abs(whole.astype(int) - tiled.astype(int)).max() <= 1


def test_upscaling_to_other_formats_and_again(
    degrade: Command, weights: Path, pictures: Path, tmp_path: Path
) -> None:
    assert degrade("upscale", weights, "lr/0.png", "one.jpg").code == 0
    with Pillow.open(tmp_path / "one.jpg") as found:
        assert (found.format, found.size) == ("JPEG", (52, 40))
    said = refusal(degrade("upscale", weights, "lr/0.png", "one.gif"))
    assert said.startswith("one.gif: .gif cannot be written; give .png")
    said = refusal(degrade("upscale", weights, "lr/0.png", "one.jpg"))
    assert said.startswith("one.jpg: is there already") and said.endswith("with --overwrite")
    assert degrade("upscale", weights, "lr/0.png", "one.jpg", "--overwrite").code == 0
    one_object(degrade("upscale", weights, "lr", "sr", "--json"))
    again = one_object(degrade("upscale", weights, "lr", "sr", "--json"))
    assert (again["written"], again["kept"]) == ([], ["sr/0.png", "sr/1.png"])
    assert "2 were there already" in degrade("upscale", weights, "lr", "sr").out
    assert "made otherwise" in refusal(degrade("upscale", weights, "lr", "sr", "--bf16"))
    assert degrade("upscale", weights, "lr", "rough", "--bf16").code == 0


@pytest.mark.filterwarnings("ignore")
def test_another_program_computes_the_same_picture(
    degrade: Command,
    weights: Path,
    pictures: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DEGRADE_CACHE", str(tmp_path / "cache"))
    save_weights(tmp_path / "x4.safetensors", RRDBNet(4, features=4, blocks=1, growth=2))
    assert (
        one_object(degrade("upscale", "x4.safetensors", "lr", "own", "--json"))["backend"]
        == "torch"
    )
    other = ("x4.safetensors", "lr", "other", "--backend", "onnxruntime")
    assert "  computed by onnxruntime" in degrade("upscale", *other).out.splitlines()
    own, theirs = (read_image(tmp_path / place / "1.png") for place in ("own", "other"))
    assert np.abs(own.astype(int) - theirs.astype(int)).max() <= 1
    said = refusal(degrade("upscale", weights, "lr", "none", "--backend", "onnxruntime"))
    assert said.startswith("backend onnxruntime does not compute RRDBNet x2")
    assert said.endswith("give torch")


def test_upscaling_follows_the_decode_policy(
    degrade: Command, weights: Path, pictures: Path, tmp_path: Path
) -> None:
    import cv2

    lr = make_photo(20, 20, 26)
    Pillow.fromarray(lr).convert("L").save(tmp_path / "gray.png")
    Pillow.fromarray(np.dstack((lr, lr[..., 0]))).save(tmp_path / "clear.png")
    cv2.imwrite(str(tmp_path / "deep.png"), lr.astype(np.uint16) * 257)
    turned = Pillow.Exif()
    turned[274] = 6
    Pillow.fromarray(lr).save(tmp_path / "turned.jpg", exif=turned)
    for name in ("gray", "deep"):
        assert degrade("upscale", weights, f"{name}.png", f"{name}-sr.png").code == 0
    command = ("upscale", weights, "clear.png")
    said = refusal(degrade(*command, "clear-sr.png", "--alpha", "refuse"))
    assert "pass --alpha white or --alpha black" in said
    assert degrade(*command, "clear-sr.png", "--alpha", "white").code == 0
    assert degrade(*command, "clear-kept.png").code == 0
    for name, mode in (("gray-sr", "L"), ("clear-sr", "RGB"), ("clear-kept", "RGBA")):
        assert Pillow.open(tmp_path / f"{name}.png").mode == mode
    refused = refusal(degrade("upscale", weights, "gray.png", "x.png", "--gray", "refuse"))
    assert "is gray" in refused
    assert degrade("upscale", weights, "turned.jpg", "turned-sr.png").code == 0
    with Pillow.open(tmp_path / "turned-sr.png") as found:
        assert found.size == (40, 52) and not found.getexif() and "icc_profile" not in found.info


def test_what_cannot_be_upscaled_is_said(
    degrade: Command, weights: Path, pictures: Path, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "torn.png").write_bytes(b"")
    (tmp_path / "file").write_text("x")
    cases = {
        ("nowhere", "sr"): "nowhere: no such file or folder; give an image or a folder of images",
        (
            "empty",
            "sr",
        ): f"empty: holds no images; expected {SUGGESTED}",
        ("bad", "sr"): "bad: no image could be read, the first because it is empty (0 bytes)",
        ("lr", "lr"): "lr/0.png: would replace an input; give another output folder",
    }
    for (source, out), text in cases.items():
        assert refusal(degrade("upscale", weights, source, out)) == text
    for out in ("file/sr", "file"):
        said = refusal(degrade("upscale", weights, "lr", out))
        assert said.startswith(out) and ("Not a directory" in said or "File exists" in said)
    assert "give a tile of at least 1" in refusal(
        degrade("upscale", weights, "lr", "sr", "--tile", 0)
    )
    assert not (tmp_path / "sr").exists()


UNREADABLE = {
    "none.safetensors": None,
    "zero.safetensors": b"",
    "text.safetensors": b"dear network,\n",
    "zero.pth": b"",
    "text.pth": b"dear network,\n",
    "pickle.pth": b"cos\nsystem\n(S'true'\ntR.",
    "picture.pth": b"\x89PNG\r\n\x1a\n" + bytes(64),
    "no-suffix": b"abc",
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_weights_that_cannot_be_read(
    degrade: Command, store: Path, config: Path, pictures: Path, tmp_path: Path, name: str
) -> None:
    data = UNREADABLE[name]
    if data is not None:
        (tmp_path / name).write_bytes(data)
    train = ("train", "esrgan", "--store", store, "--config", config)
    for command in (
        ("upscale", name, "lr", "sr"),
        ("evaluate", name, "--lr", "lr", "--hr", "hr"),
        (*train, "--init", name),
        (*train, "--set", "loss.perceptual=1", "--vgg-weights", name),
    ):
        said = refusal(degrade(*command))
        assert said.startswith(f"{name}: ")
        assert ("no such weights file; check the path" in said) == (data is None)
    assert not (tmp_path / "sr").exists() and not (tmp_path / "runs").exists()


def test_weights_cut_short_or_of_something_else(
    degrade: Command, weights: Path, pictures: Path, tmp_path: Path
) -> None:
    whole = weights.read_bytes()
    for length in (1, 7, 8, 100, len(whole) // 2, len(whole) - 1):
        (tmp_path / "cut.safetensors").write_bytes(whole[:length])
        said = refusal(degrade("upscale", "cut.safetensors", "lr", "sr"))
        assert said.startswith("cut.safetensors: not a readable weights file")
    checkpoint = weights.parent / "checkpoint.pt"
    (tmp_path / "cut.pth").write_bytes(checkpoint.read_bytes()[:3000])
    assert refusal(degrade("upscale", "cut.pth", "lr", "sr")).startswith("cut.pth: ")
    assert "not a training checkpoint" in refusal(degrade("upscale", checkpoint, "lr", "sr"))
    assert refusal(degrade("upscale", weights.parent, "lr", "sr")).startswith(str(weights.parent))


def test_export_a_model(degrade: Command, weights: Path, pictures: Path, tmp_path: Path) -> None:
    answer = one_object(degrade("export-model", weights, "model.pth", "--json"))
    assert answer == {
        "file": "model.pth",
        "architecture": "RRDBNet",
        "settings": {"scale": 2, "features": 4, "blocks": 1, "growth": 2},
        "notes": [other_programs(RRDBNet(2, features=4, blocks=1, growth=2))],
        "difference": None,
    }
    for given, out in ((weights, "a.png"), ("model.pth", "b.png")):
        assert degrade("upscale", given, "lr/0.png", out).code == 0
    assert (read_image(tmp_path / "a.png") == read_image(tmp_path / "b.png")).all()
    shown = degrade("export-model", "model.pth", "old.pth", "--style", "old").out
    assert shown.startswith("RRDBNet x2, 4/1/2 written to old.pth (")
    said = refusal(degrade("export-model", weights, "model.txt"))
    assert said == "model.txt: give a file ending in .pth, .safetensors, .onnx, .param"
    said = refusal(degrade("export-model", "none.pth", "model.pth"))
    assert said == "none.pth: no such weights file; check the path"
