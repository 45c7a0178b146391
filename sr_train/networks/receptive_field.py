"""A network's receptive field, found by trying: which SR pixels change when one of LR does."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from degrade.arrays import F32
from degrade.randomness import stream
from sr_train.compute.device import device_of, evaluating

LENGTHS = (64, 256, 1024)
"""LR pixels of the strips that are tried, one after the other until one is long enough."""
OVERLAPS = (8, 16, 32)
"""Overlaps that are tried for networks that see everything."""
SIDE = 128
"""Side in LR pixels of the picture that overlaps are tried on."""
ENOUGH = 1.0
"""Levels of 255 by which a seam may differ."""


@dataclass(frozen=True)
class Reach:
    """What tiles must overlap by."""

    pixels: int
    """Overlap in LR pixels."""
    seam: float | None = None
    """Largest difference, in levels of 255, that a seam with this overlap made on a test picture;
    None: the network sees no farther, and there is none."""


@torch.inference_mode()
def measured_reach(network: nn.Module, multiple: int, least: int) -> Reach:
    """Return how far a network sees, or what overlap serves where it sees everything.

    A place of LR is made NaN: whatever depends on it, however weakly, becomes NaN too. Attention to
    the whole picture and means over it leave no place untouched; then tiles are compared with the
    whole picture.

    Args:
        network: LR [1, 3, h, w] to SR.
        multiple: Its tiles start at multiples of this.
        least: Smallest side that it takes.
    """
    with evaluating(network):
        for length in LENGTHS:
            reaches = [_reach_along(network, length, axis, multiple, least) for axis in (2, 3)]
            if None not in reaches:
                farthest = max(reach for reach in reaches if reach is not None)
                return Reach(farthest + multiple - 1)
        return _compared(network, multiple)


def _reach_along(
    network: nn.Module, length: int, axis: int, multiple: int, least: int
) -> int | None:
    """Return the reach along an axis, None if a strip of this length does not hold it."""
    length = -(-max(length, 4 * multiple) // multiple) * multiple
    width = -(-max(least, 8) // multiple) * multiple
    shape = [1, 3, width, width]
    shape[axis] = length
    lr = torch.rand(shape, generator=torch.Generator().manual_seed(0)).to(device_of(network))
    start = length // 2 // multiple * multiple
    struck = lr.clone()
    struck.narrow(axis, start, multiple).fill_(float("nan"))
    before: Tensor = network(lr)
    after: Tensor = network(struck)
    scale = before.shape[axis] // length
    touched = (after != before).transpose(0, axis).flatten(1).any(1).nonzero().flatten()
    first, last = int(touched.min()) // scale, int(touched.max()) // scale
    if first < multiple or last >= length - multiple:
        return None
    return max(0, start - first, last - (start + multiple - 1))


def _compared(network: nn.Module, multiple: int) -> Reach:
    side = -(-SIDE // (2 * multiple)) * 2 * multiple
    lr = torch.from_numpy(sample_picture(side, side)).to(device_of(network))
    whole = network(lr)
    half, scale = side // 2, whole.shape[-1] // side
    overlap, seam = 0, float("inf")
    for overlap in OVERLAPS:
        around = -(-overlap // multiple) * multiple
        left = network(lr[..., : half + around])[..., : half * scale]
        right = network(lr[..., half - around :])[..., around * scale :]
        seam = float((torch.cat((left, right), -1) - whole).abs().max()) * 255
        if seam <= ENOUGH:
            break
    return Reach(overlap, seam)


def sample_picture(height: int, width: int) -> F32:
    """Return RGB [1, 3, height, width] in [0, 1] whose amplitude falls as 1 / frequency."""
    random = stream(0, "sample-picture")
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None])
    spectrum = np.fft.rfft2(random.normal(size=(3, height, width)))
    spectrum /= np.maximum(frequency, 1 / max(height, width))
    picture = np.fft.irfft2(spectrum, s=(height, width))
    scaled: F32 = np.clip(0.5 + picture / (6 * picture.std()), 0, 1).astype(np.float32)
    return scaled[None]
