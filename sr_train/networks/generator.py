"""What training, saving and upscaling ask of a network that makes SR from LR."""

from typing import Any

from torch import nn


class Generator(nn.Module):
    """A network that enlarges LR [B, 3, h, w] to SR [B, 3, scale*h, scale*w], range [0, 1]."""

    scale: int
    """SR pixels per LR pixel."""
    multiple: int
    """Tiles must start at a multiple of this many LR pixels."""
    arguments: dict[str, Any]
    """What its constructor was called with: weights files carry it, so that it can be rebuilt."""

    body: nn.Sequential
    """Its equal blocks, which are compiled one by one."""

    @property
    def radius(self) -> int:
        """Farthest LR pixel, in rows or columns, that an SR pixel of an LR pixel's block sees."""
        raise NotImplementedError

    def tiling_note(self) -> str | None:
        """Return what tiles changed, None if they gave the pixels of the whole picture."""
        return None
