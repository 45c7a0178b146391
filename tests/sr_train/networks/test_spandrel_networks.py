"""Networks of the package spandrel: configured, trained, resumed, exported, tiled, refused."""

import importlib
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import torch

from degrade.errors import DegradeError, SettingsError, WeightsError
from degrade.images.write import write_png
from sr_train import settings as known
from sr_train.api import evaluate, upscale
from sr_train.architectures import described
from sr_train.data.training_data import training_data
from sr_train.export.export_model import export_model
from sr_train.inference.upscaling import Tiling, upscale_float
from sr_train.methods import METHODS
from sr_train.network_files import load_network
from sr_train.networks.receptive_field import measured_reach
from sr_train.networks.rrdbnet import RRDBNet
from sr_train.networks.spandrel_network import SpandrelNetwork, configured
from sr_train.settings.choices import OtherArchitecture
from sr_train.training import training_run
from sr_train.training.loop import Progress
from tests.photos import make_photo

spandrel = pytest.importorskip("spandrel", exc_type=Exception)

SMALL: dict[str, dict[str, Any]] = {
    "Compact": {"num_feat": 8, "num_conv": 2},
    "SPAN": {"feature_channels": 8},
    "RealPLKSR": {"dim": 16, "n_blocks": 2},
    "DAT": {"embed_dim": 16, "depth": [2], "num_heads": [2], "split_size": [2, 4]},
    "SwinIR": {"embed_dim": 12, "depths": [2, 2], "num_heads": [2, 2]},
    "OmniSR": {"num_feat": 16},
}
BOUNDED = ("Compact", "SPAN", "SwinIR")
"""Networks whose pixels of tiles are those of the whole picture; the others see all of it."""

RATES = {"learning_rate": 1e-3, "betas": [0.9, 0.99], "milestones": []}
COMMON = {
    "crop": 32,
    "batch": 2,
    "psnr": {"steps": 2, **RATES},
    "device": "cpu",
    "threads": 1,
    "log_every": 1,
    "save_every": 1,
    "validate_every": 2,
    "validation_tiles": 1,
    "noise": False,
}


def settings_of(method: str, architecture: str, **fields: Any):
    network = {"architecture": architecture, **SMALL[architecture]}
    return known.METHODS[method].model_validate(COMMON | {"network": network} | fields)


def train(method: str, settings, folder: Path, pairs, **options) -> Path:
    return training_run.train(
        METHODS[method], training_data(pairs, None, settings), settings, folder, **options
    )


@pytest.fixture(scope="module", params=SMALL)
def small(request) -> SpandrelNetwork:
    torch.manual_seed(0)
    return configured(request.param, 2, SMALL[request.param]).eval()


def saved(network: SpandrelNetwork, folder: Path) -> Path:
    torch.save({"params": network.state_dict()}, folder / "w.pth")
    return folder / "w.pth"


@pytest.mark.parametrize("architecture", SMALL)
def test_trained_stopped_and_resumed_is_the_same_to_the_bit(
    tmp_path: Path, make_pairs, architecture: str
) -> None:
    settings = settings_of("psnr", architecture)
    whole = train("psnr", settings, tmp_path / "whole", make_pairs())

    def stop(now: Progress) -> None:
        if now.step == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train("psnr", settings, tmp_path / "run", make_pairs(), progress=stop)
    again = train("psnr", settings, tmp_path / "run", make_pairs(), resume=True)
    assert again.read_bytes() == whole.read_bytes()
    network = load_network(whole)
    assert described(network) == f"{architecture} x2"
    begun = train("psnr", settings, tmp_path / "more", make_pairs(), init=whole)
    assert begun.read_bytes() != whole.read_bytes()


@pytest.mark.parametrize("method", ["esrgan", "srgan"])
def test_gans_train_them(tmp_path: Path, make_pairs, method: str) -> None:
    gan = {"gan": {"steps": 1, **RATES}, "loss": {"perceptual": 0.0, "adversarial": 0.1}}
    weights = train(method, settings_of(method, "Compact", **gan), tmp_path, make_pairs())
    assert isinstance(load_network(weights), SpandrelNetwork)


