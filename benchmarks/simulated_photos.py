"""Photos of simulated cameras with kernels of several families, noise or JPEG, and their truth."""

import io
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from PIL import Image as Pillow

from degrade.arrays import F32, F64, U8
from degrade.degradation import downsample
from degrade.images.colour import to_uint8
from degrade.images.decode import read_image
from degrade.images.resize import bicubic
from degrade.images.windows import crop_to_multiple
from degrade.kernels.parametric import gaussian_kernel
from degrade.kernels.shape import canvas_size, recentre
from degrade.kernels.spectral import MIN_SIDE
from degrade.randomness import stream

FAMILIES = ("gaussian", "disc", "line", "general")
NOISES = (0.0, 5.0, 10.0, 15.0)
"""Standard deviations in levels."""
QUALITIES = (95, 80, 60)
"""Qualities of JPEG."""
SKIMAGE = ("astronaut", "chelsea", "coffee", "rocket", "motorcycle_left", "hubble_deep_field")
"""scikit-image's colour photographs."""
_FINE = 9
"""Samples per pixel and axis where a formula has edges."""


@dataclass(frozen=True)
class Simulated:
    """One photo and what was done to it.

    Attributes:
        name: Photo, family and wear.
        photo: [h, w, 3] uint8.
        truth: The kernel, centred on the canvas of the scale.
        family: One of `FAMILIES`.
        wear: ``clean``, ``noise 5`` and so on, or ``jpeg 80`` and so on.
    """

    name: str
    photo: U8
    truth: F32
    family: str
    wear: str


def simulate(folder: Path, scale: int, seed: int, noise: float | None = None) -> list[Simulated]:
    """Photograph each sharp photo with a camera of its own.

    A third of the photos is clean but for rounding, a third noisy, a third JPEG.

    Args:
        folder: Sharp photos; scikit-image's are added where they are installed.
        scale: HR pixels per LR pixel; at x8 photos are enlarged by 2 first, for they would be too
            small, which takes nothing from what those kernels pass.
        seed: Of all draws.
        noise: Every photo's, standard deviation in levels, in place of the three thirds.
    """
    made = []
    for index, path in enumerate(_paths(folder)):
        rng = stream(seed, "camera", path.stem, scale)
        sharp = to_uint8(read_image(path))
        if scale == 8:
            sharp = to_uint8(bicubic(sharp, Fraction(2)))
        if min(sharp.shape[:2]) < scale * MIN_SIDE:
            continue
        family = FAMILIES[int(rng.integers(len(FAMILIES)))]
        truth = draw_kernel(family, scale, rng)
        small = to_uint8(np.clip(downsample(crop_to_multiple(sharp, scale), truth, scale), 0, 1))
        if noise is None:
            photo, wear = worn(small, index % 3, rng)
        else:
            photo, wear = noisy(small, noise, rng), f"noise {noise:g}"
        made.append(Simulated(f"{path.stem} {family} {wear}", photo, truth, family, wear))
    return made


def draw_kernel(family: str, scale: int, rng: np.random.Generator) -> F32:
    """Draw a kernel of a family; lengths below are for x2 and grow with the scale."""
    unit, size, angle = scale / 2, canvas_size(scale), float(rng.uniform(0, np.pi))
    major = unit * float(rng.uniform(0.6, 2.6))
    minor = max(major / float(rng.uniform(1, 2.5)), 0.6 * unit)
    if family == "gaussian":
        return recentre(gaussian_kernel((major, minor), angle, size), size)
    if family == "general":
        exponent = float(2 ** rng.uniform(-1, 1.5))
        return _sampled(lambda x, y: _general(x, y, (major, minor), angle, exponent), size)
    if family == "disc":
        radius = unit * float(rng.uniform(1.2, 4))
        return _sampled(lambda x, y: (x**2 + y**2 <= radius**2).astype(float), size)
    length, width = unit * float(rng.uniform(3, 8)), unit * 0.6

    def line(x: F64, y: F64) -> F64:
        along, across = _rotated(x, y, angle)
        beyond = np.maximum(np.abs(along) - length / 2, 0)
        return np.asarray(np.exp(-0.5 * (beyond**2 + across**2) / width**2))

    return _sampled(line, size)


def worn(photo: U8, kind: int, rng: np.random.Generator) -> tuple[U8, str]:
    """Leave a photo clean (kind 0), add noise (1) or compress it (2); say which."""
    if kind == 0:
        return photo, "clean"
    if kind == 1:
        sigma = float(rng.choice(NOISES[1:]))
        return noisy(photo, sigma, rng), f"noise {sigma:g}"
    quality = int(rng.choice(QUALITIES))
    return jpeg(photo, quality), f"jpeg {quality}"


def noisy(photo: U8, sigma: float, rng: np.random.Generator) -> U8:
    """Add white noise of ``sigma`` levels to each channel."""
    return np.asarray(
        np.clip(np.round(photo + rng.normal(0, sigma, photo.shape)), 0, 255), np.uint8
    )


def jpeg(photo: U8, quality: int) -> U8:
    """Compress and decompress, chroma at half resolution."""
    file = io.BytesIO()
    Pillow.fromarray(photo).save(file, "JPEG", quality=quality)
    return np.asarray(Pillow.open(file))


def _paths(folder: Path) -> list[Path]:
    import skimage

    data = Path(skimage.__file__).parent / "data"
    built_in = [path for path in sorted(data.iterdir()) if path.stem in SKIMAGE]
    return sorted(folder.glob("*.png")) + built_in


def _rotated(x: F64, y: F64, angle: float) -> tuple[F64, F64]:
    return x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)


def _general(x: F64, y: F64, sigmas: tuple[float, float], angle: float, exponent: float) -> F64:
    along, across = _rotated(x, y, angle)
    square = (along / sigmas[0]) ** 2 + (across / sigmas[1]) ** 2
    return np.asarray(np.exp(-0.5 * square**exponent))


def _sampled(formula: Callable[[F64, F64], F64], size: int) -> F32:
    """Average a density over each pixel of a canvas."""
    place = (np.arange(size * _FINE) + 0.5) / _FINE - size / 2
    rows, cols = np.meshgrid(place, place, indexing="ij")
    fine = formula(cols, rows)
    return recentre(fine.reshape(size, _FINE, size, _FINE).mean((1, 3)), size)
