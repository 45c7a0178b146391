"""TTSR (Yang et al. 2020, *Learning Texture Transformer Network for Image Super-Resolution*).

Names of modules are those of the released checkpoints, which load strictly once their prefix
``module.`` is gone; constants that matter to them are kept and marked.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call

from degrade.errors import SettingsError
from sr_train.networks.generator import Entry, ReferenceGenerator, Size, Tensors, numbered, resized
from sr_train.networks.vgg19 import MEAN, STD, VggFeatures
from sr_train.reference.matching import match
from sr_train.reference.texture_transfer import Places, places, similarity, transfer

TEXTURE_CHANNELS = (64, 128, 256)
"""Channels of the texture extractor at full, half and quarter size (relu1_1, 2_1, 3_1)."""
LAYERS = ((0, 2), (2, 7), (7, 12))
"""Layers of VGG19 in each level of the texture extractor, by torchvision's index."""
OVERLAP = 9.0
"""The released code divides sums of overlapping patches by 9 at the borders too, where fewer
overlap; its weights have learned with the darker borders."""
BAND, REACH = 256, 12
"""Rows that the extractor computes at a time without gradients, and how many around them it sees:
10 reach a position of the coarsest level, which is 4 rows high."""
DEPTHS = (16, 16, 8, 4)
"""Residual blocks of the shallow features and of the three stages."""


class TextureExtractor(nn.Module):
    """LTE: VGG19 up to relu3_1, trained along (section 3.1)."""

    slice1: nn.Sequential
    slice2: nn.Sequential
    slice3: nn.Sequential

    def __init__(self) -> None:
        super().__init__()
        convolutions = {0: (3, 64), 2: (64, 64), 5: (64, 128), 7: (128, 128), 10: (128, 256)}
        layers: dict[int, nn.Module] = {4: nn.MaxPool2d(2), 9: nn.MaxPool2d(2)}
        for index, (inputs, outputs) in convolutions.items():
            layers[index] = nn.Conv2d(inputs, outputs, 3, padding=1)
            layers[index + 1] = nn.ReLU()
        for number, (first, last) in enumerate(LAYERS, 1):
            slice_ = nn.Sequential()
            for index in range(first, last):
                slice_.add_module(str(index), layers[index])
            setattr(self, f"slice{number}", slice_)
        self.sub_mean = nn.Conv2d(3, 3, 1)  # normalises as VGG19's weights expect
        mean, std = torch.tensor(MEAN), torch.tensor(STD)
        self.sub_mean.weight = nn.Parameter(torch.diag(1 / std).view(3, 3, 1, 1), False)
        self.sub_mean.bias = nn.Parameter(-mean / std, False)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Map RGB [B, 3, H, W] in [0, 1] to features at full, half and quarter size."""
        fine = self.slice1(self.sub_mean(image))
        middle = self.slice2(fine)
        return fine, middle, self.slice3(middle)

    def start_from(self, vgg: VggFeatures) -> None:
        """Copy the weights of VGG19's first five convolutions."""
        weights = vgg.features.state_dict()
        for slice_ in (self.slice1, self.slice2, self.slice3):
            slice_.load_state_dict({key: weights[key] for key in slice_.state_dict()})


