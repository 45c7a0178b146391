"""KernelGAN's patch discriminator for many photos at once, with its gradient written out.

A 7x7 convolution, five 1x1 convolutions each with batch norm and ReLU, a 1x1 convolution and a
sigmoid (Bell-Kligler et al., NeurIPS 2019); every convolution has spectral norm. Four facts make it
cheap and change nothing:

- no activation follows the 7x7 layer, so it and the first 1x1 layer are one product;
- a bias before batch norm has no effect, so only the last layer has one, and a crop's mean colour
  has none either, so it is removed first (the variances then lose no digits);
- batch norm undoes division by a spectral norm s except beside its epsilon: dividing by s means
  normalising with epsilon * s^2, so W is never divided and real and fake crops, whose s differ by
  one power iteration, share one product;
- statistics are per photo, per forward pass: a "group" is one forward pass of the textbook.

Shapes: L lanes, G groups (1 or 2), P positions (400), C = 64 channels.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, fields

import torch
import torch.nn.functional as F
from torch import Tensor

from degrade.kernels.estimator_settings import DISCRIMINATOR_FIELD

CHANNELS = 64
HIDDEN = 5
FIRST_TAPS = 3 * DISCRIMINATOR_FIELD**2
EPSILON = 1e-5
"""Batch norm's epsilon."""


@dataclass(frozen=True)
class Weights:
    """The discriminator's parameters, or their gradients; each is [L, ...] float32.

    Attributes:
        first: [L, 64, 147], the 7x7 convolution; columns are (colour, row, column).
        hidden: [L, 5, 64, 64], the 1x1 convolutions.
        last: [L, 1, 64], the last 1x1 convolution.
        bias: [L], its bias.
        gamma: [L, 5, 64], batch norm's factors.
        beta: [L, 5, 64], batch norm's offsets.
    """

    first: Tensor
    hidden: Tensor
    last: Tensor
    bias: Tensor
    gamma: Tensor
    beta: Tensor

    def tensors(self) -> list[Tensor]:
        """Return all of them, for an optimiser."""
        return [getattr(self, field.name) for field in fields(self)]


@dataclass(frozen=True)
class Norm:
    """Spectral norms of one layer, one per group, with the singular vectors they came from.

    Attributes:
        sigma: [..., G].
        u: [..., rows, G] left vectors, unit length.
        v: [..., columns, G] right vectors, unit length.
    """

    sigma: Tensor
    u: Tensor
    v: Tensor

    def group(self, start: int, stop: int) -> "Norm":
        """Return some of the groups."""
        part = slice(start, stop)
        return Norm(self.sigma[..., part], self.u[..., part], self.v[..., part])


def power_iterations(weight: Tensor, u: Tensor, count: int) -> Norm:
    """Run ``count`` power iterations (Miyato et al. 2018, algorithm 1), one group for each.

    A batched product with a single column is several times slower than multiplying and summing.

    Args:
        weight: [..., rows, columns].
        u: [..., rows], the left vector that the last iteration ended with.
        count: Forward passes to serve.
    """
    sigmas, us, vs = [], [], []
    for _ in range(count):
        v = F.normalize((weight * u[..., None]).sum(-2), dim=-1, eps=1e-12)
        image = (weight * v[..., None, :]).sum(-1)
        sigma = torch.linalg.vector_norm(image, dim=-1)
        u = image / sigma.clamp(min=1e-12)[..., None]
        sigmas.append(sigma)
        us.append(u)
        vs.append(v)
    return Norm(torch.stack(sigmas, -1), torch.stack(us, -1), torch.stack(vs, -1))


@dataclass(frozen=True)
class Norms:
    """Spectral norms of all layers."""

    first: Norm
    hidden: Norm
    last: Norm

    def group(self, start: int, stop: int) -> "Norms":
        """Return some of the groups."""
        layers = (self.first, self.hidden, self.last)
        return Norms(*(layer.group(start, stop) for layer in layers))


@dataclass(frozen=True)
class Trace:
    """What the backward pass needs from the forward pass.

    Attributes:
        scores: [L, G, P] in [0, 1], the discriminator's output.
        logits: [L, G, P], before the last bias and the sigmoid.
        columns: [L, 147, G*P], the crops' patches.
        fused: [L, 64, 147], the first two layers' product, as it was multiplied with.
        hidden, last: The weights as they were multiplied with.
        raw: Five [L, 64, G, P], before batch norm.
        means, rstds: Five [L, 64, G] each.
        active: Five [L, 64, G, P], after the ReLU.
    """

    scores: Tensor
    logits: Tensor
    columns: Tensor
    fused: Tensor
    hidden: Tensor
    last: Tensor
    raw: list[Tensor]
    means: list[Tensor]
    rstds: list[Tensor]
    active: list[Tensor]


