"""One batched step against the layer-by-layer KernelGAN: outputs, losses and every gradient.

Outputs are compared in float32, gradients in float64: there a ReLU whose input is within rounding
of zero cannot fall to different sides.
"""

import dataclasses
import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from degrade.kernels import discriminator as disc
from degrade.kernels import generator as gen
from degrade.kernels import kernelgan
from degrade.kernels.crop_batches import CropBatch, batches
from degrade.kernels.estimator_settings import KernelSettings
from degrade.kernels.kernelgan import (
    discriminator_gradients,
    downscale,
    generator_gradients,
    train,
)
from degrade.kernels.kernelgan_schedule import GeneratorWeights
from tests.degrade.kernels.lanes import crops_of, first_weights, lanes_for, textbook_twin

CPU = torch.device("cpu")
LANES = 3


def close(ours: Tensor, theirs: Tensor) -> None:
    """Within 1e-5 of the largest entry, in float64 within 1e-6 (the bicubic taps are float32)."""
    ours, theirs = ours.detach(), theirs.detach().reshape(ours.shape)
    tolerance = 1e-5 if ours.dtype == torch.float32 else 1e-6
    atol = tolerance * max(float(theirs.abs().max()), 1e-3)
    torch.testing.assert_close(ours, theirs, rtol=0, atol=atol)


class Scene:
    """Three lanes with their first batch, weights and textbook twins."""

    def __init__(self, as_published: bool, dtype: torch.dtype) -> None:
        self.settings = KernelSettings(iterations=20, as_published=as_published)
        lanes = lanes_for(LANES, self.settings)
        generator, critic, vectors = first_weights(lanes)
        vectors = (vectors[0].to(dtype), vectors[1].to(dtype))
        self.generator = [w.detach().to(dtype) for w in generator]
        sums = gen.compose(self.generator).sum((1, 2))
        for weight in self.generator:  # One kernel, the last, is still near zero.
            size = torch.tensor([1.2, 0.9, 0.01], dtype=dtype) / sums.abs()
            weight *= size.pow(1 / 6)[:, None, None, None, None]
        self.generator[0] *= sums.sign()[:, None, None, None, None]
        self.generator = [w.requires_grad_() for w in self.generator]
        self.critic = disc.Weights(*(w.to(dtype) for w in critic.tensors()))
        batch = next(iter(batches(lanes, self.settings, CPU)))
        self.batch = CropBatch(
            *(getattr(batch, f.name).to(dtype) for f in dataclasses.fields(batch))
        )
        self.norms, _ = disc.spectral_norms(self.critic, vectors, count=3)
        self.weights = GeneratorWeights(LANES, self.settings, CPU)
        self.weights.bicubic = torch.tensor([5.0, 0.05, 5e-6])
        self.weights.centre = torch.tensor([0.0, 1.0, 1.0])
        self.weights.sparse = torch.tensor([0.0, 5.0, 5.0])
        self.twins = [
            textbook_twin(i, self.generator, self.critic, vectors, as_published, dtype)
            for i in range(LANES)
        ]
        for i, twin in enumerate(self.twins):
            twin.bicubic_weight = float(self.weights.bicubic[i])
            twin.centre_weight = float(self.weights.centre[i])
            twin.sparse_weight = float(self.weights.sparse[i])
        self.crops = crops_of(self.batch.rows, self.settings.crop)


@pytest.fixture(params=[False, True], ids=["corrected", "as-published"])
def scene(request: pytest.FixtureRequest) -> Scene:
    return Scene(request.param, torch.float32)


@pytest.fixture(params=[False, True], ids=["corrected", "as-published"])
def exact_scene(request: pytest.FixtureRequest) -> Scene:
    return Scene(request.param, torch.float64)


def test_composed_kernel_and_output_are_the_layers(scene: Scene) -> None:
    kernel = gen.compose(scene.generator)
    fake = downscale(kernel, scene.batch)
    for i, twin in enumerate(scene.twins):
        close(kernel[i].detach(), twin.generator.kernel().detach())
        close(fake[i], twin.generator(scene.crops[i : i + 1]).detach())


def test_discriminator_scores(scene: Scene) -> None:
    crops = torch.stack([scene.batch.real, scene.batch.real.flip(-1)], dim=1)
    ours = disc.forward(scene.critic, scene.norms.group(0, 2), crops).scores
    for i, twin in enumerate(scene.twins):
        for group in range(2):
            theirs = twin.discriminator(crops[i, group : group + 1])
            assert float((ours[i, group] - theirs.flatten()).detach().abs().max()) <= 1e-5


def test_generator_loss_gradients_and_bicubic_loss(exact_scene: Scene) -> None:
    kernel = gen.compose(exact_scene.generator)
    mask = gen.boundary_mask(CPU)
    norms = exact_scene.norms.group(0, 1)
    bicubic = generator_gradients(
        exact_scene.generator,
        kernel,
        exact_scene.critic,
        norms,
        exact_scene.batch,
        exact_scene.weights,
        mask,
    )
    for i, twin in enumerate(exact_scene.twins):
        big = exact_scene.crops[i : i + 1]
        loss = twin.generator_loss(big)
        loss.backward()
        close(bicubic[i], twin.bicubic_loss(big, twin.generator(big)).detach())
        for ours, layer in zip(exact_scene.generator, twin.generator.layers, strict=True):
            close(ours.grad[i], layer.weight.grad)


