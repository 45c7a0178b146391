"""Crops of photos with bicubic LR and references of falling similarity, and features of these."""

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor, nn

from degrade.arrays import U8
from degrade.degradation import degrade
from degrade.images.colour import luma, to_uint8
from degrade.randomness import stream
from sr_train.data.batch import Batch
from sr_train.data.crops import unit_batch
from sr_train.networks.vgg19 import VGG19Features, random_vgg19

SCALE, CROP = 4, 64
CANDIDATES = 4
"""Places that are looked at for each crop; the one with most contrast is taken."""
SEED = 0
CPU = torch.device("cpu")


@dataclass(frozen=True)
class Level:
    """How a reference differs from the crop that it is made for, at most."""

    shift: int
    step: int
    degrees: float
    zoom: float


LEVELS = {
    "level 1": Level(8, 4, 0, 1),
    "level 2": Level(16, 1, 0, 1),
    "level 3": Level(24, 1, 10, 1.1),
    "level 4": Level(40, 1, 45, 1.5),
}
KINDS = (*LEVELS, "unrelated", "black")


@dataclass(frozen=True)
class Place:
    """A crop's photo and its top left corner."""

    photo: int
    row: int
    col: int


def draw_place(photos: list[U8], rng: np.random.Generator) -> Place:
    """Return the place with most contrast among some random ones of one photo."""
    photo = int(rng.integers(len(photos)))
    limits = [side - CROP + 1 for side in photos[photo].shape[:2]]
    places = [Place(photo, *(int(v) for v in rng.integers(limits))) for _ in range(CANDIDATES)]
    return max(places, key=lambda place: float(luma(hr_of(photos, place)).std()))


def hr_of(photos: list[U8], place: Place) -> U8:
    """Return the crop [CROP, CROP, 3] at a place."""
    rows, cols = slice(place.row, place.row + CROP), slice(place.col, place.col + CROP)
    return photos[place.photo][rows, cols]


def lr_of(hr: U8) -> U8:
    """Return bicubic LR in 8 bits."""
    return to_uint8(degrade(hr, None, SCALE))


def reference_of(photos: list[U8], place: Place, kind: str, rng: np.random.Generator) -> U8:
    """Return a reference [CROP, CROP, 3] of a kind for the crop at a place."""
    if kind == "black":
        return np.zeros((CROP, CROP, 3), np.uint8)
    if kind == "unrelated":
        others = [photo for i, photo in enumerate(photos) if i != place.photo]
        return hr_of(others, draw_place(others, rng))
    level = LEVELS[kind]
    shift = rng.integers(-level.shift // level.step, level.shift // level.step + 1, 2) * level.step
    angle = np.deg2rad(rng.uniform(-level.degrees, level.degrees))
    zoom = level.zoom ** rng.uniform(-1, 1)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) / zoom
    middle = np.array([place.col, place.row]) + (CROP - 1) / 2 + shift[::-1]
    offset = middle - turn @ np.full(2, (CROP - 1) / 2)
    warped = cv2.warpAffine(
        photos[place.photo],
        np.column_stack([turn, offset]),
        (CROP, CROP),
        flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REFLECT_101,
    )
    return np.asarray(warped, np.uint8)


def stacked(images: list[U8]) -> Tensor:
    """Return pictures as [B, 3, h, w] in [0, 1]."""
    return unit_batch(np.stack(images), CPU)


@dataclass(frozen=True)
class Crops:
    """Training batches without references or with some of all levels, in equal shares.

    Attributes:
        photos: What crops are cut from.
        count: Crops in a batch.
        first: Number of the first step: both branches go on with the same crops.
        unrelated: Share of the crops with an unrelated reference; None = none has a reference.
    """

    photos: list[U8]
    count: int
    first: int
    unrelated: float | None = None
    scale: int = SCALE
    content: str = "reference-sr"

    def batch(self, step: int, share: slice, device: torch.device) -> Batch:
        """Return the crops of a step; they do not depend on whether there are references."""
        rng = stream(SEED, "crops", self.first + step)
        places = [draw_place(self.photos, rng) for _ in range(self.count)]
        hr = [hr_of(self.photos, place) for place in places]
        lr = stacked([lr_of(image) for image in hr])
        if self.unrelated is None:
            return Batch(lr, stacked(hr))
        chosen = stream(SEED, "references", step)
        related = chosen.random(self.count) >= self.unrelated
        kinds = np.where(related, chosen.choice(list(LEVELS), self.count), "unrelated")
        found = [
            reference_of(self.photos, place, str(kind), chosen)
            for place, kind in zip(places, kinds, strict=True)
        ]
        return Batch(lr, stacked(hr), stacked(found)[:, None], torch.from_numpy(related))

    def validation(self, device: torch.device) -> Batch:
        """Return nothing: the held-out photos are scored at the end."""
        return Batch(torch.zeros(0, 3, 1, 1), torch.zeros(0, 3, 4, 4))


THRESHOLD = 1.0
"""Standard deviations that a channel of relu3_1 must exceed its mean by to respond."""


@torch.no_grad()
def calibrated_vgg19(pictures: Tensor, seed: int) -> VGG19Features:
    """Return random VGG19 up to relu3_1, its convolutions scaled and shifted on some pictures.

    Plain random weights answer everything alike: matched patches of related and of unrelated
    pictures have cosines of 0.99 and 0.89, and no attention can tell them apart. Here each channel
    has variance 1 over the pictures and responds above its mean alone, those of the layer that is
    matched only where they stand out, as trained features do: cosines of 0.93 and 0.26.

    Args:
        pictures: [B, 3, h, w] in [0, 1].
        seed: Of the weights.
    """
    vgg = random_vgg19(("relu3_1",), seed)
    convolutions = [layer for layer in vgg.features if isinstance(layer, nn.Conv2d)]
    x = (pictures - vgg.mean) / vgg.std
    for layer in vgg.features:
        if isinstance(layer, nn.Conv2d):
            deviation, mean = torch.std_mean(layer(x), dim=(0, 2, 3))
            layer.weight /= deviation.view(-1, 1, 1, 1)
            assert layer.bias is not None
            layer.bias.copy_(-mean / deviation - THRESHOLD * (layer is convolutions[-1]))
        x = layer(x)
    return vgg
