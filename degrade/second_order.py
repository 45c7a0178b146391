"""Real-ESRGAN's second-order degradations: LR of random cameras and files that nothing is known of.

After Wang, Xie, Dong and Shan, "Real-ESRGAN: Training Real-World Blind Super-Resolution with Pure
Synthetic Data" (2021), with the ranges that its authors published for their x4plus and x2plus
networks: twice a blur, a resize, noise and JPEG, and at the end a sinc filter before or after the
last JPEG. HR is not sharpened, as theirs is: it stays that of measured pairs, and LR alone differs.
"""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from degrade.arrays import F32, F64, U8, Image
from degrade.images.colour import luma, to_uint8, unit_float

ABOUT = "second order, with Real-ESRGAN's published ranges (Wang et al. 2021)"
"""How a run describes LR that is made so."""

Range = tuple[float, float]
Profile = Callable[[F64, float], F64]
"""Takes squared distances, in standard deviations, and an exponent to weights."""
SIDES = range(7, 22, 2)
"""Sides of kernels, pixels; each is as likely as the others."""
SINC, FINAL_SINC = 0.1, 0.8
"""Probability of a sinc in place of a blur, and of the one at the end."""
SMALL = 13
"""Side of kernels below which a sinc's cutoff is higher."""
GRAY = 0.4
"""Share of the noise that is the same in all channels."""
QUALITY: Range = (30, 95)
RESIZING = (cv2.INTER_AREA, cv2.INTER_LINEAR, cv2.INTER_CUBIC)


@dataclass(frozen=True)
class Round:
    """What one round of degradations is drawn from.

    Attributes:
        blurred: Probability of a blur.
        sigma: Standard deviations of the blur, pixels.
        changes: Probabilities that the picture is enlarged, reduced, and left as it is.
        sizes: Least factor where it is reduced, largest where it is enlarged.
        gaussian: Standard deviation of Gaussian noise, levels; as likely as Poisson noise.
        poisson: Factor on Poisson noise.
    """

    blurred: float
    sigma: Range
    changes: tuple[float, float, float]
    sizes: Range
    gaussian: Range
    poisson: Range


FIRST = Round(1.0, (0.2, 3), (0.2, 0.7, 0.1), (0.15, 1.5), (1, 30), (0.05, 3))
SECOND = Round(0.8, (0.2, 1.5), (0.3, 0.4, 0.3), (0.3, 1.2), (1, 25), (0.05, 2.5))


@dataclass(frozen=True)
class Shape:
    """A kind of blur: its profile, the range of its exponent, and how often it is round or oval."""

    profile: Profile
    exponent: Range
    round: float
    oval: float


def _bell(distance: F64, exponent: float) -> F64:
    return np.asarray(np.exp(-0.5 * distance**exponent))


def _plateau(distance: F64, exponent: float) -> F64:
    return 1 / (1 + distance**exponent)


SHAPES = (
    Shape(_bell, (1, 1), 0.45, 0.25),
    Shape(_bell, (0.5, 4), 0.12, 0.03),
    Shape(_plateau, (1, 2), 0.12, 0.03),
)


