"""WGAN-GP and its critic: values and gradients of a textbook version, sizes, refusals."""

import pytest
import torch
from torch import nn

from degrade.errors import SettingsError
from sr_train.compute.device import seeded
from sr_train.losses.adversarial import (
    PENALTY,
    critic_loss,
    gradient_penalty,
    wasserstein_generator_loss,
)
from sr_train.reference.texture_discriminator import TextureDiscriminator


class Linear(nn.Module):
    """D(x) = <w, x>: its gradient is w everywhere."""

    def __init__(self, norm: float) -> None:
        super().__init__()
        w = torch.randn(3, 8, 8, generator=torch.Generator().manual_seed(0))
        self.w = nn.Parameter(w * (norm / w.norm()))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return (self.w * x).sum((1, 2, 3))[:, None]


@pytest.mark.parametrize("norm", [0.5, 1.0, 3.0])
def test_the_penalty_is_that_of_a_known_gradient(norm: float) -> None:
    critic, (real, fake) = Linear(norm), torch.rand(2, 4, 3, 8, 8)
    found = gradient_penalty(critic, real, fake, torch.rand(4))
    assert found.item() == pytest.approx((norm - 1) ** 2, abs=1e-6)
    loss = critic_loss(critic, real, fake, torch.rand(4))
    expected = critic(fake).mean() - critic(real).mean() + PENALTY * (norm - 1) ** 2
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5, abs=1e-5)
    assert wasserstein_generator_loss(critic(fake)).item() == pytest.approx(
        -critic(fake).mean().item()
    )


def test_loss_and_gradients_are_the_textbooks() -> None:
    with seeded(0):
        critic = TextureDiscriminator(32, norm=0)
        real, fake, mix = torch.rand(2, 3, 32, 32), torch.rand(2, 3, 32, 32), torch.rand(2)
    penalties = []
    for one, other, share in zip(real, fake, mix, strict=True):
        point = (share * one + (1 - share) * other).requires_grad_(True)
        (slope,) = torch.autograd.grad(critic(point[None])[0, 0], point, create_graph=True)
        penalties.append((torch.linalg.vector_norm(slope) - 1) ** 2)
    expected = critic(fake).mean() - critic(real).mean() + 10 * sum(penalties) / 2
    wanted = torch.autograd.grad(expected, list(critic.parameters()))
    trained = fake.clone().requires_grad_(True)
    loss = critic_loss(critic, real, trained, mix)
    loss.backward()
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)
    for parameter, gradient in zip(critic.parameters(), wanted, strict=True):
        torch.testing.assert_close(parameter.grad, gradient, rtol=1e-3, atol=1e-6)
    assert trained.grad is None, "the critic's loss does not reach the generator"


@pytest.mark.parametrize(("norm", "crop"), [(0, 160), (1, 160), (0, 32)])
def test_the_critics_sizes(norm: int, crop: int) -> None:
    critic = TextureDiscriminator(crop, norm)
    convolutions = [m for m in critic.modules() if isinstance(m, nn.Conv2d)]
    assert [c.out_channels for c in convolutions] == [
        n for c in (32, 64, 128, 256, 512) for n in (c, c)
    ]
    assert all((c.bias is None) == bool(norm) for c in convolutions)
    assert sum(isinstance(m, nn.BatchNorm2d) for m in critic.modules()) == 10 * norm
    dense = [m for m in critic.modules() if isinstance(m, nn.Linear)]
    assert [(d.in_features, d.out_features) for d in dense] == [
        (512 * (crop // 32) ** 2, 1024),
        (1024, 1),
    ]
    assert critic(torch.zeros(2, 3, crop, crop)).shape == (2, 1)


def test_a_crop_that_the_critic_cannot_take() -> None:
    with pytest.raises(SettingsError, match="crop is 100: the discriminator takes multiples of 32"):
        TextureDiscriminator(100)
