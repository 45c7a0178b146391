"""Photos of two simulated cameras that differ in blur and noise: dead leaves, all from a seed."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import cv2
import numpy as np
from PIL import Image as Pillow

from degrade.arrays import U8


@dataclass(frozen=True)
class Lens:
    """A camera: its name in EXIF, blur (sigma, pixels) and noise (levels)."""

    name: str
    blur: float
    noise: float
    focal: int = 26


NARROW, WIDE = Lens("Narrow", 0.7, 1.5), Lens("Wide", 1.8, 3.0)
PHOTOS = 8
SIDES = (272, 320)


def leaves(seed: int) -> U8:
    """Return a scene of discs and squares of all sizes, with one smooth place."""
    rng = np.random.default_rng(seed)
    height, width = SIDES
    scene = np.full((height, width, 3), 128, np.uint8)
    for _ in range(700):
        size = int(min(3 + rng.pareto(1.5) * 3, height / 4))
        x, y = int(rng.integers(width)), int(rng.integers(height))
        colour = tuple(float(c) for c in rng.uniform(20, 235, 3))
        if rng.random() < 0.6:
            cv2.circle(scene, (x, y), size, colour, -1)
        else:
            cv2.rectangle(scene, (x - size, y - size), (x + size, y + size), colour, -1)
    scene[:96, :96] = rng.uniform(90, 170, 3)
    return scene


@cache
def photo(lens: Lens, number: int) -> U8:
    """Return one of a camera's photos; who takes it must not change it."""
    seed = number + 1000 * int(10 * lens.blur)
    blurred = cv2.GaussianBlur(leaves(seed).astype(np.float32), (0, 0), lens.blur)
    noise = np.random.default_rng(seed + 1).normal(0, lens.noise, blurred.shape)
    return np.clip(np.round(blurred + noise), 0, 255).astype(np.uint8)


def write(folder: Path, *lenses: Lens, exif: bool = False, apart: bool = False) -> Path:
    """Write the photos of cameras, with or without EXIF, in subfolders or mixed in one folder."""
    for lens in lenses:
        for number in range(PHOTOS):
            said = Pillow.Exif()
            if exif:
                said[271], said[272] = "Maker", lens.name
                said.get_ifd(0x8769)[41989] = lens.focal
            place = folder / lens.name if apart else folder
            place.mkdir(parents=True, exist_ok=True)
            path = place / f"{number}{lens.name}.png"
            Pillow.fromarray(photo(lens, number)).save(path, exif=said, compress_level=1)
    return folder
