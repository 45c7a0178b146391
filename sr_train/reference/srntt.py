"""SRNTT (Zhang et al. 2019, *Image Super-Resolution by Neural Texture Transfer*).

A content extractor enlarges LR by itself. Textures of references are swapped into LR's places in
VGG19's feature space and joined to the content at three scales. The sizes are the released code's.
It matches in MatConvNet's VGG19 on pictures of 0..255; here it is torchvision's, on pictures
normalised as ImageNet's were, whose features are of another scale.
"""

from dataclasses import dataclass
from typing import Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from degrade.errors import SettingsError
from sr_train.networks.generator import Entry, ReferenceGenerator, Size, Tensors, numbered, resized
from sr_train.reference.matching import match
from sr_train.reference.texture_transfer import places, transfer
from sr_train.reference.ttsr import TEXTURE_CHANNELS, TextureExtractor

PATCH = 3
RATIOS = (1, 2, 4)
"""Ratios of the sizes of relu3_1, relu2_1 and relu1_1 to LR's."""
INITIAL_DEVIATION = 0.02
COLOURS = 3


class ResidualBlock(nn.Module):
    """conv, batch norm, ReLU, conv, batch norm, added to the input."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(features, features, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(features)
        self.conv2 = nn.Conv2d(features, features, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(features)

    def forward(self, x: Tensor) -> Tensor:
        """[B, features, h, w] to the same shape."""
        return torch.add(x, self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x))))))


class Trunk(nn.Module):
    """Residual blocks, convolution and batch norm, to be added to what they refine."""

    def __init__(self, features: int, blocks: int) -> None:
        super().__init__()
        self.blocks = nn.Sequential(*(ResidualBlock(features) for _ in range(blocks)))
        self.conv = nn.Conv2d(features, features, 3, padding=1, bias=False)
        self.bn = nn.BatchNorm2d(features)

    def forward(self, x: Tensor) -> Tensor:
        """[B, features, h, w] to the same shape."""
        out: Tensor = self.bn(self.conv(self.blocks(x)))
        return out


class Enlargement(nn.Module):
    """conv to four times the channels, pixel shuffle, ReLU."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(features, features * 4, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """[B, features, h, w] to [B, features, 2*h, 2*w]."""
        return F.relu(F.pixel_shuffle(self.conv(x), 2))


class ContentExtractor(nn.Module):
    """What LR alone gives: features at its size, and the picture they make without textures."""

    def __init__(self, features: int, blocks: int) -> None:
        super().__init__()
        self.conv_head = nn.Conv2d(3, features, 3, padding=1)
        self.trunk = Trunk(features, blocks)
        self.up = nn.Sequential(Enlargement(features), Enlargement(features))
        self.conv_last = nn.Conv2d(features, 3, 1)

    @property
    def is_trained(self) -> bool:
        """Whether its batch norms have seen any batch."""
        return bool(self.trunk.bn.num_batches_tracked)

    def forward(self, lr: Tensor) -> Tensor:
        """[B, 3, h, w] in [0, 1] to [B, features, h, w]."""
        head = F.relu(self.conv_head(lr * 2 - 1))
        return torch.add(head, self.trunk(head))

    def picture(self, content: Tensor) -> Tensor:
        """[B, features, h, w] to RGB [B, 3, 4*h, 4*w] in [0, 1]."""
        signed: Tensor = torch.tanh(self.conv_last(self.up(content)))
        return (signed + 1) / 2


class Joint(nn.Module):
    """Textures of one scale joined to the content there: it learns what to add."""

    def __init__(self, features: int, channels: int, blocks: int) -> None:
        super().__init__()
        self.conv_head = nn.Conv2d(features + channels, features, 3, padding=1)
        self.trunk = Trunk(features, blocks)

    def forward(self, content: Tensor, texture: Tensor) -> Tensor:
        """[B, features, h, w] and [B, channels, h, w] to [B, features, h, w]."""
        joined = F.relu(self.conv_head(torch.cat((content, texture), dim=1)))
        return torch.add(content, self.trunk(joined))


class TextureTransfer(nn.Module):
    """Joins textures at LR's size, twice and four times it; n, n/2 and n/4 residual blocks."""

    def __init__(self, features: int, blocks: int) -> None:
        super().__init__()
        fine, middle, coarse = TEXTURE_CHANNELS
        self.coarse = Joint(features, coarse, blocks)
        self.up_coarse = Enlargement(features)
        self.middle = Joint(features, middle, blocks // 2)
        self.up_middle = Enlargement(features)
        self.fine = Joint(features, fine, blocks // 4)
        self.conv_tail = nn.Conv2d(features, features // 2, 3, padding=1)
        self.conv_last = nn.Conv2d(features // 2, 3, 1)

    @property
    def is_trained(self) -> bool:
        """Whether its batch norms have seen any batch."""
        return bool(self.fine.trunk.bn.num_batches_tracked)

    @torch.no_grad()
    def start_from(self, content: ContentExtractor) -> None:
        """Begin as the content extractor's own picture, to which textures add nothing yet."""
        for joint in (self.coarse, self.middle, self.fine):
            nn.init.zeros_(joint.trunk.bn.weight)
        for own, known in zip((self.up_coarse, self.up_middle), content.up, strict=True):
            own.load_state_dict(known.state_dict())
        # Without an activation between the last two convolutions, three channels of the first are
        # the picture; the second hands them on, and what the others will hold as it was drawn.
        tail, last, known = self.conv_tail, self.conv_last, content.conv_last
        assert tail.bias is not None and last.bias is not None and known.bias is not None
        for weight in (tail.weight, tail.bias, last.bias, last.weight[:, :COLOURS]):
            nn.init.zeros_(weight)
        tail.weight[:COLOURS, :, 1, 1] = known.weight[:, :, 0, 0]
        tail.bias[:COLOURS] = known.bias
        last.weight[:, :COLOURS, 0, 0] = torch.eye(COLOURS)

    def forward(self, content: Tensor, maps: tuple[Tensor, Tensor, Tensor]) -> Tensor:
        """[B, features, h, w] and maps at sizes 1, 2 and 4 to RGB [B, 3, 4*h, 4*w] in [0, 1]."""
        coarse, middle, fine = maps
        x = self.up_coarse(self.coarse(content, coarse))
        x = self.up_middle(self.middle(x, middle))
        signed = torch.tanh(self.conv_last(self.conv_tail(self.fine(x, fine))))
        return (signed + 1) / 2


@dataclass(frozen=True)
class SwappedMaps:
    """Textures rearranged into LR's places.

    Attributes:
        maps: [B, 256, h, w], [B, 128, 2*h, 2*w] and [B, 64, 4*h, 4*w] for LR of h x w.
        similarity: [B, 1, h, w], cosine of each patch of LR and its match.
    """

    maps: tuple[Tensor, Tensor, Tensor]
    similarity: Tensor


class SRNTT(ReferenceGenerator):
    """SRNTT x4, with the frozen VGG19 up to relu3_1 that it matches in.

    The weights hold VGG19's too (2.2 MB), so that a trained network needs no other file.

    Until its textures are trained (`transfer_textures`) it enlarges with the content alone,
    whatever references it gets.

    Args:
        scale: 4; the network is built for no other.
        features: Channels; 64 in the released code.
        content: Residual blocks of the content extractor; 16.
        blocks: Residual blocks of the texture transfer at LR's size; 16. Half and a quarter as many
            at twice and four times it.
    """

    transfers: Tensor

    def __init__(
        self, scale: int = 4, features: int = 64, content: int = 16, blocks: int = 16
    ) -> None:
        super().__init__()
        if scale != 4:
            raise SettingsError(f"scale is {scale}: SRNTT is built for x4; build x4 pairs")
        self.scale = scale
        sizes = {"features": features, "content": content, "blocks": blocks}
        self.arguments = {"scale": scale, **sizes}
        self.content = ContentExtractor(features, content)
        self.texture = TextureTransfer(features, blocks)
        self.apply(_initialise)
        self.vgg = TextureExtractor().requires_grad_(False)
        self.register_buffer("transfers", torch.tensor(False))

    @property
    def body(self) -> nn.Sequential:  # type: ignore[override]
        """The residual blocks, all of one kind."""
        return nn.Sequential(*(m for m in self.modules() if isinstance(m, ResidualBlock)))

    def transfer_textures(self, wanted: bool) -> None:
        """Train the texture transfer on a frozen content extractor, or the extractor alone."""
        self.transfers.fill_(wanted)
        self.content.requires_grad_(not wanted)
        self.texture.requires_grad_(wanted)
        self.train(self.training)

    def train(self, mode: bool = True) -> Self:
        """Set training mode; a frozen content extractor keeps its running statistics."""
        super().train(mode)
        if self.transfers:
            self.content.eval()
        return self

    def forward(self, lr: Tensor, references: Tensor | None = None) -> Tensor:
        """Enlarge LR [B, 3, h, w] to SR [B, 3, 4*h, 4*w], range [0, 1].

        Args:
            lr: In [0, 1], at least 3x3.
            references: [B, R, 3, H, W] in [0, 1], H and W multiples of 4 and at least 12. None
                enlarges LR by its content alone.
        """
        if references is None or not self.transfers:
            return self.content.picture(self.content(lr))
        return self.enlarge(lr, self.swapped(lr, references))

    def enlarge(self, lr: Tensor, textures: SwappedMaps) -> Tensor:
        """Enlarge LR with textures that were found for it; arguments as in `forward`."""
        sr: Tensor = self.texture(self.content(lr), textures.maps)
        return sr

    @torch.no_grad()
    def swapped(self, lr: Tensor, references: Tensor) -> SwappedMaps:
        """Return the references' textures in LR's places (section 3.1, equations 3 and 4)."""
        pictures = references.unbind(dim=1)
        query = self.vgg(resized(lr, 4))[2]
        keys = [self.vgg(resized(resized(each, 1 / 4), 4))[2] for each in pictures]
        found = match(query, keys, patch=PATCH)
        sizes = [(each.shape[2], each.shape[3]) for each in (query, *keys)]
        at = places(found, sizes[0], sizes[1:], patch=PATCH)
        levels = zip(*(self.features(each) for each in pictures), strict=True)
        maps = [transfer(each, at, r) for each, r in zip(levels, RATIOS, strict=True)]
        # The outermost positions have no patch of their own.
        similarity = F.pad(found.score.view(at.first.shape)[:, None], (1, 1, 1, 1), "replicate")
        return SwappedMaps((maps[0], maps[1], maps[2]), similarity)

    @torch.no_grad()
    def own_maps(self, hr: Tensor) -> SwappedMaps:
        """Return HR's own textures, as if each patch had found itself; HR [B, 3, 4*h, 4*w]."""
        maps = self.features(hr)
        return SwappedMaps(maps, torch.ones_like(maps[0][:, :1]))

    def features(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return VGG19's relu3_1, relu2_1 and relu1_1 of RGB in [0, 1]."""
        fine, middle, coarse = self.vgg(image)
        return coarse, middle, fine


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d):
        nn.init.normal_(module.weight, 0, INITIAL_DEVIATION)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1, INITIAL_DEVIATION)


def recognise(tensors: Tensors) -> Size | None:
    """Return the size of the network that tensors look to be of."""
    if not {"content.conv_head.weight", "texture.conv_last.weight"} <= tensors.keys():
        return None
    parts = {"content": "content", "blocks": r"texture\.coarse"}
    depths = {
        size: numbered(tensors, rf"{part}\.trunk\.blocks\.(\d+)\.conv1\.weight$")
        for size, part in parts.items()
    }
    return {"features": tensors["content.conv_head.weight"].shape[0], **depths}


ENTRY = Entry(SRNTT, recognise)
