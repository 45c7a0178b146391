"""Training, upscaling and scoring through the command line, on a very small network."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from distributed import Client
from PIL import Image as Pillow

from degrade.images.decode import read_image
from degrade.images.formats import SUGGESTED
from degrade.images.write import write_png
from degrade.noise.mining import NoiseSettings
from degrade.pairs import PairSettings
from pipelines.stages.build_pairs import build_pairs
from pipelines.stages.mine_noise import mine_noise
from pipelines.stages.scan import scan
from pipelines.stages.train import train_method
from sr_train.networks.lpips import Lpips
from sr_train.settings import METHODS
from sr_train.settings.esrgan import EsrganSettings
from tests.cli.answers import one_object, refusal
from tests.conftest import Command
from tests.photos import make_photo, write_photos

FIELDS = {
    "network": {"features": 4, "blocks": 1, "growth": 2},
    "crop": 24,
    "batch": 1,
    "psnr": {"steps": 3, "learning_rate": 1e-3, "betas": [0.9, 0.99], "milestones": [2]},
    "gan": {"steps": 1, "learning_rate": 1e-3, "betas": [0.9, 0.99], "milestones": []},
    "loss": {"perceptual": 0},
    "device": "cpu",
    "threads": 1,
    "validation_tiles": 1,
}


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory, client: Client) -> Path:
    """A store with noise and bicubic pairs."""
    base = tmp_path_factory.mktemp("trained")
    photos = write_photos(base / "photos", 3, 64, 96)
    place = str(base / "s.zarr")
    scan(place, client, source=photos)
    mine_noise(place, client, NoiseSettings(patch=16))
    build_pairs(place, client, PairSettings(scale=2, tile=24, kernels="bicubic", valid=0.3))
    return base / "s.zarr"


@pytest.fixture(scope="module")
def weights(store: Path) -> Path:
    settings = EsrganSettings.model_validate(FIELDS)
    return Path(train_method(str(store), "esrgan", settings, store.parent / "runs").weights)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Settings as a file, written as JSON, which is YAML."""
    import json

    path = tmp_path / "small.yaml"
    path.write_text(json.dumps(FIELDS))
    return path


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """HR images in hr, and every second pixel of them in lr."""
    for i in range(2):
        hr = make_photo(20 + i, 40, 52)
        write_png(tmp_path / "hr" / f"{i}.png", hr)
        write_png(tmp_path / "lr" / f"{i}.png", hr[::2, ::2])
    return tmp_path


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
    assert said.startswith("1 images have no partner of the same name") and "hr/2" in said
    said = refusal(degrade("evaluate", "--sr", "nowhere", "--hr", "hr", *border))
    assert said == "nowhere: not a folder; give the folder that holds the photos"


def test_a_border_that_leaves_nothing(degrade: Command, pictures: Path) -> None:
    said = refusal(degrade("evaluate", "--sr", "hr", "--hr", "hr", "--border", 500))
    assert "border" in said


def test_a_file_that_cannot_be_scored_is_named(degrade: Command, pictures: Path) -> None:
    Pillow.new("RGBA", (52, 40), (1, 2, 3, 4)).save(pictures / "hr" / "1.png")
    said = refusal(degrade("evaluate", "--sr", "hr", "--hr", "hr", "--border", 0))
    assert said.startswith("hr/1.png: has an alpha channel")


def test_export_a_model(degrade: Command, weights: Path, pictures: Path, tmp_path: Path) -> None:
    answer = one_object(degrade("export-model", weights, "model.pth", "--json"))
    assert answer == {
        "file": "model.pth",
        "architecture": "RRDBNet",
        "settings": {"scale": 2, "features": 4, "blocks": 1, "growth": 2},
    }
    for given, out in ((weights, "a.png"), ("model.pth", "b.png")):
        assert degrade("upscale", given, "lr/0.png", out).code == 0
    assert (read_image(tmp_path / "a.png") == read_image(tmp_path / "b.png")).all()
    shown = degrade("export-model", "model.pth", "old.pth", "--style", "old").out
    assert shown.startswith("RRDBNet x2, 4/1/2 written to old.pth (")
    said = refusal(degrade("export-model", weights, "model.txt"))
    assert said == "model.txt: give a file ending in .pth, .safetensors, .onnx"
    said = refusal(degrade("export-model", "none.pth", "model.pth"))
    assert said == "none.pth: no such weights file; check the path"


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