def test_any_program_that_reads_by_spandrel_gets_the_same_pixels(
    tmp_path: Path, small: SpandrelNetwork
) -> None:
    given = saved(small, tmp_path)
    lr = torch.rand(1, 3, 19, 23)
    for name in ("out.pth", "out.safetensors"):
        export_model(given, tmp_path / name)
        theirs = spandrel.ModelLoader().load_from_file(tmp_path / name).eval()
        with torch.no_grad():
            torch.testing.assert_close(theirs(lr), small(lr).clamp(0, 1), atol=1e-6, rtol=0)
        assert load_network(tmp_path / name).arguments == small.arguments


def test_pictures_of_any_size_are_upscaled_and_scored(
    tmp_path: Path, small: SpandrelNetwork
) -> None:
    network = load_network(saved(small, tmp_path))
    for sides in ((5, 9), (16, 31)):
        picture = make_photo(0, *sides)
        assert upscale(network, picture).shape == (2 * sides[0], 2 * sides[1], 3)
    for name, sides in (("lr", (24, 20)), ("hr", (48, 40))):
        (tmp_path / name).mkdir()
        write_png(tmp_path / name / "a.png", make_photo(0, *sides))
    assert 0 < evaluate(network, tmp_path / "hr", tmp_path / "lr").mean.psnr < 100


def test_tiles_are_exact_or_their_seams_are_measured(small: SpandrelNetwork) -> None:
    name = small.arguments["architecture"]
    side = 4 * small.radius + 40 if name in BOUNDED else 120
    photo = make_photo(1, side, 40)
    whole = upscale_float(small, photo, Tiling(side))
    tiled = upscale_float(small, photo, Tiling(24))
    seam = float(np.abs(whole - tiled).max()) * 255
    print(f"{name}: overlap {small.radius}, largest difference of a seam {seam:.3f} of 255")
    assert (name in BOUNDED) == (small.reach.seam is None)
    if name in BOUNDED:
        assert seam < 0.01
        assert small.tiling_note() is None
    else:
        assert seam < 10
        assert f"overlap by {small.radius} LR pixels" in (small.tiling_note() or "")


@pytest.mark.parametrize("scale", [1, 2, 4])
def test_how_far_a_network_sees_is_found_by_trying(scale: int) -> None:
    network = RRDBNet(scale, features=4, blocks=1, growth=2)
    found = measured_reach(network, network.multiple, 1)
    # The network's own figure is for a block's farthest pixel, whichever that is.
    assert network.radius - network.multiple < found.pixels <= network.radius
    assert found.seam is None


def test_every_name_in_the_settings_is_a_class_of_spandrel() -> None:
    from sr_train.networks.spandrel_network import _classes

    assert set(get_args(OtherArchitecture)) <= {name for name, _, _ in _classes()}


@pytest.mark.parametrize(
    ("architecture", "size", "text"),
    [
        ("Compact", {"num_feet": 3}, r"network.num_feet: Compact takes no .*takes num_feat, num_c"),
        (
            "SPAN",
            {"img_range": 1.0},
            r"network.img_range: the weights of SPAN do not tell 1.0.*255",
        ),
        ("SCUNet", {}, r"SCUNet enlarges by 1 here, the pairs by 2"),
        ("SwinIR", {"window_size": 7}, r"network: SwinIR cannot be built: "),
    ],
)
def test_what_cannot_be_configured(architecture: str, size: dict[str, Any], text: str) -> None:
    with pytest.raises(SettingsError, match=text):
        configured(architecture, 2, size)


def test_a_file_of_a_known_networks_names_with_impossible_shapes(tmp_path: Path) -> None:
    tensors = dict.fromkeys(("body.0.weight", "body.1.weight", "body.2.bias"), torch.ones(1))
    torch.save(tensors, tmp_path / "w.pth")
    with pytest.raises(WeightsError, match=r"w\.pth: spandrel cannot load it: "):
        load_network(tmp_path / "w.pth")


def test_without_the_package_its_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = saved(configured("Compact", 2, SMALL["Compact"]), tmp_path)

    def missing(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr(importlib, "import_module", missing)
    with pytest.raises(DegradeError, match=r"pip install 'degrade\[spandrel\]'"):
        configured("Compact", 2, {})
    with pytest.raises(WeightsError, match=r"of no network .*pip install 'degrade\[spandrel\]'"):
        load_network(given)
