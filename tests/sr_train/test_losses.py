"""Every loss against its textbook formula in float64."""

import numpy as np
import torch

from sr_train.losses.adversarial import discriminator_loss, generator_loss
from sr_train.losses.perceptual import perceptual
from sr_train.losses.pixel import l1
from sr_train.networks.vgg19 import random_vgg19


def _logits() -> tuple[torch.Tensor, torch.Tensor]:
    rng = torch.Generator().manual_seed(0)
    real, fake = (4 * torch.randn(3, 1, 5, 5, generator=rng, dtype=torch.float64) for _ in range(2))
    return real.requires_grad_(), fake.requires_grad_()


def _cross_entropy(logits: np.ndarray, label: int) -> float:
    p = 1 / (1 + np.exp(-logits))
    return float(-np.log(p if label else 1 - p).mean())


def test_pixel_is_mean_absolute_error() -> None:
    a, b = torch.rand(2, 3, 4, 4), torch.rand(2, 3, 4, 4)
    assert np.isclose(l1(a, b).item(), np.abs(a.numpy() - b.numpy()).mean())


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
