"""RRDBNet, the generator of ESRGAN and RealSR (Wang et al. 2018, section 3.1)."""

from collections.abc import Iterable
from math import isqrt

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from degrade.errors import SettingsError
from sr_train.networks.generator import Entry, Generator, Size, Tensors, numbered
from sr_train.settings.common import SCALES
from sr_train.weights.rrdb_keys import style_of, to_basicsr

RESIDUAL = 0.2
"""Factor on every residual branch."""

ENLARGEMENTS: dict[int, tuple[int, ...]] = {1: (), 2: (2,), 3: (3,), 4: (2, 2), 8: (2, 2, 2)}
"""Nearest-neighbour enlargements after the body, by how much they enlarge together."""

UNSHUFFLE = {1: 4, 2: 2}
"""Pixel-unshuffle factor before the body, by scale (BasicSR); 1 where absent."""


def conv3(inputs: int, outputs: int) -> nn.Conv2d:
    """Return the 3x3 convolution that keeps height and width."""
    return nn.Conv2d(inputs, outputs, 3, padding=1)


def activation(x: Tensor) -> Tensor:
    """Leaky ReLU of slope 0.2, in place: its argument is always a convolution's own output."""
    return F.leaky_relu(x, 0.2, inplace=True)


class DenseBlock(nn.Module):
    """Five convolutions, each reading all before it; the fifth is the residual."""

    def __init__(self, features: int, growth: int) -> None:
        super().__init__()
        self.conv1 = conv3(features, growth)
        self.conv2 = conv3(features + growth, growth)
        self.conv3 = conv3(features + 2 * growth, growth)
        self.conv4 = conv3(features + 3 * growth, growth)
        self.conv5 = conv3(features + 4 * growth, features)
        for conv in (self.conv1, self.conv2, self.conv3, self.conv4, self.conv5):
            nn.init.kaiming_normal_(conv.weight, a=0, mode="fan_in")
            conv.weight.data.mul_(0.1)
            nn.init.zeros_(conv.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        """[B, features, h, w] to the same shape."""
        known = x
        for conv in (self.conv1, self.conv2, self.conv3, self.conv4):
            known = torch.cat((known, activation(conv(known))), 1)
        return torch.add(x, self.conv5(known), alpha=RESIDUAL)


class ResidualInResidual(nn.Module):
    """Three dense blocks in a row, added to their input."""

    def __init__(self, features: int, growth: int) -> None:
        super().__init__()
        self.rdb1 = DenseBlock(features, growth)
        self.rdb2 = DenseBlock(features, growth)
        self.rdb3 = DenseBlock(features, growth)

    def forward(self, x: Tensor) -> Tensor:
        """[B, features, h, w] to the same shape."""
        return torch.add(x, self.rdb3(self.rdb2(self.rdb1(x))), alpha=RESIDUAL)


class RRDBNet(Generator):
    """RRDBNet with BasicSR's parameter names (conv_first, body.{i}.rdb{j}.conv{k}, conv_up1 ...).

    Scales 1, 2 and 4 load BasicSR's weights: 1 and 2 begin with a pixel-unshuffle. Scale 3 has one
    enlargement by 3, scale 8 three by 2. With ``unshuffle`` 1, scales 1 and 2 are those of the
    original ESRGAN and of BSRGAN: no pixel-unshuffle, and no or one enlargement.

    Args:
        scale: Magnification, one of 1, 2, 3, 4, 8.
        features: Channels between the blocks; 64 in the paper.
        blocks: Residual-in-residual dense blocks; 23 in the paper.
        growth: Channels that each dense layer adds; 32 in the paper.
        unshuffle: Pixel-unshuffle factor before the body; None: BasicSR's of the scale.
    """

    def __init__(
        self,
        scale: int = 4,
        features: int = 64,
        blocks: int = 23,
        growth: int = 32,
        unshuffle: int | None = None,
    ) -> None:
        super().__init__()
        if scale not in SCALES:
            raise SettingsError(f"scale is {scale}: RRDBNet is built for {SCALES}")
        self.scale, self.blocks = scale, blocks
        sizes = {"scale": scale, "features": features, "blocks": blocks, "growth": growth}
        usual = UNSHUFFLE.get(scale, 1)
        self.multiple = unshuffle or usual
        """LR pixels per cell of the body; tiles must start at a multiple of it."""
        if scale * self.multiple not in ENLARGEMENTS:
            raise SettingsError(
                f"scale {scale} after a pixel-unshuffle by {self.multiple}: RRDBNet enlarges by "
                f"{tuple(ENLARGEMENTS)} after it; leave unshuffle out"
            )
        # Files of the usual networks do not mention it, and so have the bytes that they had.
        self.arguments = sizes if self.multiple == usual else {**sizes, "unshuffle": self.multiple}
        self.enlargements = ENLARGEMENTS[scale * self.multiple]
        self.conv_first = conv3(3 * self.multiple**2, features)
        self.body = nn.Sequential(*(ResidualInResidual(features, growth) for _ in range(blocks)))
        self.conv_body = conv3(features, features)
        for number, _ in enumerate(self.enlargements, 1):
            self.add_module(f"conv_up{number}", conv3(features, features))
        self.conv_hr = conv3(features, features)
        self.conv_last = conv3(features, 3)

    @property
    def radius(self) -> int:
        """Farthest LR pixel, in rows or columns, that an SR pixel of an LR pixel's block sees."""
        reach = 1 + 15 * self.blocks + 1 + _head_reach(self.enlargements)
        return reach * self.multiple + self.multiple - 1

    def forward(self, lr: Tensor) -> Tensor:
        """Enlarge LR [B, 3, h, w] to SR [B, 3, scale*h, scale*w], range [0, 1], not clamped.

        Sides that are no multiple of ``multiple`` are extended by the edge pixel, then cut.
        """
        height, width = lr.shape[-2:]
        sr = self.of_whole_cells(self._whole_cells(lr))
        return sr[..., : height * self.scale, : width * self.scale]

    def of_whole_cells(self, lr: Tensor) -> Tensor:
        """Do as `forward` for LR whose sides are multiples of ``multiple``."""
        return self.of_cells(lr if self.multiple == 1 else F.pixel_unshuffle(lr, self.multiple))

    def of_cells(self, cells: Tensor) -> Tensor:
        """Do as `of_whole_cells` for LR that is pixel-unshuffled already."""
        x = self.conv_first(cells)
        x = x + self.conv_body(self.body(x))
        for number, factor in enumerate(self.enlargements, 1):
            enlarged = F.interpolate(x, scale_factor=factor, mode="nearest")
            x = activation(self.get_submodule(f"conv_up{number}")(enlarged))
        sr: Tensor = self.conv_last(activation(self.conv_hr(x)))
        return sr

    def _whole_cells(self, lr: Tensor) -> Tensor:
        if self.multiple == 1:
            return lr
        # Also by 0: whether to extend must not depend on the sides when the network is exported.
        bottom, right = (-side % self.multiple for side in lr.shape[-2:])
        return F.pad(lr, (0, right, 0, bottom), mode="replicate")


def widened(network: RRDBNet, growth: int) -> RRDBNet:
    """Return a network of a larger growth that gives the same pixels: what is added is 0.

    Raises:
        SettingsError: The network's growth is larger.
    """
    features, old = network.arguments["features"], network.arguments["growth"]
    if growth < old:
        raise SettingsError(f"growth is {old}: it can be widened, not narrowed to {growth}")
    wide = RRDBNet(**(network.arguments | {"growth": growth}))
    state = wide.state_dict()
    for key, value in network.state_dict().items():
        if ".rdb" not in key:
            state[key] = value
            continue
        target = torch.zeros_like(state[key])
        if value.ndim == 1:
            target[: len(value)] = value
        else:
            # Inputs are the block's own, then what each dense layer before added.
            target[: len(value), :features] = value[:, :features]
            for layer in range((value.shape[1] - features) // old):
                come, go = features + layer * old, features + layer * growth
                target[: len(value), go : go + old] = value[:, come : come + old]
        state[key] = target
    wide.load_state_dict(state)
    return wide.train(network.training)


def _head_reach(factors: Iterable[int]) -> int:
    """Return how many body cells beyond its own an SR pixel sees through the enlargements."""
    factors = tuple(factors)
    cell = 1
    for factor in factors:
        cell *= factor
    first, last = -2, cell - 1 + 2  # conv_hr and conv_last
    for factor in reversed(factors):
        first, last = (first - 1) // factor, (last + 1) // factor
    return max(-first, last)


def recognise(tensors: Tensors) -> Size | None:
    """Return the size of the network that tensors look to be of, in any style of names.

    Raises:
        ValueError: Its scale does not follow from them.
    """
    style = style_of(tensors)
    named = to_basicsr(tensors)
    if not {"body.0.rdb1.conv1.weight", "conv_first.weight"} <= named.keys():
        return None
    features, inputs = named["conv_first.weight"].shape[:2]
    return {
        "features": features,
        "blocks": numbered(named, r"body\.(\d+)\."),
        "growth": named["body.0.rdb1.conv1.weight"].shape[0],
        **_scale(inputs, numbered(named, r"(conv_up\d)\.weight"), style != "basicsr"),
    }


def _scale(inputs: int, enlargements: int, doubled: bool) -> Size:
    """Return the scale that follows from inputs and enlargements, and the pixel-unshuffle's factor.

    ``doubled``: every enlargement is by 2, as with the original ESRGAN's names, which have no
    network with one by 3 in use.
    """
    unshuffle = isqrt(inputs // 3)
    for scale in SCALES:
        factors = ENLARGEMENTS.get(scale * unshuffle, (0,))
        is_deducible = set(factors) <= {2} and (doubled or len(factors) > 1)
        if is_deducible and (inputs, enlargements) == (3 * unshuffle**2, len(factors)):
            return {"scale": scale, "unshuffle": unshuffle}
    # One enlargement without metadata may be by 2 or by 3: never guess.
    raise ValueError(
        f"cannot tell its scale from {inputs} input channels and {enlargements} enlargements; "
        "told are scales 1, 2, 4 and 8 of BasicSR's RRDBNet, and of the original ESRGAN's "
        "names, where every enlargement is by 2"
    )


ENTRY = Entry(RRDBNet, recognise, to_basicsr, "rrdbnet")
