"""Every loss against its textbook formula in float64."""

import json
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from degrade.errors import SettingsError, WeightsError
from degrade.yaml_settings import validated
from pipelines.stages.train import dists_for
from sr_train.data.batch import Batch
from sr_train.data.training_data import training_data
from sr_train.losses.adversarial import discriminator_loss, generator_loss, needs_real
from sr_train.losses.focal_frequency import focal_frequency
from sr_train.losses.ldl import artifacts, ldl
from sr_train.losses.ms_ssim import ms_ssim
from sr_train.losses.perceptual import SRGAN_SCALE, FrozenNetworks, contextual, perceptual
from sr_train.losses.pixel import pixel_loss
from sr_train.methods import esrgan, psnr
from sr_train.networks.dists import open_dists
from sr_train.networks.rrdbnet import RRDBNet
from sr_train.networks.vgg19 import random_vgg19
from sr_train.settings.choices import FurtherLoss, Objective, PixelLoss
from sr_train.settings.psnr import PsnrSettings
from sr_train.training import training_run
from tests.sr_train.networks.test_dists import write


def _logits() -> tuple[torch.Tensor, torch.Tensor]:
    rng = torch.Generator().manual_seed(0)
    real, fake = (4 * torch.randn(3, 1, 5, 5, generator=rng, dtype=torch.float64) for _ in range(2))
    return real.requires_grad_(), fake.requires_grad_()


def _cross_entropy(logits: np.ndarray, label: int) -> float:
    p = 1 / (1 + np.exp(-logits))
    return float(-np.log(p if label else 1 - p).mean())


PIXEL = {
    "l1": lambda d: np.abs(d).mean(),
    "charbonnier": lambda d: np.sqrt(d**2 + 1e-6).mean(),
    "mse": lambda d: (d**2).mean(),
}


@pytest.mark.parametrize("kind", get_args(PixelLoss))
def test_pixel_losses(kind: PixelLoss) -> None:
    a, b = torch.rand(2, 2, 3, 4, 4, dtype=torch.float64)
    expected = PIXEL[kind](a.numpy() - b.numpy())
    assert np.isclose(pixel_loss(a, b, kind).item(), expected, rtol=1e-12)


def _vanilla(r: np.ndarray, f: np.ndarray) -> tuple[float, float]:
    return _cross_entropy(r, 1) + _cross_entropy(f, 0), _cross_entropy(f, 1)


def _lsgan(r: np.ndarray, f: np.ndarray) -> tuple[float, float]:
    for_d = 0.5 * ((r - 1) ** 2).mean() + 0.5 * (f**2).mean()
    return for_d, 0.5 * ((f - 1) ** 2).mean()


def _hinge(r: np.ndarray, f: np.ndarray) -> tuple[float, float]:
    for_d = np.maximum(0, 1 - r).mean() + np.maximum(0, 1 + f).mean()
    return for_d, -f.mean()


@pytest.mark.parametrize(
    ("objective", "formula"), [("vanilla", _vanilla), ("lsgan", _lsgan), ("hinge", _hinge)]
)
def test_objectives_without_relativism(objective: Objective, formula) -> None:
    real, fake = _logits()
    for_d, for_g = formula(real.detach().numpy(), fake.detach().numpy())
    assert np.isclose(discriminator_loss(real, fake, objective).item(), for_d, rtol=1e-12)
    assert np.isclose(generator_loss(real, fake, objective).item(), for_g, rtol=1e-12)


@pytest.mark.parametrize("objective", get_args(Objective))
def test_who_needs_the_logits_of_real_images(objective: Objective) -> None:
    real, fake = _logits()
    same = generator_loss(real, fake, objective) == generator_loss(real + 1, fake, objective)
    assert bool(same) != needs_real(objective)


@pytest.mark.parametrize("objective", get_args(Objective))
def test_better_is_less(objective: Objective) -> None:
    """A discriminator that tells the two apart, and a generator that passes as real, lose less."""
    one = torch.ones(2, 1)
    assert discriminator_loss(one, -one, objective) < discriminator_loss(-one, one, objective)
    assert generator_loss(0 * one, one, objective) < generator_loss(0 * one, -one, objective)


