"""The U-Net discriminator with spectral norm of Real-ESRGAN (Wang et al. 2021, section 3.3)."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sr_train.networks.generator import Entry, Size, Tensors


class UNetDiscriminator(nn.Module):
    """One logit per pixel, with the published names (conv0 ... conv9).

    Three convolutions of stride 2 down and three bilinear enlargements up; each level of the way
    down is added, after the activation, to the same level of the way up.
    """

    def __init__(self, features: int = 64) -> None:
        super().__init__()
        self.arguments = {"features": features}
        n = features
        self.conv0 = nn.Conv2d(3, n, 3, 1, 1)
        self.conv1 = SpectralConv(n, 2 * n, 4, 2)
        self.conv2 = SpectralConv(2 * n, 4 * n, 4, 2)
        self.conv3 = SpectralConv(4 * n, 8 * n, 4, 2)
        self.conv4 = SpectralConv(8 * n, 4 * n, 3, 1)
        self.conv5 = SpectralConv(4 * n, 2 * n, 3, 1)
        self.conv6 = SpectralConv(2 * n, n, 3, 1)
        self.conv7 = SpectralConv(n, n, 3, 1)
        self.conv8 = SpectralConv(n, n, 3, 1)
        self.conv9 = nn.Conv2d(n, 1, 3, 1, 1)

    def forward(self, image: Tensor) -> Tensor:
        """Map images [B, 3, H, W] in [0, 1], sides multiples of 8, to logits [B, 1, H, W]."""
        x0 = _activation(self.conv0(image))
        x1 = _activation(self.conv1(x0))
        x2 = _activation(self.conv2(x1))
        x = _activation(self.conv3(x2))
        x = _activation(self.conv4(_doubled(x))) + x2
        x = _activation(self.conv5(_doubled(x))) + x1
        x = _activation(self.conv6(_doubled(x))) + x0
        logits: Tensor = self.conv9(_activation(self.conv8(_activation(self.conv7(x)))))
        return logits


class SpectralConv(nn.Module):
    """Bias-free convolution, padding 1, its weight divided by its largest singular value.

    Miyato et al., "Spectral normalization for generative adversarial networks" (2018), with torch's
    names (``weight_orig``, ...). As `torch.nn.utils.spectral_norm` computes it, except that the
    singular value is found in float32 under autocast too, and that the module can be copied after
    use.
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


def _activation(x: Tensor) -> Tensor:
    return F.leaky_relu(x, 0.2, inplace=True)


def _doubled(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)


def recognise(tensors: Tensors) -> Size | None:
    """Return the size of the network that tensors look to be of."""
    if not {"conv0.weight", "conv1.weight_orig"} <= tensors.keys():
        return None
    return {"features": tensors["conv0.weight"].shape[0]}


ENTRY = Entry(UNetDiscriminator, recognise)
