"""ST-LPIPS and its VGG16 as features: against the authors' numbers, by name, refused in words."""

import importlib.util
from pathlib import Path

import pytest
import torch

from degrade.errors import WeightsError
from pipelines.stages.train import vgg_for
from sr_train.losses.perceptual import perceptual
from sr_train.networks.lpips import SMALLEST_SIDE, Lpips, open_lpips
from sr_train.networks.shift_tolerant import NAMES, TRUNKS, BlurPool, open_shift_tolerant_vgg16
from sr_train.networks.vgg19 import VggFeatures
from sr_train.settings import METHODS
from sr_train.settings.esrgan import EsrganSettings
from sr_train.weights import published
from sr_train.weights.published import FEATURES, Published
from sr_train.weights.weights_file import file_sha256

has_wheel = pytest.mark.skipif(
    importlib.util.find_spec("stlpips_pytorch") is None, reason="extra stlpips"
)
VGG16_LAYERS = {"conv1_1": 0.5, "relu5_3": 1.0}


def write_as_the_wheel(folder: Path, trunk: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Write seeded weights under the wheel's names, and let the published name stand for them."""
    state = {"scaling_layer.shift": torch.zeros(1, 3, 1, 1)}
    for key, value in TRUNKS[trunk]().state_dict().items():
        state[f"net.slice1.{key}"] = value
    network = Lpips(trunk)
    rng = torch.Generator().manual_seed(0)
    for i, row in enumerate(network.linear):
        state[f"lin{i}.model.1.weight"] = torch.rand(row.shape, generator=rng)
    (folder / "fake_st").mkdir()
    (folder / "fake_st" / "__init__.py").write_text("raise ImportError")
    path = folder / "fake_st" / "w.pth"
    torch.save(state, path)
    monkeypatch.syspath_prepend(folder)
    known = Published("fake-st", "fake_st", "w.pth", file_sha256(path), "MIT", "", "stlpips")
    monkeypatch.setitem(FEATURES, str(NAMES[trunk]), known)
    return path


def test_blurred_pooling_keeps_flat_maps_and_halves() -> None:
    for side in (4, 5, 8, 9):
        flat = torch.full((1, 2, side, side), 3.0)
        half = (side + 1) // 2 + 1
        torch.testing.assert_close(BlurPool(2)(flat), torch.full((1, 2, half, half), 3.0))
    stripes = torch.tensor([0.0, 1.0]).repeat(8).expand(1, 1, 16, 16)
    inner = BlurPool(1)(stripes)[..., 2:-2]
    torch.testing.assert_close(inner, torch.full_like(inner, 0.5))  # where picking would alias


@pytest.mark.parametrize("trunk", ["st-alex", "st-vgg"])
def test_weights_are_found_under_the_wheels_names(
    trunk: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_as_the_wheel(tmp_path, trunk, monkeypatch)
    network = open_lpips(trunk)
    assert [file.path for file in network.files] == [path]
    side = SMALLEST_SIDE[trunk]
    first, second = torch.rand(2, 1, 3, side, side)
    assert network(first, second) > 0 and network(first, first) == 0
    with pytest.raises(RuntimeError):
        network(*torch.rand(2, 1, 3, side - 1, side - 1))
    with pytest.raises(WeightsError, match=r"x\.pth: st-\w+ has all its weights from stlpips-py"):
        open_lpips(trunk, Path("x.pth"))


@has_wheel
@pytest.mark.parametrize(
    ("trunk", "published_value"), [("st-alex", 0.0031970639), ("st-vgg", 0.0066829487)]
)
def test_it_is_the_authors_number(trunk: str, published_value: float) -> None:
    """What stlpips-pytorch 0.0.2 itself gave of these two pictures, called as its page says."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        first = torch.rand(1, 3, 61, 84)
        second = (first + 0.1 * torch.randn_like(first)).clamp(0, 1)
    assert float(open_lpips(trunk)(first, second)) == pytest.approx(published_value, rel=1e-4)


def test_vgg16_as_features_of_the_perceptual_loss(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_as_the_wheel(tmp_path, "st-vgg", monkeypatch)
    settings = EsrganSettings(perceptual_layers=VGG16_LAYERS)
    vgg = vgg_for(settings, Path("stlpips-vgg16"), download=False)
    assert isinstance(vgg, VggFeatures) and [file.path for file in vgg.files] == [path]
    sr, hr = torch.rand(2, 1, 3, 32, 32)
    found = vgg(sr.requires_grad_())
    assert found["conv1_1"].shape == (1, 64, 32, 32) and found["relu5_3"].shape == (1, 512, 3, 3)
    perceptual(vgg, sr, hr, VGG16_LAYERS).backward()
    assert sr.grad is not None and sr.grad.abs().sum() > 0


def test_what_vgg16_cannot_do_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_as_the_wheel(tmp_path, "st-vgg", monkeypatch)
    with pytest.raises(WeightsError) as caught:
        open_shift_tolerant_vgg16(["conv5_4"])
    assert str(caught.value) == (
        "stlpips-vgg16: conv5_4: no VGG16 layer; names are conv1_1 to conv5_3 and relu1_1 ...: "
        "name others with --set 'perceptual_layers={conv5_3: 1.0}'"
    )
    with pytest.raises(WeightsError, match=r"stlpips-vgg16: is a VGG16 .* matching textures needs"):
        vgg_for(METHODS["srntt"](), Path("stlpips-vgg16"), download=False)


def test_the_package_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(published.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(WeightsError, match=r"stlpips-alex: is in the package stlpips-pytorch, .*"):
        open_lpips("st-alex")
    with pytest.raises(WeightsError, match=r"pip install 'degrade\[stlpips\]'"):
        open_lpips("st-vgg")
