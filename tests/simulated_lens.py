"""Photos through a simulated lens, of scenes with the power spectrum of photographs."""

from functools import cache
from pathlib import Path

import numpy as np

from degrade.arrays import F32, F64, U8, Image
from degrade.images.colour import to_uint8
from degrade.images.write import write_png
from degrade.kernels.lens import Lens, degrade_by_lens
from degrade.kernels.lens_evidence import LensEvidence, lens_evidence
from degrade.kernels.parametric import gaussian_kernel
from degrade.kernels.shape import canvas_size
from tests.photos import digest

SCALE = 2
FACTORS = (0.9, 0.7, 0.95)
"""Of R, G and B, times the width of the place."""
SHIFT = (0.5, -0.3)
"""Of red and blue at the corner, photo pixels."""
HEIGHT, WIDTH = 288, 384


def kernels_at(radius: float) -> F32:
    """Return the kernels [3, K, K] of R, G and B at a relative radius, of widths 0.8 to 1.6."""
    size, width = canvas_size(SCALE), SCALE * (0.8 + 0.8 * radius)
    return np.array([gaussian_kernel((width * f, width * f), 0.0, size) for f in FACTORS])


def true_lens() -> Lens:
    radii = np.linspace(0, 1, 5)
    return Lens(radii, np.array([kernels_at(r) for r in radii]), np.array(SHIFT))


def even_lens() -> Lens:
    """Return one that blurs all places and colours alike."""
    one = gaussian_kernel((SCALE * 0.9, SCALE * 0.9), 0.0, canvas_size(SCALE))
    return Lens(np.array([0.0, 1.0]), np.broadcast_to(one, (2, 3, *one.shape)), np.zeros(2))


def scene(seed: int) -> F32:
    """Return [H, W, 3] in [0, 1] at the scale: noise whose power falls as |u|^-2.4.

    Edges, which photographs have too, come from its levels.
    """
    rng = np.random.default_rng(seed)
    shape = HEIGHT * SCALE, WIDTH * SCALE
    planes = [_falling(shape, rng) for _ in range(4)]
    mixed = np.stack([planes[0] + 0.15 * plane for plane in planes[1:]], axis=2)
    steps = np.where(planes[0] > 0.4, 0.8, 0.0) - np.where(planes[1] > 0.9, 0.8, 0.0)
    return np.asarray(np.clip(0.5 + 0.12 * (mixed + steps[..., None]), 0, 1), np.float32)


def _falling(shape: tuple[int, int], rng: np.random.Generator) -> F64:
    y, x = np.fft.fftfreq(shape[0])[:, None], np.fft.rfftfreq(shape[1])[None]
    radius = np.hypot(x, y)
    radius[0, 0] = np.inf
    wave = np.fft.rfft2(rng.standard_normal(shape)) * radius**-1.2
    plane = np.fft.irfft2(wave, shape)
    return np.asarray(plane / plane.std())


@cache
def photo(seed: int, *, even: bool) -> U8:
    """Return a photo of a scene through one of the lenses, with noise of one level."""
    clean = degrade_by_lens(scene(seed), even_lens() if even else true_lens(), SCALE)
    noise = np.random.default_rng(seed).normal(0, 1 / 255, clean.shape)
    return to_uint8(np.asarray(np.clip(clean + noise, 0, 1), np.float32))


def write_photos(folder: Path, count: int, *, even: bool) -> Path:
    folder.mkdir(parents=True)
    for seed in range(count):
        write_png(folder / f"{seed:02}.png", photo(seed, even=even))
    return folder


_known: dict[tuple[str, int], LensEvidence | str] = {}


def measured_once(picture: Image, rings: int) -> LensEvidence | str:
    """Return what `lens_evidence` does, in half a second: many tests look at the same photos."""
    key = digest(picture.tobytes()), rings
    if key not in _known:
        _known[key] = lens_evidence(picture, rings)
    return _known[key]