def spectral_norms(
    weights: Weights, vectors: tuple[Tensor, Tensor], count: int
) -> tuple[Norms, tuple[Tensor, Tensor]]:
    """Return every layer's spectral norms for the next ``count`` forward passes.

    Args:
        weights: The lanes' parameters, unchanged during those passes.
        vectors: Left vectors of the first layer, [L, 64], and the hidden ones, [L, 5, 64].
        count: Forward passes to serve, one power iteration each.

    Returns:
        The norms, and the left vectors to go on with. The last layer is a single row: any start
        gives its norm and direction in one iteration.
    """
    first = power_iterations(weights.first, vectors[0], count)
    hidden = power_iterations(weights.hidden, vectors[1], count)
    last = power_iterations(weights.last, torch.ones_like(weights.last[..., 0]), count)
    return Norms(first, hidden, last), (first.u[..., -1], hidden.u[..., -1])


def patches(crops: Tensor, dtype: torch.dtype) -> Tensor:
    """Lay out crops [L, G, 3, d, d] as columns [L, 147, G*P], mean colour removed.

    Shifting by columns first, then by rows, makes the second copy's runs whole crops long.
    """
    lanes, groups, colours, side, _ = crops.shape
    taps, out = DISCRIMINATOR_FIELD, side - DISCRIMINATOR_FIELD + 1
    centred = (crops - crops.mean((-1, -2), keepdim=True)).to(dtype).contiguous()
    plane, strip = side * side, side * out
    strips = centred.as_strided(
        (lanes, colours, taps, groups, side, out),
        (groups * colours * plane, plane, 1, colours * plane, side, 1),
    ).contiguous()
    windows = strips.as_strided(
        (lanes, colours, taps, taps, groups, out * out),
        (colours * taps * groups * strip, taps * groups * strip, out, groups * strip, strip, 1),
    )
    return windows.reshape(lanes, FIRST_TAPS, groups * out * out)


def from_patches(columns: Tensor) -> Tensor:
    """Add up columns [L, 147, P] where they overlap: the transpose of ``patches``' layout.

    Returns:
        [L, 3, d, d].
    """
    lanes, _, positions = columns.shape
    taps, out = DISCRIMINATOR_FIELD, math.isqrt(positions)
    side = out + taps - 1
    windows = columns.view(lanes, 3, taps, taps, out, out)
    strips = columns.new_zeros(lanes, 3, taps, side, out)
    for row in range(taps):
        strips[:, :, :, row : row + out] += windows[:, :, row]
    crops = columns.new_zeros(lanes, 3, side, side)
    for column in range(taps):
        crops[..., column : column + out] += strips[:, :, column]
    return crops


def forward(
    weights: Weights, norms: Norms, crops: Tensor, dtype: torch.dtype | None = None
) -> Trace:
    """Score every position of the crops: 1 for real, 0 for fake.

    Args:
        weights: The lanes' parameters.
        norms: Their spectral norms for these G passes.
        crops: [L, G, 3, d, d] in [-1, 1].
        dtype: Of the products' factors and results, the weights' by default; sums inside a product,
            statistics and gradients of weights are kept as precise as the weights.
    """
    lanes, groups = crops.shape[:2]
    dtype = dtype or weights.first.dtype
    columns = patches(crops, dtype)
    fused = (weights.hidden[:, 0] @ weights.first).to(dtype)
    hidden, last = weights.hidden.to(dtype), weights.last.to(dtype)
    sigmas = _effective_sigmas(norms)
    raw: list[Tensor] = []
    means: list[Tensor] = []
    rstds: list[Tensor] = []
    active: list[Tensor] = []
    for layer in range(HIDDEN):
        product = fused @ columns if layer == 0 else hidden[:, layer] @ active[-1].flatten(2)
        y = product.view(lanes, CHANNELS, groups, -1)
        mean, variance = _statistics(y, sigmas[:, layer])
        x = _normalise(y, mean, variance, weights.gamma[:, layer], weights.beta[:, layer])
        raw.append(y)
        means.append(mean)
        rstds.append(variance.rsqrt())
        active.append(x.relu_())
    product = (last @ active[-1].flatten(2)).view(lanes, groups, -1)
    logits = product / norms.last.sigma[..., None]
    scores = torch.sigmoid(logits + weights.bias[:, None, None])
    return Trace(scores, logits, columns, fused, hidden, last, raw, means, rstds, active)


def input_gradient(weights: Weights, trace: Trace, norms: Norms, grad: Tensor) -> Tensor:
    """Return the crops' gradient [L, G, 3, d, d] from that of the scores [L, G, P]."""
    lanes, groups, positions = grad.shape
    *_, (_, at_first, _, _) = _downwards(weights, trace, norms, grad)
    columns = (trace.fused.mT @ at_first.flatten(2)).view(lanes, FIRST_TAPS, groups, positions)
    by_crop = columns.transpose(1, 2).reshape(lanes * groups, FIRST_TAPS, positions)
    crops = from_patches(by_crop.to(grad.dtype))
    return crops.view(lanes, groups, *crops.shape[1:])