def degraded(hr: Image, scale: int, rng: np.random.Generator) -> U8:
    """Return LR of a sharp picture, degraded at random.

    Args:
        hr: [H, W, 3]; uint8, or float32 in [0, 1]; H and W multiples of ``scale``.
        scale: HR pixels per LR pixel.
        rng: Gives all draws.
    """
    height, width = hr.shape[:2]
    small = (height // scale, width // scale)
    picture = _one_round(unit_float(hr), (height, width), FIRST, rng)
    picture = _one_round(_compressed(picture, rng), small, SECOND, rng)
    if rng.random() < 0.5:
        return to_uint8(_compressed(_finished(picture, small, rng), rng))
    return to_uint8(_finished(_compressed(picture, rng), small, rng))


def _one_round(picture: F32, size: tuple[int, int], ranges: Round, rng: np.random.Generator) -> F32:
    """Blur, resize to a size that is near ``size``, and add noise."""
    if rng.random() < ranges.blurred:
        picture = _filtered(picture, _blur(ranges.sigma, rng))
    change = rng.choice(3, p=ranges.changes)
    lowest, highest = ranges.sizes
    factor = (rng.uniform(1, highest), rng.uniform(lowest, 1), 1.0)[change]
    picture = _resized(picture, (int(size[0] * factor), int(size[1] * factor)), rng)
    if rng.random() < 0.5:
        return _gaussian(picture, ranges.gaussian, rng)
    return _poisson(picture, ranges.poisson, rng)


def _finished(picture: F32, size: tuple[int, int], rng: np.random.Generator) -> F32:
    """Resize to LR's size, and let edges ring as sharpened photos' do."""
    picture = _resized(picture, size, rng)
    if rng.random() < FINAL_SINC:
        side = int(rng.choice(SIDES))
        picture = _filtered(picture, sinc_kernel(rng.uniform(np.pi / 3, np.pi), side))
    return np.asarray(np.clip(picture, 0, 1), np.float32)


def _blur(sigma: Range, rng: np.random.Generator) -> F32:
    side = int(rng.choice(SIDES))
    if rng.random() < SINC:
        lowest = np.pi / 3 if side < SMALL else np.pi / 5
        return sinc_kernel(rng.uniform(lowest, np.pi), side)
    shares = [share for shape in SHAPES for share in (shape.round, shape.oval)]
    kind, is_oval = divmod(int(rng.choice(len(shares), p=shares)), 2)
    first = rng.uniform(*sigma)
    second, angle = (rng.uniform(*sigma), rng.uniform(-np.pi, np.pi)) if is_oval else (first, 0.0)
    least, most = SHAPES[kind].exponent
    # As often below 1 as above, although the range above is the wider one.
    exponent = rng.uniform(least, 1) if rng.random() < 0.5 else rng.uniform(1, most)
    return blur_kernel(SHAPES[kind].profile, (first, second), angle, exponent, side)


def blur_kernel(
    profile: Profile, sigmas: tuple[float, float], angle: float, exponent: float, side: int
) -> F32:
    """Return a kernel [side, side] of sum 1.

    Args:
        profile: Of its flanks.
        sigmas: Along its two axes, pixels.
        angle: From the x axis to the first axis, radians.
        exponent: 1 gives a Gaussian's flanks, or a plateau's.
        side: Of the canvas, odd.
    """
    rows, cols = _places(side)
    along = (cols * np.cos(angle) + rows * np.sin(angle)) / sigmas[0]
    across = (rows * np.cos(angle) - cols * np.sin(angle)) / sigmas[1]
    weights = profile(along**2 + across**2, exponent)
    return np.asarray(weights / weights.sum(), np.float32)


def sinc_kernel(cutoff: float, side: int) -> F32:
    """Return an ideal round low-pass filter [side, side] of sum 1, which makes edges ring.

    Args:
        cutoff: Radians per pixel.
        side: Of the canvas, odd.
    """
    from scipy.special import j1  # a tenth of a second, which most commands are spared

    rows, cols = _places(side)
    radius = np.hypot(rows, cols)
    radius[side // 2, side // 2] = 1
    weights = cutoff * j1(cutoff * radius) / (2 * np.pi * radius)
    weights[side // 2, side // 2] = cutoff**2 / (4 * np.pi)
    return np.asarray(weights / weights.sum(), np.float32)


def _places(side: int) -> tuple[F64, F64]:
    place = np.arange(side) - (side - 1) / 2
    rows, cols = np.meshgrid(place, place, indexing="ij")
    return rows, cols


def _filtered(picture: F32, kernel: F32) -> F32:
    return np.asarray(cv2.filter2D(picture, -1, kernel), np.float32)


def _resized(picture: F32, size: tuple[int, int], rng: np.random.Generator) -> F32:
    height, width = (max(1, side) for side in size)
    way = RESIZING[rng.integers(len(RESIZING))]
    return np.asarray(cv2.resize(picture, (width, height), interpolation=way), np.float32)


def _gaussian(picture: F32, levels: Range, rng: np.random.Generator) -> F32:
    sigma, channels = rng.uniform(*levels) / 255, 1 if rng.random() < GRAY else 3
    white = rng.standard_normal((*picture.shape[:2], channels), np.float32)
    return np.asarray(np.clip(picture + np.float32(sigma) * white, 0, 1), np.float32)


def _poisson(picture: F32, factors: Range, rng: np.random.Generator) -> F32:
    """Add noise of photons; full scale is as many as the picture has different levels."""
    factor, is_gray = rng.uniform(*factors), rng.random() < GRAY
    eight = to_uint8(np.clip(picture, 0, 1))
    light = luma(unit_float(eight))[..., None] if is_gray else unit_float(eight)
    photons = 2 ** np.ceil(np.log2(len(np.unique(to_uint8(light)))))
    noise = rng.poisson(light * photons) / photons - light
    return np.asarray(np.clip(picture + factor * noise, 0, 1), np.float32)


def _compressed(picture: F32, rng: np.random.Generator) -> F32:
    """Return what is left after JPEG with 4:2:0."""
    quality = round(rng.uniform(*QUALITY))
    eight = np.ascontiguousarray(to_uint8(np.clip(picture, 0, 1))[..., ::-1])
    _, file = cv2.imencode(".jpg", eight, [cv2.IMWRITE_JPEG_QUALITY, quality])
    decoded = np.asarray(cv2.imdecode(file, cv2.IMREAD_COLOR), np.uint8)
    return unit_float(decoded[..., ::-1])