def test_penalties(exact_scene: Scene) -> None:
    kernel = gen.compose(exact_scene.generator).detach()
    ours = gen.penalties(
        kernel, exact_scene.weights.centre, exact_scene.weights.sparse, gen.boundary_mask(CPU)
    )
    for i, twin in enumerate(exact_scene.twins):
        close(ours[i], twin.penalties(kernel[i]))


def test_discriminator_gradients(exact_scene: Scene) -> None:
    kernel = gen.compose(exact_scene.generator).detach()
    discriminator_gradients(
        kernel, exact_scene.critic, exact_scene.norms.group(0, 2), exact_scene.batch
    )
    for i, twin in enumerate(exact_scene.twins):
        loss = twin.discriminator_loss(
            exact_scene.crops[i : i + 1],
            exact_scene.batch.real[i : i + 1],
            exact_scene.batch.fake_noise[i : i + 1],
        )
        loss.backward()
        theirs, ours = twin.discriminator, exact_scene.critic
        close(ours.first.grad[i], theirs.first.weight_orig.grad)
        close(ours.last.grad[i], theirs.last.weight_orig.grad)
        close(ours.bias.grad[i], theirs.last.bias.grad)
        for layer in range(5):
            close(ours.hidden.grad[i, layer], theirs.hidden[layer].weight_orig.grad)
            close(ours.gamma.grad[i, layer], theirs.norms[layer].weight.grad)
            close(ours.beta.grad[i, layer], theirs.norms[layer].bias.grad)
            assert float(theirs.hidden[layer].bias.grad.abs().max()) < 1e-6
        assert float(theirs.first.bias.grad.abs().max()) < 1e-6


def test_bfloat16_products_change_the_gradients_little(scene: Scene) -> None:
    kernel = gen.compose(scene.generator).detach()[:2]  # The third is near zero.
    critic = disc.Weights(*(w[:2] for w in scene.critic.tensors()))
    batch = CropBatch(*(getattr(scene.batch, f.name)[:2] for f in dataclasses.fields(CropBatch)))
    norms, _ = disc.spectral_norms(critic, (torch.ones(2, 64), torch.ones(2, 5, 64)), count=2)
    found = []
    for dtype in (torch.float32, torch.bfloat16):
        discriminator_gradients(kernel, critic, norms, batch, dtype)
        found.append([w.grad.clone() for w in (critic.first, critic.hidden, critic.last)])
    for exact, coarse in zip(*found, strict=True):
        assert not torch.equal(exact, coarse)
        alike = torch.nn.functional.cosine_similarity(exact.flatten(1), coarse.flatten(1))
        assert alike.min() > 0.97


def test_two_iterations_are_the_textbooks(monkeypatch: pytest.MonkeyPatch) -> None:
    """In float64 and no further: outputs start at 1e-8, and differences grow 100-fold a step."""
    in_float64(monkeypatch, iterations=2)
    settings = KernelSettings(iterations=15, precision="float32")
    lanes = lanes_for(2, settings)
    first = (
        kernelgan.first_generator(lanes, CPU),
        kernelgan.first_discriminator(lanes, CPU),
        kernelgan.first_vectors(lanes, CPU),
    )
    twins = [textbook_twin(i, *first, dtype=torch.float64) for i in range(2)]
    for batch in kernelgan.batches(lanes, settings, CPU):
        crops = crops_of(batch.rows, settings.crop)
        for i, twin in enumerate(twins):
            twin.step(crops[i : i + 1], batch.real[i : i + 1], batch.fake_noise[i : i + 1])
    ours = train(lanes, settings, CPU)
    for kernel, twin in zip(ours, twins, strict=True):
        theirs = twin.generator.kernel().detach().numpy()
        np.testing.assert_allclose(kernel, theirs, rtol=0, atol=1e-5 * abs(theirs).max())


def in_float64(monkeypatch: pytest.MonkeyPatch, iterations: int) -> None:
    """Let ``kernelgan.train`` start from and be fed with float64, for a few iterations."""
    generator, critic, vectors = (
        kernelgan.first_generator,
        kernelgan.first_discriminator,
        kernelgan.first_vectors,
    )
    feed = kernelgan.batches

    def batches64(*arguments: Any) -> Iterator[CropBatch]:
        return (
            CropBatch(b.rows.double(), b.target.double(), b.real.double(), b.fake_noise.double())
            for b in itertools.islice(feed(*arguments), iterations)
        )

    monkeypatch.setattr(kernelgan, "batches", batches64)
    monkeypatch.setattr(
        kernelgan,
        "first_generator",
        lambda *a: [w.detach().double().requires_grad_() for w in generator(*a)],
    )
    monkeypatch.setattr(
        kernelgan,
        "first_discriminator",
        lambda *a: disc.Weights(*(w.double() for w in critic(*a).tensors())),
    )
    monkeypatch.setattr(
        kernelgan, "first_vectors", lambda *a: tuple(v.double() for v in vectors(*a))
    )


def test_a_diverging_lane_leaves_the_others_alone() -> None:
    settings = KernelSettings(iterations=15)
    lanes = lanes_for(3, settings)
    sick = dataclasses.replace(lanes[1], photo=np.full_like(lanes[1].photo, np.nan))
    healthy = train(lanes, settings, CPU)
    beside = train([lanes[0], sick, lanes[2]], settings, CPU)
    assert np.isnan(beside[1]).any()
    np.testing.assert_array_equal(beside[[0, 2]], healthy[[0, 2]])