def weight_gradients(weights: Weights, trace: Trace, norms: Norms, grad: Tensor) -> Weights:
    """Return the parameters' gradients from that of the scores [L, G, P].

    A weight acts through its products and through its spectral norm s = u' W v, whose gradient is
    the outer product of u and v.
    """
    at_logits = _through_sigmoid(trace, grad)
    into_last = at_logits / norms.last.sigma[..., None]
    seen = trace.active[-1].flatten(2)
    last = into_last.flatten(1)[:, None].to(seen.dtype) @ seen.mT
    last = last.to(grad.dtype)
    last += _through_norm(-(into_last * trace.logits).sum(-1), norms.last)
    hidden, gamma, beta = (
        torch.empty_like(w) for w in (weights.hidden, weights.gamma, weights.beta)
    )
    at_sigma = torch.empty_like(norms.hidden.sigma)
    for layer, dy, dgamma, dbeta in _downwards(weights, trace, norms, grad):
        gamma[:, layer], beta[:, layer] = dgamma.sum(-1), dbeta.sum(-1)
        shrink = weights.gamma[:, layer, :, None] * dgamma * trace.rstds[layer].square()
        at_sigma[:, layer] = -EPSILON * shrink.sum(1)
        if layer > 0:
            hidden[:, layer] = dy.flatten(2) @ trace.active[layer - 1].flatten(2).mT
    fused = (dy.flatten(2) @ trace.columns.mT).to(grad.dtype)
    hidden[:, 0] = fused @ weights.first.mT
    first = weights.hidden[:, 0].mT @ fused
    at_sigma *= _effective_sigmas(norms)
    through_first = at_sigma[:, 0] * norms.hidden.sigma[:, 0]
    at_sigma[:, 0] *= norms.first.sigma
    hidden += _through_norm(at_sigma, norms.hidden)
    first += _through_norm(through_first, norms.first)
    return Weights(first, hidden, last, at_logits.sum((1, 2)), gamma, beta)


def _downwards(
    weights: Weights, trace: Trace, norms: Norms, grad: Tensor
) -> Iterator[tuple[int, Tensor, Tensor, Tensor]]:
    """Yield (layer, gradient before batch norm, of gamma, of beta) from the last layer down."""
    into_last = _through_sigmoid(trace, grad) / norms.last.sigma[..., None]
    dx = trace.last.mT @ into_last.flatten(1)[:, None].to(trace.last.dtype)
    for layer in reversed(range(HIDDEN)):
        active = trace.active[layer]
        dz = dx.view_as(active)
        torch.ops.aten.threshold_backward.grad_input(dz, active, 0, grad_input=dz)
        dy, dgamma, dbeta = torch.ops.aten.native_batch_norm_backward(
            _as_channels(dz),
            _as_channels(trace.raw[layer]),
            _per_group(weights.gamma[:, layer], active).flatten(),
            None,
            None,
            trace.means[layer].flatten(),
            trace.rstds[layer].flatten(),
            True,
            0.0,
            (True, True, True),
        )
        like = trace.means[layer]
        yield layer, dy.view_as(active), dgamma.view_as(like), dbeta.view_as(like)
        if layer > 0:
            dx = trace.hidden[:, layer].mT @ dy.view_as(active).flatten(2)


def _statistics(y: Tensor, sigma: Tensor) -> tuple[Tensor, Tensor]:
    """Return mean and variance + epsilon * sigma^2 over positions, both [L, C, G]."""
    mean = y.mean(-1, dtype=sigma.dtype)
    power = torch.linalg.vector_norm(y, dim=-1, dtype=sigma.dtype).square() / y.shape[-1]
    variance = (power - mean.square()).clamp_(min=0)
    return mean, variance + EPSILON * sigma[:, None].square()


def _normalise(y: Tensor, mean: Tensor, variance: Tensor, gamma: Tensor, beta: Tensor) -> Tensor:
    """Return gamma * (y - mean) / sqrt(variance) + beta in one pass over ``y`` [L, C, G, P]."""
    factor, offset = _per_group(gamma, y).flatten(), _per_group(beta, y).flatten()
    flat = F.batch_norm(
        _as_channels(y), mean.flatten(), variance.flatten(), factor, offset, eps=0.0
    )
    return flat.view_as(y)


def _effective_sigmas(norms: Norms) -> Tensor:
    """Return what each batch norm's input should have been divided by, [L, 5, G]."""
    sigmas = norms.hidden.sigma.clone()
    sigmas[:, 0] *= norms.first.sigma
    return sigmas


def _through_sigmoid(trace: Trace, grad: Tensor) -> Tensor:
    return grad * trace.scores * (1 - trace.scores)


def _through_norm(at_sigma: Tensor, norm: Norm) -> Tensor:
    """Return the weight's gradient through its spectral norm, summed over groups."""
    return (norm.u * at_sigma[..., None, :]) @ norm.v.mT


def _per_group(parameter: Tensor, like: Tensor) -> Tensor:
    """Repeat [L, C] for every group: [L, C, G]."""
    return parameter[:, :, None].expand(-1, -1, like.shape[2])


def _as_channels(y: Tensor) -> Tensor:
    """View [L, C, G, P] as one image whose channels are normalised apart: [1, L*C*G, P]."""
    return y.reshape(1, -1, y.shape[-1])
