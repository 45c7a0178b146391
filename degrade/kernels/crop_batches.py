"""Inputs of KernelGAN's training: initial weights, crops and noise of lanes, by seed and key."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from degrade.arrays import F32, I64, Image
from degrade.images.colour import unit_float
from degrade.images.resize import bicubic_taps
from degrade.kernels import discriminator as disc
from degrade.kernels import generator as gen
from degrade.kernels.crops import CropCorners, CropMaps, draw_corners, shaved
from degrade.kernels.estimator_settings import DISCRIMINATOR_FIELD, KERNEL_SIDE, KernelSettings
from degrade.randomness import stream

_NOISE_FIELD = 4
"""Side of the field that a lane's noise is cut from, in crops of noise."""
_INIT_GAIN = 0.1


@dataclass(frozen=True)
class Lane:
    """One estimate in the making: a shaved photo, where to crop it, and its seed and name."""

    photo: Image
    corners: CropCorners
    seed: int
    key: str

    def stream(self, purpose: str) -> np.random.Generator:
        """Return the lane's random numbers for one purpose."""
        return stream(self.seed, "kernelgan", self.key, purpose)


@dataclass(frozen=True)
class CropBatch:
    """One iteration's inputs; s = 64 and d = 26 are the crops' sides.

    Attributes:
        rows: [L, 3*d, 13*s], the generator's crops laid out by ``generator.rows``.
        target: [L, 3, d, d], their bicubic downscaling.
        real: [L, 3, d, d], the discriminator's crops with noise.
        fake_noise: [L, 3, d, d], noise for the generator's output.
    """

    rows: Tensor
    target: Tensor
    real: Tensor
    fake_noise: Tensor


def open_lanes(photo: Image, key: str, maps: CropMaps, settings: KernelSettings) -> list[Lane]:
    """Return one lane per restart; restart r is the first one of a run with seed + r."""
    inner = shaved(photo, settings)  # one object: it is copied to the device once
    return [
        Lane(inner, draw_corners(maps, settings, seed, key), seed, key)
        for seed in range(settings.seed, settings.seed + settings.restarts)
    ]


def first_generator(lanes: Sequence[Lane], device: torch.device) -> list[Tensor]:
    """Draw the generator's six weights [L, out, in, k, k], ready for autograd."""
    streams = [lane.stream("generator") for lane in lanes]
    return [
        _normal(streams, shape, _xavier(shape), device).requires_grad_()
        for shape in gen.weight_shapes()
    ]


def first_discriminator(lanes: Sequence[Lane], device: torch.device) -> disc.Weights:
    """Draw the discriminator's parameters: Xavier's normal times 0.1, batch norm N(1, 0.02)."""
    streams = [lane.stream("discriminator") for lane in lanes]
    channels, layers, side = disc.CHANNELS, disc.HIDDEN, DISCRIMINATOR_FIELD
    first = _normal(
        streams, (channels, disc.FIRST_TAPS), _xavier((channels, 3, side, side)), device
    )
    square = (channels, channels, 1, 1)
    return disc.Weights(
        first=first,
        hidden=_normal(streams, (layers, channels, channels), _xavier(square), device),
        last=_normal(streams, (1, channels), _xavier((1, channels, 1, 1)), device),
        bias=torch.zeros(len(lanes), device=device),
        gamma=1 + _normal(streams, (layers, channels), 0.02, device),
        beta=torch.zeros(len(lanes), layers, channels, device=device),
    )


def first_vectors(lanes: Sequence[Lane], device: torch.device) -> tuple[Tensor, Tensor]:
    """Draw where power iteration starts: [L, 64] and [L, 5, 64]; of any length."""
    streams = [lane.stream("spectral-norm") for lane in lanes]
    first = _normal(streams, (disc.CHANNELS,), 1.0, device)
    return first, _normal(streams, (disc.HIDDEN, disc.CHANNELS), 1.0, device)


