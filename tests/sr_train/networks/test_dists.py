"""DISTS against its formula in float64, and where its weights come from."""

import importlib.util
import re
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from degrade.errors import WeightsError
from sr_train.networks import dists
from sr_train.networks.dists import CHANNELS, Dists, HalvedByEnergy, open_dists
from sr_train.networks.vgg19 import MEAN, STD, vgg_stack

ENDS, POOLED = (3, 8, 15, 22, 29), (4, 9, 16, 23)
"""Indices in torchvision's vgg16().features of the blocks' last ReLUs and of the poolings."""


def write(folder: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """Write seeded weights as torchvision and torchmetrics have them."""
    rng = torch.Generator().manual_seed(0)
    state = {"classifier.0.weight": torch.zeros(1)}
    for key, value in torch.nn.Sequential(*vgg_stack(16)).state_dict().items():
        fan = value[0].numel() if value.ndim == 4 else 1e4
        state[f"features.{key}"] = torch.randn(value.shape, generator=rng) * (2 / fan) ** 0.5
    torch.save(state, folder / "vgg16.pth")
    weights = folder / "torchmetrics" / "functional" / "image" / "dists_models"
    weights.mkdir(parents=True)
    (folder / "torchmetrics" / "__init__.py").write_text("raise ImportError")
    size = (1, sum(CHANNELS), 1, 1)
    rows = {name: torch.rand(size, generator=rng) for name in ("alpha", "beta")}
    torch.save(rows, weights / "weights.pt")
    monkeypatch.syspath_prepend(folder)
    monkeypatch.delitem(sys.modules, "torchmetrics", raising=False)  # the installed one, if used
    return folder / "vgg16.pth", weights / "weights.pt"


def textbook(trunk: dict, rows: dict, images: list[np.ndarray]) -> float:
    """Ding et al. 2020, equations 2 to 6, channel by channel."""
    planes = []
    for image in images:
        x = (image - np.reshape(MEAN, (3, 1, 1))) / np.reshape(STD, (3, 1, 1))
        maps = [image]
        tensor = torch.from_numpy(x)[None]
        for index in range(30):
            if f"features.{index}.weight" in trunk:
                weight, bias = (trunk[f"features.{index}.{k}"].double() for k in ("weight", "bias"))
                tensor = F.conv2d(tensor, weight, bias, padding=1)
            elif index in POOLED:
                window = torch.outer(*[torch.tensor([0.25, 0.5, 0.25], dtype=torch.float64)] * 2)
                squares = F.conv2d(tensor[0, :, None] ** 2, window[None, None], None, 2, 1)
                tensor = (squares[None, :, 0] + 1e-12).sqrt()
            else:
                tensor = tensor.clamp_min(0)
            if index in ENDS:
                maps.append(tensor[0].numpy())
        planes.append([channel for level in maps for channel in level])
    total = 0.0
    for alpha, beta, x, y in zip(*(rows[n].flatten().double() for n in rows), *planes, strict=True):
        means = (2 * x.mean() * y.mean() + 1e-6) / (x.mean() ** 2 + y.mean() ** 2 + 1e-6)
        covariance = np.mean((x - x.mean()) * (y - y.mean()))
        total += alpha * means + beta * (2 * covariance + 1e-6) / (x.var() + y.var() + 1e-6)
    return 1 - float(total / sum(rows[n].double().sum() for n in rows))


def test_it_is_the_formula(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trunk, rows = write(tmp_path, monkeypatch)
    network = open_dists(trunk)
    assert [file.path for file in network.files] == [trunk, rows]
    first, second = np.random.default_rng(0).random((2, 3, 33, 38))
    expected = textbook(*(torch.load(p, weights_only=True) for p in (trunk, rows)), [first, second])
    found = [torch.from_numpy(image).float()[None] for image in (first, second)]
    assert float(network(*found)) == pytest.approx(expected, rel=1e-3)
    assert abs(float(network(found[0], found[0]))) < 1e-5 < expected


def test_gradients_flow_and_flat_maps_keep_their_energy() -> None:
    flat = torch.full((1, 2, 8, 8), 3.0)
    torch.testing.assert_close(HalvedByEnergy()(flat)[..., 1:, 1:], flat[..., :3, :3])
    sr = torch.rand(1, 3, 16, 16, requires_grad=True)
    Dists()(sr, torch.rand(1, 3, 16, 16)).sum().backward()
    assert sr.grad is not None and bool(sr.grad.isfinite().all()) and sr.grad.abs().sum() > 0


def test_what_is_missing_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trunk, _ = write(tmp_path, monkeypatch)
    monkeypatch.setattr(torch.hub, "_hub_dir", str(tmp_path))
    where = re.escape(str(tmp_path / "checkpoints" / "vgg16-397923af.pth"))
    with pytest.raises(WeightsError, match=rf"DISTS needs ImageNet .*{where}.* --dists-weights"):
        open_dists()
    torch.save({"features.0.weight": torch.zeros(1)}, tmp_path / "other.pth")
    with pytest.raises(WeightsError, match=r"other\.pth: not torchvision's VGG16: 25 missing"):
        open_dists(tmp_path / "other.pth")
    monkeypatch.setattr(dists.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(WeightsError, match=r"torchmetrics 1\.8 or newer: pip install 'degrade\[di"):
        open_dists(trunk)


@pytest.mark.skipif(importlib.util.find_spec("torchmetrics") is None, reason="extra dists")
def test_the_packages_own_weights_are_a_partition() -> None:
    rows = torch.load(dists.channel_weights(), weights_only=True)
    assert float(rows["alpha"].sum() + rows["beta"].sum()) == pytest.approx(1, abs=1e-4)