def test_relativistic_average_losses() -> None:
    real, fake = _logits()
    r, f = real.detach().numpy(), fake.detach().numpy()
    over, under = r - f.mean(), f - r.mean()
    for_d = (_cross_entropy(over, 1) + _cross_entropy(under, 0)) / 2
    for_g = (_cross_entropy(over, 0) + _cross_entropy(under, 1)) / 2
    assert np.isclose(discriminator_loss(real, fake).item(), for_d, rtol=1e-12)
    assert np.isclose(generator_loss(real, fake).item(), for_g, rtol=1e-12)


def test_gradients_of_the_discriminator_pass_both_means() -> None:
    real, fake = _logits()
    discriminator_loss(real, fake).backward()
    assert real.grad is not None and fake.grad is not None
    # Both terms depend on differences only, so a common shift of all logits changes nothing.
    assert abs((real.grad.sum() + fake.grad.sum()).item()) < 1e-12


def test_no_gradient_reaches_real_logits_in_the_generator_step() -> None:
    real, fake = _logits()
    generator_loss(real, fake).backward()
    assert real.grad is None
    assert fake.grad is not None and (fake.grad < 0).any()


def test_perceptual_is_weighted_feature_distance_without_gradient_to_hr() -> None:
    vgg = random_vgg19(["conv1_1", "relu2_1"], seed=0).double()
    sr = torch.rand(1, 3, 8, 8, dtype=torch.float64, requires_grad=True)
    hr = torch.rand(1, 3, 8, 8, dtype=torch.float64, requires_grad=True)
    loss = perceptual(vgg, sr, hr, {"conv1_1": 0.5, "relu2_1": 2.0})
    a, b = vgg(sr), vgg(hr)
    expected = sum(
        weight * (a[name] - b[name]).abs().mean().item()
        for name, weight in {"conv1_1": 0.5, "relu2_1": 2.0}.items()
    )
    assert np.isclose(loss.item(), expected, rtol=1e-12)
    loss.backward()
    assert sr.grad is not None and sr.grad.any() and hr.grad is None


def test_srgan_perceptual_is_mse_of_features_over_12_75() -> None:
    vgg = random_vgg19(["relu2_2"], seed=0).double()
    sr, hr = torch.rand(2, 2, 3, 8, 8, dtype=torch.float64)
    a, b = (vgg(x)["relu2_2"].numpy() / 12.75 for x in (sr, hr))
    loss = perceptual(vgg, sr, hr, {"relu2_2": 1.0}, "mse", SRGAN_SCALE)
    assert np.isclose(loss.item(), ((a - b) ** 2).mean(), rtol=1e-12)
    assert np.isclose(SRGAN_SCALE**2, 0.006, atol=2e-4)


def _ssim_of_scale(a: np.ndarray, b: np.ndarray) -> tuple[float, float]:
    """Return means of SSIM and of its contrast-structure part, by plain loops over windows."""
    away = np.arange(11) - 5
    window = np.exp(-(away[:, None] ** 2 + away**2) / (2 * 1.5**2))
    window /= window.sum()
    both, structures = [], []
    for y in range(a.shape[0] - 10):
        for x in range(a.shape[1] - 10):
            p, q = a[y : y + 11, x : x + 11], b[y : y + 11, x : x + 11]
            m, n = (window * p).sum(), (window * q).sum()
            v, w = (window * (p - m) ** 2).sum(), (window * (q - n) ** 2).sum()
            structures.append((2 * (window * (p - m) * (q - n)).sum() + 9e-4) / (v + w + 9e-4))
            both.append((2 * m * n + 1e-4) / (m * m + n * n + 1e-4) * structures[-1])
    return float(np.mean(both)), float(np.mean(structures))


def test_ms_ssim() -> None:
    rng = torch.Generator().manual_seed(0)
    hr = torch.rand(1, 1, 26, 23, generator=rng, dtype=torch.float64)
    sr = (hr + 0.1 * torch.randn(hr.shape, generator=rng, dtype=torch.float64)).requires_grad_()
    fine = _ssim_of_scale(sr[0, 0].detach().numpy(), hr[0, 0].numpy())[1]
    halves = [F.avg_pool2d(x.detach(), 2)[0, 0].numpy() for x in (sr, hr)]
    coarse = _ssim_of_scale(*halves)[0]
    weights = np.array([0.0448, 0.2856]) / (0.0448 + 0.2856)
    found = ms_ssim(sr, hr)
    assert found.item() == pytest.approx(1 - fine ** weights[0] * coarse ** weights[1], rel=1e-6)
    assert abs(ms_ssim(hr, hr).item()) < 1e-9
    found.backward()
    assert sr.grad is not None and (sr.grad * (sr - hr)).sum() > 0  # towards HR is down


