"""VGG19: torchvision's keys and shapes, features, and where the weights come from."""

from pathlib import Path

import pytest
import torch

from degrade.errors import WeightsError
from sr_train.networks import vgg19
from sr_train.networks.vgg19 import VGG19Features, layer_index, open_vgg19, random_vgg19

SHAPES = {
    0: (64, 3), 2: (64, 64), 5: (128, 64), 7: (128, 128), 10: (256, 128), 12: (256, 256),
    14: (256, 256), 16: (256, 256), 19: (512, 256), 21: (512, 512), 23: (512, 512),
    25: (512, 512), 28: (512, 512), 30: (512, 512), 32: (512, 512), 34: (512, 512),
}  # fmt: skip
"""torchvision's vgg19().features: index of each convolution, output and input channels."""


@pytest.fixture(scope="module")
def weights_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file in torchvision's layout, classifier included (its shapes do not matter here)."""
    rng = torch.Generator().manual_seed(0)
    state = {"classifier.0.weight": torch.zeros(1), "classifier.6.bias": torch.zeros(1)}
    for index, (outputs, inputs) in SHAPES.items():
        state[f"features.{index}.weight"] = torch.rand(outputs, inputs, 3, 3, generator=rng) - 0.5
        state[f"features.{index}.bias"] = torch.rand(outputs, generator=rng)
    path = tmp_path_factory.mktemp("vgg") / "vgg19.pth"
    torch.save(state, path)
    return path


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(torch.hub, "_hub_dir", None)
    return tmp_path / "hub" / "checkpoints" / "vgg19-dcbb9e9d.pth"


def test_layer_names() -> None:
    names = {"conv1_1": 0, "relu1_1": 1, "relu2_1": 6, "relu3_1": 11, "conv5_4": 34, "relu5_4": 35}
    assert {name: layer_index(name) for name in names} == names
    with pytest.raises(ValueError, match="conv1_3"):
        layer_index("conv1_3")


def test_whole_file_loads_and_is_what_is_computed(weights_file: Path) -> None:
    vgg = open_vgg19(["conv1_2", "conv5_4"], weights_file)
    state = vgg.state_dict()
    assert {key: tuple(value.shape[:2]) for key, value in state.items() if "weight" in key} == {
        f"features.{index}.weight": shape for index, shape in SHAPES.items()
    }
    image = torch.rand(1, 3, 16, 16)
    mean, std = torch.tensor(vgg19.MEAN), torch.tensor(vgg19.STD)
    x = (image - mean.view(3, 1, 1)) / std.view(3, 1, 1)
    conv = torch.nn.functional.conv2d
    x = conv(x, state["features.0.weight"], state["features.0.bias"], padding=1).clamp_min(0)
    x = conv(x, state["features.2.weight"], state["features.2.bias"], padding=1)
    found = vgg(image)
    torch.testing.assert_close(found["conv1_2"], x)
    assert found["conv5_4"].shape == (1, 512, 1, 1)
    assert not any(p.requires_grad for p in vgg.parameters())


def test_features_before_and_after_relu() -> None:
    vgg = random_vgg19(["conv3_1", "relu3_1"], seed=0)
    found = vgg(torch.rand(1, 3, 16, 16))
    assert (found["conv3_1"] < 0).any()
    assert torch.equal(found["relu3_1"], found["conv3_1"].clamp_min(0))


def test_only_as_deep_as_needed(weights_file: Path) -> None:
    vgg = open_vgg19(["conv2_1"], weights_file)
    assert list(vgg.state_dict()) == [
        f"features.{i}.{p}" for i in (0, 2, 5) for p in ("weight", "bias")
    ]


def test_the_hub_cache_is_found(hub: Path, weights_file: Path) -> None:
    hub.parent.mkdir(parents=True)
    hub.symlink_to(weights_file)
    assert open_vgg19(["conv1_1"]).state_dict()["features.0.weight"].shape == (64, 3, 3, 3)


def test_missing_weights_offer_the_choice(hub: Path, tmp_path: Path) -> None:
    with pytest.raises(WeightsError) as caught:
        open_vgg19(["conv5_4"])
    assert str(caught.value) == (
        f"the perceptual loss needs VGG19's weights ({hub} is not there): give torchvision's "
        "vgg19-dcbb9e9d.pth with --vgg-weights FILE, or train without that loss with "
        "--no-perceptual"
    )
    with pytest.raises(WeightsError, match=r"nowhere.pth: no such weights file; check the path"):
        open_vgg19(["conv5_4"], tmp_path / "nowhere.pth")


def test_download_checks_the_hash(
    hub: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "source.pth"
    source.write_bytes(b"something else")
    monkeypatch.setattr(vgg19, "URL", source.as_uri())
    with pytest.raises(WeightsError, match=r"download failed \(invalid hash value .*--vgg-weights"):
        open_vgg19(["conv1_1"], download=True)
    assert not hub.exists()


def test_download_lands_in_the_hub_cache(
    hub: Path, tmp_path: Path, weights_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import hashlib

    monkeypatch.setattr(vgg19, "URL", weights_file.as_uri())
    digest = hashlib.sha256(weights_file.read_bytes()).hexdigest()
    monkeypatch.setattr(vgg19, "HASH_PREFIX", digest[:8])
    open_vgg19(["conv1_1"], download=True)
    assert hub.is_file()


def test_wrong_files_are_named_with_their_faults(tmp_path: Path) -> None:
    path = tmp_path / "other.pth"
    wanted = VGG19Features(["conv1_2"]).state_dict()
    state = {key: value for key, value in wanted.items() if key != "features.0.bias"}
    state["features.2.weight"] = torch.zeros(64, 32, 3, 3)
    state["conv.weight"] = torch.zeros(1)
    torch.save(state, path)
    with pytest.raises(WeightsError) as caught:
        open_vgg19(["conv1_2"], path)
    assert str(caught.value) == (
        f"{path}: not torchvision's VGG19: 1 missing: features.0.bias; 1 unexpected: conv.weight; "
        "1 misshapen: features.2.weight (64, 32, 3, 3) instead of (64, 64, 3, 3)"
    )


def test_random_features_depend_on_the_seed_and_leave_the_global_generator() -> None:
    before = torch.get_rng_state()
    first, again, other = (random_vgg19(["conv1_1"], seed) for seed in (0, 0, 1))
    key = "features.0.weight"
    assert torch.equal(first.state_dict()[key], again.state_dict()[key])
    assert not torch.equal(first.state_dict()[key], other.state_dict()[key])
    assert torch.equal(before, torch.get_rng_state())