def batches(
    lanes: Sequence[Lane], settings: KernelSettings, device: torch.device
) -> Iterator[CropBatch]:
    """Yield the inputs of every iteration.

    Real crops get noise of one 8-bit level, the generator's output of half of one, as published;
    the published code also leaves the former in the photo, where it piles up: here it does not.
    Noise is cut at random places from one field of white noise per lane, as crops are from photos.
    """
    crop, small = settings.crop, settings.downscaled_crop
    bicubic = gen.band(_bicubic_on_13(device), crop)[0]
    photos = lay_out([lane.photo for lane in lanes], device)
    fields = lay_out([_noise_field(lane, small) for lane in lanes], device)
    at_big = by_iteration([lane.corners.generator for lane in lanes], device)
    at_small = by_iteration([lane.corners.discriminator for lane in lanes], device)
    at_noise = [
        by_iteration([_noise_corners(lane, name, settings) for lane in lanes], device)
        for name in ("real-noise", "fake-noise")
    ]
    for index in range(settings.iterations):
        rows = gen.rows(photos.crop(at_big[index], crop).mul_(2).sub_(1))
        real = photos.crop(at_small[index], small).mul_(2).sub_(1)
        target = _bicubic_target((rows @ bicubic).view(real.shape), settings)
        noise, fake_noise = (fields.crop(corners[index], small).div_(255) for corners in at_noise)
        yield CropBatch(rows, target, real.add_(noise, alpha=2), fake_noise)


def _noise_field(lane: Lane, crop: int) -> F32:
    """Draw a lane's white noise, [side, side, 3]."""
    side = _NOISE_FIELD * crop
    return lane.stream("noise").standard_normal((side, side, 3), dtype=np.float32)


def _noise_corners(lane: Lane, name: str, settings: KernelSettings) -> I64:
    """Draw where noise is cut at each iteration, [iterations, 2]."""
    places = (_NOISE_FIELD - 1) * settings.downscaled_crop + 1
    return lane.stream(name).integers(places, size=(settings.iterations, 2))


def _bicubic_target(downscaled: Tensor, settings: KernelSettings) -> Tensor:
    """Return the bicubic term's target; the published code's is R+G+B in every channel."""
    if not settings.as_published:
        return downscaled
    return downscaled.sum(1, keepdim=True).expand_as(downscaled)


def _bicubic_on_13(device: torch.device) -> Tensor:
    """Return the bicubic kernel [1, 13, 13] with its centre at 6.5, where the generator's lies."""
    taps = bicubic_taps(2)
    before = (KERNEL_SIDE + 1 - taps.size) // 2
    padded = np.pad(taps, (before, KERNEL_SIDE - before - taps.size))
    return torch.from_numpy(np.outer(padded, padded)[None].astype(np.float32)).to(device)


def _xavier(shape: tuple[int, ...]) -> float:
    """Return the standard deviation of Xavier's normal initialisation of a convolution."""
    field = math.prod(shape[2:])
    return _INIT_GAIN * math.sqrt(2 / ((shape[0] + shape[1]) * field))


def _normal(
    streams: Sequence[np.random.Generator], shape: tuple[int, ...], std: float, device: torch.device
) -> Tensor:
    draws = np.stack([rng.standard_normal(shape, dtype=np.float32) for rng in streams])
    return torch.from_numpy(draws * np.float32(std)).to(device)


@dataclass(frozen=True)
class PictureBuffer:
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

    def crop(self, corners: Tensor, size: int) -> Tensor:
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


def lay_out(pictures: Sequence[Image], device: torch.device) -> PictureBuffer:
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
    return PictureBuffer(
        torch.from_numpy(np.concatenate(parts)).to(device),
        torch.tensor(start, device=device),
        torch.tensor(plane, device=device),
        torch.tensor(pitch, device=device),
    )


def by_iteration(corners: Sequence[I64], device: torch.device) -> Tensor:
    """Stack lanes' corners [iterations, 2] into [iterations, L, 2] on a device."""
    return torch.from_numpy(np.stack(corners, axis=1)).to(device)