def test_focal_frequency() -> None:
    rng = torch.Generator().manual_seed(0)
    a, b = torch.rand(2, 2, 3, 6, 5, generator=rng, dtype=torch.float64)
    difference = np.fft.fft2((a - b).numpy()) / np.sqrt(30)
    size = np.abs(difference)
    expected = (size / size.max((2, 3), keepdims=True) * size**2).mean()
    assert focal_frequency(a, b).item() == pytest.approx(expected, rel=1e-6)
    assert focal_frequency(a, a).item() == 0
    waves = torch.zeros(1, 1, 16, 16)
    waves[..., ::2] = 0.1
    even = torch.full((1, 1, 16, 16), 0.05)
    assert focal_frequency(waves, even) > 10 * focal_frequency(
        even + 0.05 * torch.randn(even.shape, generator=rng) / 3, even
    )


def test_contextual() -> None:
    rng = torch.Generator().manual_seed(0)
    target = torch.randn(2, 8, 4, 5, generator=rng)
    order = torch.randperm(20, generator=rng)
    moved = target.flatten(2)[..., order].view_as(target)
    other = torch.randn(target.shape, generator=rng)
    same = contextual(target, target)
    assert contextual(moved, target).item() == pytest.approx(same.item(), rel=1e-4)
    assert -1e-4 < same < 0.01 < contextual(other, target)
    other.requires_grad_()
    contextual(other, target).backward()
    assert bool(other.grad.isfinite().all())
    a, b = other.detach().double(), target.double()
    centre = b.mean((0, 2, 3))
    means = []
    for x, y in zip(a.flatten(2), b.flatten(2), strict=True):
        x, y = (F.normalize(z - centre[:, None], dim=0) for z in (x, y))
        d = 1 - x.T @ y
        w = torch.exp((1 - d / (d.min(1, keepdim=True)[0] + 1e-5)) / 0.5)
        means.append((w / w.sum(1, keepdim=True)).max(0)[0].mean())
    expected = -torch.stack(means).log().mean()
    assert contextual(a, b).item() == pytest.approx(expected.item(), rel=1e-3)


def test_artifacts_by_the_formula() -> None:
    """Liang et al. 2022, section 3, pixel by pixel, and what flat and equal pictures give."""
    sr, hr, averaged = torch.rand(3, 2, 3, 9, 11, dtype=torch.float64)
    found, expected = artifacts(sr, hr, averaged), np.zeros((2, 9, 11))
    for b in range(2):
        residual, before = ((hr[b] - each[b]).abs().sum(0).numpy() for each in (sr, averaged))
        around = np.pad(residual, 3, mode="reflect")
        for row, col in np.ndindex(9, 11):
            if residual[row, col] >= before[row, col]:
                local = around[row : row + 7, col : col + 7].var(ddof=1)
                expected[b, row, col] = residual.var(ddof=1) ** 0.2 * local
    assert 0 < (expected == 0).mean() < 1
    np.testing.assert_allclose(found[:, 0], expected, rtol=1e-10)
    assert ldl(sr, hr, averaged).item() == pytest.approx(
        np.mean(expected[:, None] * (sr - hr).abs().numpy()), rel=1e-10
    )
    equal = hr.clone().requires_grad_()
    ldl(equal, hr, hr).backward()
    assert equal.grad is not None and not equal.grad.any(), "no gradient, and no NaN"


def test_details_that_the_average_lacks_are_left_alone() -> None:
    """Where SR is nearer to HR than the averaged weights' nothing is taken for an artifact."""
    hr = torch.rand(1, 3, 16, 16)
    worse, better = (hr + amount * torch.randn(1, 3, 16, 16) for amount in (0.3, 0.01))
    assert ldl(better, hr, worse) < 0.01 * ldl(better, hr, better)
    assert ldl(worse, hr, better) > 0.9 * ldl(worse, hr, worse) > 0


