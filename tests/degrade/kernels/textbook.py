"""KernelGAN layer by layer, one photo at a time: what the batched version is held against."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import spectral_norm

TAPS = (7, 5, 3, 1, 1, 1)


class Generator(nn.Module):
    """Six convolutions without activation; an RGB crop's channels are its batch."""

    def __init__(self) -> None:
        super().__init__()
        sides = [1, 64, 64, 64, 64, 64, 1]
        self.layers = nn.Sequential(
            *(
                nn.Conv2d(sides[i], sides[i + 1], taps, stride=2 if i == 5 else 1, bias=False)
                for i, taps in enumerate(TAPS)
            )
        )

    def forward(self, crop: Tensor) -> Tensor:
        """[1, 3, 64, 64] -> [1, 3, 26, 26]."""
        return self.layers(crop.transpose(0, 1)).transpose(0, 1)

    def kernel(self) -> Tensor:
        """Send an impulse through the layers: [13, 13]."""
        response = torch.ones(1, 1, 1, 1, dtype=self.layers[0].weight.dtype)
        for i, layer in enumerate(self.layers):
            response = F.conv2d(response, layer.weight, padding=12 if i == 0 else 0)
        return response[0, 0].flip(0, 1)


class Discriminator(nn.Module):
    """7x7, five 1x1 with batch norm and ReLU, 1x1 and a sigmoid; spectral norm throughout."""

    def __init__(self) -> None:
        super().__init__()
        self.first = spectral_norm(nn.Conv2d(3, 64, 7))
        self.hidden = nn.ModuleList(spectral_norm(nn.Conv2d(64, 64, 1)) for _ in range(5))
        self.norms = nn.ModuleList(nn.BatchNorm2d(64) for _ in range(5))
        self.last = spectral_norm(nn.Conv2d(64, 1, 1))

    def forward(self, crop: Tensor) -> Tensor:
        """[1, 3, 26, 26] -> [1, 1, 20, 20]."""
        x = self.first(crop)
        for conv, norm in zip(self.hidden, self.norms, strict=True):
            x = F.relu(norm(conv(x)))
        return torch.sigmoid(self.last(x))


class KernelGAN:
    """Both networks, their optimisers and the loss terms of one photo."""

    def __init__(self, as_published: bool = False) -> None:
        self.generator, self.discriminator = Generator(), Discriminator()
        self.as_published = as_published
        self.bicubic_weight, self.centre_weight, self.sparse_weight = 5.0, 0.0, 0.0
        self.optimisers = [
            torch.optim.Adam(network.parameters(), lr=2e-4, betas=(0.5, 0.999))
            for network in (self.generator, self.discriminator)
        ]
        self.mask = torch.from_numpy(boundary_mask())

    def step(self, big: Tensor, real: Tensor, fake_noise: Tensor) -> tuple[float, float]:
        """Train both networks on one pair of crops; return their losses."""
        generator_loss = self.generator_loss(big)
        self._descend(0, generator_loss)
        discriminator_loss = self.discriminator_loss(big, real, fake_noise)
        self._descend(1, discriminator_loss)
        return generator_loss.item(), discriminator_loss.item()

    def generator_loss(self, big: Tensor) -> Tensor:
        fake = self.generator(big)
        score = self.discriminator(fake)
        loss = F.l1_loss(score, torch.ones_like(score))
        if not self.as_published and self.generator.kernel().sum() < 0.5:
            loss = 0 * loss
        loss = loss + self.bicubic_weight * self.bicubic_loss(big, fake)
        return loss + self.penalties(self.generator.kernel())

    def discriminator_loss(self, big: Tensor, real: Tensor, fake_noise: Tensor) -> Tensor:
        real_score = self.discriminator(real)
        fake_score = self.discriminator((self.generator(big) + fake_noise).detach())
        of_real = F.l1_loss(real_score, torch.ones_like(real_score))
        return 0.5 * (of_real + F.l1_loss(fake_score, torch.zeros_like(fake_score)))

    def bicubic_loss(self, big: Tensor, fake: Tensor) -> Tensor:
        half = [-0.01171875, -0.03515625, 0.11328125, 0.43359375]
        taps = torch.tensor(half + half[::-1], dtype=big.dtype)
        kernel = torch.outer(taps, taps).expand(3, 3, 8, 8)
        if not self.as_published:
            kernel = kernel * torch.eye(3, dtype=big.dtype)[:, :, None, None]
        target = F.conv2d(big, kernel, stride=2, padding=3)
        return F.mse_loss(fake, target[..., 3:-3, 3:-3])

    def penalties(self, kernel: Tensor) -> Tensor:
        one, index = torch.ones((), dtype=kernel.dtype), torch.arange(13, dtype=kernel.dtype)
        rows, columns, total = kernel.sum(1), kernel.sum(0), kernel.sum()
        centre = torch.stack([rows @ index / total, columns @ index / total])
        boundary = (kernel * self.mask.to(kernel.dtype)).abs().mean()
        return (
            0.5 * F.l1_loss(total, one)
            + 0.5 * boundary
            + self.centre_weight * F.mse_loss(centre, torch.full_like(centre, 6.5))
            + self.sparse_weight * kernel.abs().pow(0.2).mean()
        )

    def _descend(self, which: int, loss: Tensor) -> None:
        self.optimisers[which].zero_grad()
        loss.backward()
        self.optimisers[which].step()


def boundary_mask() -> np.ndarray:
    """30 (1 - Gaussian of sigma 13), zero in the middle 9x9."""
    gauss = np.exp(-(np.arange(-6, 7) ** 2) / (2 * 13**2))
    mask = 30 * (1 - np.outer(gauss, gauss))
    mask[2:11, 2:11] = 0
    return mask.astype(np.float32)
