"""Lanes, batches and textbook twins for the kernel tests."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from degrade.arrays import F32
from degrade.kernels import discriminator as disc
from degrade.kernels.acceptance import examine
from degrade.kernels.crop_batches import (
    Lane,
    first_discriminator,
    first_generator,
    first_vectors,
    open_lanes,
)
from degrade.kernels.estimator_settings import KernelSettings
from degrade.randomness import stream
from tests.degrade.kernels.textbook import KernelGAN


def photo(number: int = 0, height: int = 112, width: int = 120) -> F32:
    """A picture of overlapping coloured rectangles, float32 in [0, 1]."""
    rng = stream(number, "test-photo")
    picture = np.full((height, width, 3), 0.5, np.float32)
    for _ in range(150):
        top, left = rng.integers(0, height), rng.integers(0, width)
        rows, columns = rng.integers(3, 30, 2)
        picture[top : top + rows, left : left + columns] = rng.random(3)
    return picture


def lanes_for(count: int, settings: KernelSettings) -> list[Lane]:
    """One lane for each of ``count`` photos, settings.restarts being 1."""
    lanes = []
    for number in range(count):
        maps = examine(photo(number), settings)
        assert not isinstance(maps, str), maps
        lanes += open_lanes(photo(number), f"photo-{number}", maps, settings)
    return lanes


def first_weights(
    lanes: Sequence[Lane],
) -> tuple[list[Tensor], disc.Weights, tuple[Tensor, Tensor]]:
    device = torch.device("cpu")
    return (
        first_generator(lanes, device),
        first_discriminator(lanes, device),
        first_vectors(lanes, device),
    )


def textbook_twin(
    lane: int,
    generator: Sequence[Tensor],
    critic: disc.Weights,
    vectors: tuple[Tensor, Tensor],
    as_published: bool = False,
    dtype: torch.dtype = torch.float32,
) -> KernelGAN:
    """The textbook's networks with one lane's weights.

    Biases that batch norm hides are left random in float64; in float32 they would drown the first
    outputs, some 1e-8, in their rounding, so they are zero as in a first iteration.
    """
    twin = KernelGAN(as_published)
    twin.generator.to(dtype)
    twin.discriminator.to(dtype)
    with torch.no_grad():
        for layer, weight in zip(twin.generator.layers, generator, strict=True):
            layer.weight.copy_(weight[lane])
        d = twin.discriminator
        if dtype == torch.float32:
            for conv in (d.first, *d.hidden):
                conv.bias.zero_()
        d.first.weight_orig.copy_(critic.first[lane].view(64, 3, 7, 7))
        d.first.weight_u.copy_(torch.nn.functional.normalize(vectors[0][lane], dim=0))
        for i, (conv, norm) in enumerate(zip(d.hidden, d.norms, strict=True)):
            conv.weight_orig.copy_(critic.hidden[lane, i][:, :, None, None])
            conv.weight_u.copy_(torch.nn.functional.normalize(vectors[1][lane, i], dim=0))
            norm.weight.copy_(critic.gamma[lane, i])
            norm.bias.copy_(critic.beta[lane, i])
        d.last.weight_orig.copy_(critic.last[lane][:, :, None, None])
        d.last.bias.copy_(critic.bias[lane])
    return twin


def crops_of(rows: Tensor, size: int) -> Tensor:
    """Undo ``generator.rows``: [L, 3*d, 13*s] -> [L, 3, s, s]; the last row is not in it."""
    lanes = rows.shape[0]
    windows = rows.view(lanes, 3, -1, 13, size)
    crops = torch.zeros(lanes, 3, size, size, dtype=rows.dtype)
    for i in range(windows.shape[2]):
        crops[:, :, 2 * i : 2 * i + 13] = windows[:, :, i]
    return crops