@pytest.mark.parametrize("method", [psnr, esrgan])
def test_ldl_looks_at_the_averaged_weights(make_settings, method) -> None:
    """In the first step they are the generator's own; later they are not."""
    further: dict[str, Any] = {"further": {"ldl": 1.0}, "ema": 0.9}
    settings = make_settings(**further)
    if method is psnr:
        rates = settings.psnr.model_dump()
        settings = PsnrSettings(psnr=rates, crop=24, batch=2, **further)
    torch.manual_seed(0)
    generator = RRDBNet(2, features=8, blocks=1, growth=4)
    builder = method.gan_stage if method is esrgan else method.psnr_stage
    stage = builder(settings, generator, FrozenNetworks())
    lr, hr = torch.rand(2, 3, 12, 12), torch.rand(2, 3, 24, 24)

    def expected() -> float:
        with torch.no_grad():
            return float(ldl(generator(lr), hr, stage.average(lr)))

    first, before = expected(), expected()
    assert float(stage.step(Batch(lr, hr))["ldl"]) == pytest.approx(first, rel=1e-4)
    for value in stage.average.parameters():
        value.data.mul_(1.5)
    assert float(stage.step(Batch(lr, hr))["ldl"]) != pytest.approx(before, rel=1e-4)
    stage = builder(settings, generator, FrozenNetworks())
    for value in stage.average.parameters():
        value.data.mul_(1.5)
    second = expected()
    assert float(stage.step(Batch(lr, hr))["ldl"]) == pytest.approx(second, rel=1e-4)


def test_what_ldl_needs_is_said() -> None:
    stage = {"steps": 2, "optimiser": "schedule-free"}
    for fields in ({"ema": 0}, {"psnr": stage}, {"crop": 3}):
        with pytest.raises(SettingsError) as caught:
            validated(PsnrSettings, {"further": {"ldl": 1}, **fields}, "train psnr")
        assert str(caught.value).startswith(
            "train psnr: further.ldl needs a crop of at least 4, not 3"
            if "crop" in fields
            else "train psnr: further.ldl compares with averaged weights in every step: set ema "
            "above 0, and optimiser adam or adamw"
        )


def test_dists_as_a_loss_is_refused_without_its_weights(
    make_pairs, make_settings, tmp_path, monkeypatch
) -> None:
    monkeypatch.setattr(torch.hub, "_hub_dir", str(tmp_path))
    settings = make_settings(noise=False, further={"dists": 1.0})
    data = training_data(make_pairs(), None, settings)
    for refused in (
        lambda: training_run.train(esrgan.METHOD, data, settings, tmp_path / "run"),
        lambda: dists_for(settings, None),
    ):
        with pytest.raises(WeightsError, match=r"DISTS needs ImageNet .* --dists-weights FILE"):
            refused()
    assert not (tmp_path / "run").exists()
    assert dists_for(make_settings(gan=0, further={"dists": 1.0}), None) is None


def test_every_further_loss_trains(make_pairs, make_noise, tmp_path, monkeypatch) -> None:
    rates = {"steps": 2, "learning_rate": 1e-3}
    fields = {"crop": 24, "batch": 2, "device": "cpu", "log_every": 1, "psnr": rates}
    fields |= {"network": {"features": 4, "blocks": 1, "growth": 4}}
    fields |= {"further": dict.fromkeys(get_args(FurtherLoss), 0.5)}
    settings = PsnrSettings.model_validate(fields)
    seen: list[dict[str, float]] = []
    data = training_data(make_pairs(), make_noise(), settings)
    watch = {"progress": lambda now: seen.append(now.values)}
    dists = open_dists(write(tmp_path, monkeypatch)[0])
    training_run.train(psnr.METHOD, data, settings, tmp_path / "run", dists=dists, **watch)
    assert {"pixel", *get_args(FurtherLoss)} <= seen[-1].keys()
    known = json.loads((tmp_path / "run" / "provenance.json").read_text())["data"]["dists"]
    assert [Path(file["path"]).name for file in known] == ["vgg16.pth", "weights.pt"]
    before, after = seen[0]["dists"], seen[-1]["dists"]
    assert 0 < after < 1 and before != after
