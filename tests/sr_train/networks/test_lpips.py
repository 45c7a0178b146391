"""LPIPS on seeded weights against its formula, and where its weights come from."""

import importlib.util
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from degrade.errors import WeightsError
from sr_train.networks import lpips
from sr_train.networks.lpips import Lpips, linear_weights, load_backbone, load_linear, open_lpips

CONVOLUTIONS = {
    "alex": {
        0: (3, 64, 11), 3: (64, 192, 5), 6: (192, 384, 3), 8: (384, 256, 3), 10: (256, 256, 3),
    },
    "vgg": {
        0: (3, 64, 3), 2: (64, 64, 3), 5: (64, 128, 3), 7: (128, 128, 3), 10: (128, 256, 3),
        12: (256, 256, 3), 14: (256, 256, 3), 17: (256, 512, 3), 19: (512, 512, 3),
        21: (512, 512, 3), 24: (512, 512, 3), 26: (512, 512, 3), 28: (512, 512, 3),
    },
}  # fmt: skip
"""torchvision's alexnet().features and vgg16().features: index, channels in and out, kernel."""
POOLS = {"alex": (0, 3), "vgg": (2, 7, 14, 21)}
"""Convolutions after whose ReLU there is a pooling."""
ENDS = {"alex": (0, 3, 6, 8, 10), "vgg": (2, 7, 14, 21, 28)}
"""Convolutions after whose ReLU LPIPS compares."""


def write(folder: Path, backbone: str) -> tuple[Path, Path]:
    rng = torch.Generator().manual_seed(0)
    trunk = {"classifier.1.weight": torch.zeros(2), "classifier.6.bias": torch.zeros(2)}
    for index, (inputs, outputs, side) in CONVOLUTIONS[backbone].items():
        deviation = (2 / inputs / side**2) ** 0.5
        weight = torch.randn(outputs, inputs, side, side, generator=rng) * deviation
        trunk[f"features.{index}.weight"] = weight
        trunk[f"features.{index}.bias"] = torch.randn(outputs, generator=rng) * 0.1
    channels = [CONVOLUTIONS[backbone][index][1] for index in ENDS[backbone]]
    linear = {
        f"lin{i}.model.1.weight": torch.rand(1, n, 1, 1, generator=rng)
        for i, n in enumerate(channels)
    }
    torch.save(trunk, folder / "trunk.pth")
    torch.save(linear, folder / "linear.pth")
    return folder / "trunk.pth", folder / "linear.pth"


def textbook(backbone: str, trunk: dict, linear: list[Tensor], images: list[Tensor]) -> Tensor:
    """Zhang et al., equation 1, layer by layer in float64."""
    shift, scale = torch.tensor([-0.030, -0.088, -0.188]), torch.tensor([0.458, 0.448, 0.450])
    total = torch.zeros(len(images[0]), dtype=torch.float64)
    planes = [(x.double() * 2 - 1 - shift.view(3, 1, 1)) / scale.view(3, 1, 1) for x in images]
    rows = iter(linear)
    for index in CONVOLUTIONS[backbone]:
        weight, bias = (trunk[f"features.{index}.{kind}"].double() for kind in ("weight", "bias"))
        stride, padding = {11: (4, 2), 5: (1, 2), 3: (1, 1)}[weight.shape[-1]]
        planes = [F.conv2d(x, weight, bias, stride, padding).clamp_min(0) for x in planes]
        if index in ENDS[backbone]:
            a, b = (x / (torch.linalg.vector_norm(x, dim=1, keepdim=True) + 1e-10) for x in planes)
            total += torch.einsum("c,bchw->b", next(rows).double().flatten(), (a - b) ** 2) / (
                a.shape[2] * a.shape[3]
            )
        if index in POOLS[backbone]:
            size = {"alex": 3, "vgg": 2}[backbone]
            planes = [F.max_pool2d(x, size, 2) for x in planes]
    return total


@pytest.mark.parametrize("backbone", ["alex", "vgg"])
def test_it_is_the_formula(tmp_path, backbone):
    network = Lpips(backbone)
    trunk, linear = write(tmp_path, backbone)
    load_backbone(network, trunk)
    load_linear(network, linear)
    first, second = torch.rand(2, 2, 3, 49, 64)
    expected = textbook(
        backbone,
        torch.load(trunk, weights_only=True),
        list(torch.load(linear, weights_only=True).values()),
        [first, second],
    )
    torch.testing.assert_close(network(first, second).double(), expected, rtol=1e-4, atol=0)
    assert (expected > 0).all() and (network(first, first) == 0).all()
    assert not any(parameter.requires_grad for parameter in network.parameters())


@pytest.mark.parametrize("backbone", ["alex", "vgg"])
def test_the_smallest_side(backbone):
    side = lpips.SMALLEST_SIDE[backbone]
    assert Lpips(backbone)(*torch.rand(2, 1, 3, side, side)).shape == (1,)
    with pytest.raises(RuntimeError):
        Lpips(backbone)(*torch.rand(2, 1, 3, side - 1, side - 1))


@pytest.mark.skipif(importlib.util.find_spec("lpips") is None, reason="extra lpips")
@pytest.mark.parametrize("backbone", ["alex", "vgg"])
def test_the_packages_own_linear_weights(tmp_path, backbone):
    trunk, _ = write(tmp_path, backbone)
    network = open_lpips(backbone, trunk)
    rows = torch.load(linear_weights(backbone), map_location="cpu", weights_only=True)
    images = list(torch.rand(2, 1, 3, 40, 40))
    expected = textbook(backbone, torch.load(trunk, weights_only=True), list(rows.values()), images)
    torch.testing.assert_close(network(*images).double(), expected, rtol=1e-4, atol=0)
    assert [file.path for file in network.files] == [trunk, linear_weights(backbone)]


def test_the_package_is_asked_for(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(WeightsError, match=r"needs the linear weights of the package lpips: pip"):
        linear_weights("alex")


def test_weights_of_the_other_backbone_are_refused(tmp_path):
    trunk, linear = write(tmp_path, "vgg")
    with pytest.raises(WeightsError, match=r"trunk\.pth: not torchvision's AlexNet: .*missing"):
        load_backbone(Lpips("alex"), trunk)
    with pytest.raises(WeightsError, match=r"not LPIPS's linear weights for alex: .*misshapen"):
        load_linear(Lpips("alex"), linear)
