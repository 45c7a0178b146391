"""What KernelGAN's training reads at each iteration, laid on the device once: photos and noise."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from degrade.arrays import I64, Image
from degrade.images.colour import unit_float


@dataclass(frozen=True)
class Pictures:
    """Pictures of any sizes in one row of memory, those that several lanes share once.

    Attributes:
        values: [n] uint8 or float32, one picture after the other, each colour by itself.
        start: [L] int64, where each lane's picture begins.
        plane: [L] int64, numbers in a colour of it.
        pitch: [L] int64, numbers in a row of it.
    """

    values: Tensor
    start: Tensor
    plane: Tensor
    pitch: Tensor

    def cut(self, corners: Tensor, size: int) -> Tensor:
        """Return one crop of each lane's picture, [L, 3, size, size] float32; uint8 over 255.

        Args:
            corners: [L, 2] int64, rows and columns of the crops' top left pixels.
            size: Side of the crops in pixels.
        """
        first = self.start + corners[:, 0] * self.pitch + corners[:, 1]
        colour, down = (torch.arange(n, device=first.device) for n in (3, size))
        within = self.plane[:, None, None] * colour[:, None] + self.pitch[:, None, None] * down
        rows = (first[:, None, None] + within).flatten()
        values = self.values.unfold(0, size, 1).index_select(0, rows)
        if values.dtype == torch.uint8:
            values = values.float().div_(255)
        return values.view(len(first), 3, size, size)


def lay_out(pictures: Sequence[Image], device: torch.device) -> Pictures:
    """Copy pictures [H, W, 3] to a device; the same object for two lanes is copied once.

    Among float32 pictures, uint8 ones become float32 too: their crops are the same either way.
    """
    places: dict[int, int] = {}
    parts: list[npt.NDArray[np.generic]] = []
    end = 0
    exact = all(picture.dtype == np.uint8 for picture in pictures)
    for picture in pictures:
        if id(picture) not in places:
            places[id(picture)] = end
            planes = (picture if exact else unit_float(picture)).transpose(2, 0, 1)
            parts.append(planes.ravel())
            end += picture.size
    start = [places[id(picture)] for picture in pictures]
    plane = [picture.shape[0] * picture.shape[1] for picture in pictures]
    pitch = [picture.shape[1] for picture in pictures]
    return Pictures(
        torch.from_numpy(np.concatenate(parts)).to(device),
        torch.tensor(start, device=device),
        torch.tensor(plane, device=device),
        torch.tensor(pitch, device=device),
    )


def by_iteration(corners: Sequence[I64], device: torch.device) -> Tensor:
    """Stack lanes' corners [iterations, 2] into [iterations, L, 2] on a device."""
    return torch.from_numpy(np.stack(corners, axis=1)).to(device)
