"""Convolution whose weight is divided by its largest singular value (Miyato et al. 2018)."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class SpectralConv(nn.Module):
    """Bias-free convolution with spectral norm, padding 1; torch's names (``weight_orig``, ...).

    As `torch.nn.utils.spectral_norm` computes it, except that the singular value is found in
    float32 under autocast too, and that the module can be copied after use.
    """

    weight_u: Tensor
    weight_v: Tensor

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int) -> None:
        super().__init__()
        self.stride = stride
        self.weight_orig = nn.Conv2d(inputs, outputs, kernel, bias=False).weight
        self.register_buffer("weight_u", F.normalize(torch.randn(outputs), dim=0))
        self.register_buffer("weight_v", F.normalize(torch.randn(inputs * kernel**2), dim=0))

    def forward(self, x: Tensor) -> Tensor:
        """[B, inputs, H, W] to [B, outputs, H', W']; in training mode one power iteration first."""
        return F.conv2d(x, self.normalised_weight(), stride=self.stride, padding=1)

    def normalised_weight(self) -> Tensor:
        """Return W / sigma with sigma = u^T W v; gradients reach W through sigma as well."""
        with torch.autocast(self.weight_orig.device.type, enabled=False):
            matrix = self.weight_orig.flatten(1)
            if self.training:
                self._iterate(matrix.detach())
            # Copies, because a later iteration changes the buffers before this one's gradient.
            u, v = self.weight_u.clone(), self.weight_v.clone()
            return self.weight_orig / torch.dot(u, torch.mv(matrix, v))

    @torch.no_grad()
    def _iterate(self, matrix: Tensor) -> None:
        self.weight_v.copy_(F.normalize(torch.mv(matrix.t(), self.weight_u), dim=0, eps=1e-12))
        self.weight_u.copy_(F.normalize(torch.mv(matrix, self.weight_v), dim=0, eps=1e-12))
