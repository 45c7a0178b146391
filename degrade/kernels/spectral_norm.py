"""Spectral norms by power iteration, for the weights of many lanes at once."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor


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