def _in_bands(extractor: TextureExtractor, image: Tensor, levels: Sequence[int]) -> list[Tensor]:
    """Return some of the extractor's levels, computed a band of rows at a time.

    Each band is computed with `REACH` more rows on either side, as far as the picture goes, so that
    its features are those of the whole picture.
    """
    batch, _, height, width = image.shape
    whole: dict[int, Tensor] = {}
    for top in range(0, height, BAND):
        first, bottom = max(0, top - REACH), min(height, top + BAND)
        band = extractor(image[:, :, first : bottom + REACH])
        for level in levels:
            found, size = band[level], 2**level
            if level not in whole:
                shape = (batch, found.shape[1], height // size, width // size)
                whole[level] = found.new_empty(shape)
            inner = found[:, :, (top - first) // size : (bottom - first) // size]
            whole[level][:, :, top // size : bottom // size] = inner
    return [whole[level] for level in levels]


class ResidualBlock(nn.Module):
    """conv, ReLU, conv, added to the input; no batch norm."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(features, features, 3, padding=1)
        self.conv2 = nn.Conv2d(features, features, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """[B, features, h, w] to the same shape."""
        return torch.add(x, self.conv2(F.relu(self.conv1(x))))


def _blocks(features: int, count: int) -> nn.ModuleList:
    return nn.ModuleList(ResidualBlock(features) for _ in range(count))


def _branch(x: Tensor, blocks: nn.ModuleList, tail: nn.Module) -> Tensor:
    for block in blocks:
        x = block(x)
    out: Tensor = tail(x)
    return out


class ShallowFeatures(nn.Module):
    """SFE: features of LR itself."""

    def __init__(self, features: int, blocks: int) -> None:
        super().__init__()
        self.conv_head = nn.Conv2d(3, features, 3, padding=1)
        self.RBs = _blocks(features, blocks)
        self.conv_tail = nn.Conv2d(features, features, 3, padding=1)

    def forward(self, lr: Tensor) -> Tensor:
        """[B, 3, h, w] in [-1, 1] to [B, features, h, w]."""
        head = F.relu(self.conv_head(lr))
        return head + _branch(head, self.RBs, self.conv_tail)


class Integration2(nn.Module):
    """CSFI of two scales: each gets the other, resized, and merges the two (figure 4)."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.conv12 = nn.Conv2d(features, features, 1)
        self.conv21 = nn.Conv2d(features, features, 3, 2, 1)
        self.conv_merge1 = nn.Conv2d(features * 2, features, 3, padding=1)
        self.conv_merge2 = nn.Conv2d(features * 2, features, 3, padding=1)

    def forward(self, x1: Tensor, x2: Tensor) -> tuple[Tensor, Tensor]:
        """Maps at sizes 1 and 2 to the same."""
        x12 = F.relu(self.conv12(_enlarge(x1, 2)))
        x21 = F.relu(self.conv21(x2))
        merged1 = F.relu(self.conv_merge1(torch.cat((x1, x21), dim=1)))
        merged2 = F.relu(self.conv_merge2(torch.cat((x2, x12), dim=1)))
        return merged1, merged2


class Integration3(nn.Module):
    """CSFI of three scales."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.conv12 = nn.Conv2d(features, features, 1)
        self.conv13 = nn.Conv2d(features, features, 1)
        self.conv21 = nn.Conv2d(features, features, 3, 2, 1)
        self.conv23 = nn.Conv2d(features, features, 1)
        self.conv31_1 = nn.Conv2d(features, features, 3, 2, 1)
        self.conv31_2 = nn.Conv2d(features, features, 3, 2, 1)
        self.conv32 = nn.Conv2d(features, features, 3, 2, 1)
        self.conv_merge1 = nn.Conv2d(features * 3, features, 3, padding=1)
        self.conv_merge2 = nn.Conv2d(features * 3, features, 3, padding=1)
        self.conv_merge3 = nn.Conv2d(features * 3, features, 3, padding=1)

    def forward(self, x1: Tensor, x2: Tensor, x3: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Maps at sizes 1, 2 and 4 to the same."""
        x12 = F.relu(self.conv12(_enlarge(x1, 2)))
        x13 = F.relu(self.conv13(_enlarge(x1, 4)))
        x21 = F.relu(self.conv21(x2))
        x23 = F.relu(self.conv23(_enlarge(x2, 2)))
        x31 = F.relu(self.conv31_2(F.relu(self.conv31_1(x3))))
        x32 = F.relu(self.conv32(x3))
        merged1 = F.relu(self.conv_merge1(torch.cat((x1, x21, x31), dim=1)))
        merged2 = F.relu(self.conv_merge2(torch.cat((x2, x12, x32), dim=1)))
        merged3 = F.relu(self.conv_merge3(torch.cat((x3, x13, x23), dim=1)))
        return merged1, merged2, merged3


class MergeTail(nn.Module):
    """The three scales to one picture."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.conv13 = nn.Conv2d(features, features, 1)
        self.conv23 = nn.Conv2d(features, features, 1)
        self.conv_merge = nn.Conv2d(features * 3, features, 3, padding=1)
        self.conv_tail1 = nn.Conv2d(features, features // 2, 3, padding=1)
        self.conv_tail2 = nn.Conv2d(features // 2, 3, 1)

    def forward(self, x1: Tensor, x2: Tensor, x3: Tensor) -> Tensor:
        """Maps at sizes 1, 2 and 4 to RGB at size 4, clamped to [-1, 1]."""
        x13 = F.relu(self.conv13(_enlarge(x1, 4)))
        x23 = F.relu(self.conv23(_enlarge(x2, 2)))
        x = F.relu(self.conv_merge(torch.cat((x3, x13, x23), dim=1)))
        sr: Tensor = self.conv_tail2(self.conv_tail1(x))
        return sr.clamp(-1, 1)


class MainNet(nn.Module):
    """The network around the texture transformer, with soft attention at three scales."""

    def __init__(self, features: int = 64, depths: tuple[int, int, int, int] = DEPTHS) -> None:
        super().__init__()
        fine, middle, coarse = TEXTURE_CHANNELS
        shallow, first, second, third = depths

        def conv(inputs: int, outputs: int = features) -> nn.Conv2d:
            return nn.Conv2d(inputs, outputs, 3, padding=1)

        self.SFE = ShallowFeatures(features, shallow)
        self.conv11_head = conv(features + coarse)
        self.RB11 = _blocks(features, first)
        self.conv11_tail = conv(features)
        self.conv12 = conv(features, features * 4)
        self.conv22_head = conv(features + middle)
        self.ex12 = Integration2(features)
        self.RB21, self.RB22 = _blocks(features, second), _blocks(features, second)
        self.conv21_tail, self.conv22_tail = conv(features), conv(features)
        self.conv23 = conv(features, features * 4)
        self.conv33_head = conv(features + fine)
        self.ex123 = Integration3(features)
        self.RB31, self.RB32 = _blocks(features, third), _blocks(features, third)
        self.RB33 = _blocks(features, third)
        self.conv31_tail, self.conv32_tail = conv(features), conv(features)
        self.conv33_tail = conv(features)
        self.merge_tail = MergeTail(features)

    def forward(self, lr: Tensor, textures: "Textures | None" = None) -> Tensor:
        """Enlarge LR [B, 3, h, w] by 4, both in [-1, 1]; without textures by itself alone."""
        x1 = _attend(self.SFE(lr), self.conv11_head, textures, 0)
        x1 = x1 + _branch(x1, self.RB11, self.conv11_tail)
        x2 = F.relu(F.pixel_shuffle(self.conv12(x1), 2))
        x2 = _attend(x2, self.conv22_head, textures, 1)
        y1, y2 = self.ex12(x1, x2)
        x1 = x1 + _branch(y1, self.RB21, self.conv21_tail)
        x2 = x2 + _branch(y2, self.RB22, self.conv22_tail)
        x3 = F.relu(F.pixel_shuffle(self.conv23(x2), 2))
        x3 = _attend(x3, self.conv33_head, textures, 2)
        y1, y2, y3 = self.ex123(x1, x2, x3)
        x1 = x1 + _branch(y1, self.RB31, self.conv31_tail)
        x2 = x2 + _branch(y2, self.RB32, self.conv32_tail)
        x3 = x3 + _branch(y3, self.RB33, self.conv33_tail)
        sr: Tensor = self.merge_tail(x1, x2, x3)
        return sr


@dataclass(frozen=True)
class Textures:
    """What the texture transformer hands to the network.

    Attributes:
        soft: [B, 1, h, w], the soft attention (equation 4).
        maps: Transferred textures at sizes 1, 2 and 4 (equation 5).
    """

    soft: Tensor
    maps: tuple[Tensor, Tensor, Tensor]


def _attend(x: Tensor, head: nn.Module, textures: Textures | None, size: int) -> Tensor:
    """Add the transferred texture, weighted by soft attention (equation 6)."""
    if textures is None:
        return x
    soft = textures.soft if not size else _enlarge(textures.soft, 2**size)
    texture: Tensor = head(torch.cat((x, textures.maps[size]), dim=1))
    return x + texture * soft


def _enlarge(x: Tensor, factor: int) -> Tensor:
    return F.interpolate(x, scale_factor=factor, mode="bicubic")


class TTSR(ReferenceGenerator):
    """TTSR x4: 6,174,275 weights in the main network, 555,328 in the texture extractor.

    Args:
        scale: 4; the network is built for no other.
        features: Channels; 64 in the paper.
        shallow: Residual blocks of the shallow features; 16 in the paper.
        first: Residual blocks at LR's size; 16.
        second: Residual blocks of each of two scales; 8.
        third: Residual blocks of each of three scales; 4.
    """

    def __init__(
        self,
        scale: int = 4,
        features: int = 64,
        shallow: int = DEPTHS[0],
        first: int = DEPTHS[1],
        second: int = DEPTHS[2],
        third: int = DEPTHS[3],
    ) -> None:
        super().__init__()
        if scale != 4:
            raise SettingsError(f"scale is {scale}: TTSR is built for x4; build x4 pairs")
        self.scale = scale
        self.arguments = {
            "scale": scale,
            "features": features,
            "shallow": shallow,
            "first": first,
            "second": second,
            "third": third,
        }
        self.MainNet = MainNet(features, (shallow, first, second, third))
        self.LTE = TextureExtractor()

    @property
    def body(self) -> nn.Sequential:  # type: ignore[override]
        """The residual blocks, all of one kind."""
        return nn.Sequential(*(m for m in self.MainNet.modules() if isinstance(m, ResidualBlock)))

    def forward(self, lr: Tensor, references: Tensor | None = None) -> Tensor:
        """Enlarge LR [B, 3, h, w] to SR [B, 3, 4*h, 4*w], range [0, 1].

        Args:
            lr: In [0, 1].
            references: [B, R, 3, H, W] in [0, 1], H and W multiples of 4; several are stacked into
                one picture, as for the published table. None enlarges LR by itself.
        """
        textures = None if references is None else self.textures(lr, references)
        return self.enlarge(lr, textures)

    def enlarge(self, lr: Tensor, textures: Textures | None) -> Tensor:
        """Enlarge LR with textures that were found for it; arguments as in `forward`."""
        sr: Tensor = self.MainNet(lr * 2 - 1, textures)
        return (sr + 1) / 2

    def textures(self, lr: Tensor, references: Tensor) -> Textures:
        """Return what the texture transformer finds (section 3.1)."""
        stacked = torch.cat(list(references.unbind(dim=1)), dim=2)
        (query,) = self._features(resized(lr, 4), (2,))
        (key,) = self._features(resized(resized(stacked, 1 / 4), 4), (2,))
        at = self._hard_attention(query, key)
        soft = similarity(query, [key], at)
        values = self._features(stacked, (0, 1, 2))
        maps = [
            transfer([v], at, r, divisor=OVERLAP) for v, r in zip(values, (4, 2, 1), strict=True)
        ]
        return Textures(soft[:, None], (maps[2], maps[1], maps[0]))

    def _features(self, image: Tensor, levels: Sequence[int]) -> list[Tensor]:
        """Return some of the extractor's levels; without gradients in less memory."""
        if not torch.is_grad_enabled():
            return _in_bands(self.LTE, image, levels)
        whole = self.LTE(image)
        return [whole[level] for level in levels]

    @staticmethod
    def _hard_attention(query: Tensor, key: Tensor) -> Places:
        found = match(query, [key], padding=1)
        sizes = [(each.shape[2], each.shape[3]) for each in (query, key)]
        return places(found, sizes[0], sizes[1:], padding=1)

    def frozen_features(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the extractor's features of RGB in [0, 1]; no gradient reaches its weights."""
        constants = {name: value.detach() for name, value in self.LTE.state_dict().items()}
        found: tuple[Tensor, Tensor, Tensor] = functional_call(self.LTE, constants, (image,))
        return found


def recognise(tensors: Tensors) -> Size | None:
    """Return the size of the network that tensors look to be of."""
    if not {"MainNet.SFE.conv_head.weight", "LTE.slice1.0.weight"} <= tensors.keys():
        return None
    names = {"shallow": r"SFE\.RBs", "first": "RB11", "second": "RB21", "third": "RB31"}
    depths = {size: numbered(tensors, rf"MainNet\.{name}\.(\d+)\.") for size, name in names.items()}
    return {"features": tensors["MainNet.SFE.conv_head.weight"].shape[0], **depths}


ENTRY = Entry(TTSR, recognise)
