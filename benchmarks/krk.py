"""DIV2KRK's recipe and FKP's settings on public pictures: kernels, photos, and how they are scored.

Bell-Kligler et al. (NeurIPS 2019) draw anisotropic Gaussians of variances l1, l2 and any angle,
multiply each weight by 1 + U(-noise, noise), move the centre of mass to the middle of the first
s x s HR pixels and normalise; x4 is k2 * dilate2(k2). Liang et al. (FKP, CVPR 2021) draw from other
ranges, with noise in the kernel or the picture. Both keep every s-th pixel of the correlation,
from 0, the edge repeated, in 8 bits.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import ndimage, signal

from benchmarks.simulated_photos import SKIMAGE, noisy
from degrade.arrays import F32, F64, U8
from degrade.degradation import downsample
from degrade.images.colour import to_uint8
from degrade.images.decode import read_image
from degrade.images.windows import crop_to_multiple
from degrade.kernels.shape import canvas_size
from degrade.randomness import stream

SIDE = 11
"""Of a kernel at x2; at x4 it is 31."""
LEAD = {2: 2, 4: -1}
"""Rows of the package's canvas before the first of the published array, so that centres agree: 16
rows at x2 hold all 11, at x4 the first of 31 rows, of 1e-4 of the weight, falls off the 32."""


@dataclass(frozen=True)
class Setting:
    """One benchmark: how kernels are drawn and what is done to the photos.

    Attributes:
        scale: HR pixels per LR pixel, 2 or 4.
        least: Smallest variance along an axis of the kernel at x2, squared HR pixels.
        most: The largest.
        kernel_noise: Largest relative change of a weight.
        image_noise: Standard deviation of the LR photo's noise, of 1.
    """

    scale: int
    least: float
    most: float
    kernel_noise: float = 0.0
    image_noise: float = 0.0


SETTINGS = {
    "krk_x2": Setting(2, 0.6, 5.0, kernel_noise=0.25),
    "krk_x4": Setting(4, 0.6, 5.0, kernel_noise=0.25),
    "fkp_x2": Setting(2, 0.35, 5.0),
    "fkp_x2_kernel_noise": Setting(2, 0.35, 5.0, kernel_noise=0.4),
    "fkp_x2_image_noise": Setting(2, 0.35, 5.0, image_noise=10 / 255),
}


@dataclass(frozen=True)
class Case:
    """One photo and its kernel.

    Attributes:
        name: Picture and draw.
        hr: [H, W, 3] uint8.
        photo: [H / s, W / s, 3] uint8.
        truth: Published array, [11, 11] or [31, 31], sum 1.
        smooth: The same Gaussian without kernel noise, the most that a Gaussian fit can reach.
    """

    name: str
    hr: U8
    photo: U8
    truth: F64
    smooth: F64


def cases(folders: list[Path], setting: Setting, seed: int, count: int) -> Iterator[Case]:
    """Yield photos of the pictures in turn, each time round with other kernels."""
    paths = _pictures(folders)
    for index in range(count):
        path, draw = paths[index % len(paths)], index // len(paths)
        rng = stream(seed, "krk", path.stem, draw, setting.scale)
        hr = crop_to_multiple(to_uint8(read_image(path)), setting.scale)
        truth, smooth = draw_kernel(setting, rng)
        photo = to_uint8(np.clip(downsample(hr, _even(truth), setting.scale), 0, 1))
        if setting.image_noise:
            photo = noisy(photo, 255 * setting.image_noise, rng)
        yield Case(f"{path.stem} {draw}", hr, photo, truth, smooth)


def draw_kernel(setting: Setting, rng: np.random.Generator) -> tuple[F64, F64]:
    """Draw a kernel; return it, and its Gaussian without noise in the weights."""
    first, second = rng.uniform(setting.least, setting.most, 2)
    angle = float(rng.uniform(-np.pi, np.pi))
    smooth = _gaussian(np.array([first, second]), angle)
    change = rng.uniform(-setting.kernel_noise, setting.kernel_noise, smooth.shape)
    kernels = _moved(smooth * (1 + change)), _moved(smooth)
    return kernels if setting.scale == 2 else (_x4(kernels[0]), _x4(kernels[1]))


def mean_kernel(setting: Setting, draws: int = 1000) -> F64:
    """Return the mean of many drawn kernels: what knows the benchmark and looks at no photo."""
    rng = stream(0, "krk-constant", setting.scale)
    kernels = [draw_kernel(setting, rng)[0] for _ in range(draws)]
    return np.asarray(np.mean(kernels, axis=0))


def as_published(kernel: F32, scale: int) -> F64:
    """Return a kernel on the package's canvas as the published array of the scale."""
    side, lead = SIDE if scale == 2 else 3 * SIDE - 2, LEAD[scale]
    padded = np.pad(kernel.astype(np.float64), SIDE)
    start = SIDE + lead
    return np.asarray(padded[start : start + side, start : start + side])


def on_canvas(kernel: F64, scale: int) -> F32:
    """Return a published array on the package's canvas, sum 1."""
    side, start = canvas_size(scale), SIDE - LEAD[scale]
    canvas = np.pad(kernel, (SIDE, 2 * SIDE))[start : start + side, start : start + side]
    return np.asarray(canvas / canvas.sum(), np.float32)


def kernel_psnr(kernel: F64, truth: F64) -> float:
    """Return -10 log10 of the mean squared difference of two published arrays (peak 1), dB."""
    return float(-10 * np.log10(((kernel - truth) ** 2).mean()))


def covariance_l1(kernel: F64, truth: F64) -> float:
    """Return the mean absolute difference of the covariances' entries, squared HR pixels."""
    return float(np.abs(_covariance(kernel) - _covariance(truth)).mean())


def _covariance(kernel: F64) -> F64:
    place = np.arange(len(kernel), dtype=np.float64)
    rows, cols = np.meshgrid(place, place, indexing="ij")
    points = np.stack([cols.ravel(), rows.ravel()])
    weights = kernel.ravel() / kernel.sum()
    away = points - (points @ weights)[:, None]
    return np.asarray((away * weights) @ away.T)


def _gaussian(variances: F64, angle: float) -> F64:
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    inverse = np.linalg.inv(turn @ np.diag(variances) @ turn.T)
    place = np.arange(SIDE) - (SIDE // 2 + 0.5)
    rows, cols = np.meshgrid(place, place, indexing="ij")
    points = np.stack([cols, rows], axis=-1)
    return np.asarray(np.exp(-0.5 * np.einsum("...i,ij,...j", points, inverse, points)))


def _moved(kernel: F64) -> F64:
    """Move the centre of mass to the middle of the first 2x2 HR pixels by a spline; sum 1."""
    middle = np.full(2, SIDE // 2 + 0.5)
    shift = np.zeros(2)
    for _ in range(10):
        moved = ndimage.shift(kernel, shift).clip(min=0)
        shift += middle - np.array(ndimage.center_of_mass(moved))
    return np.asarray(moved / moved.sum())


def _x4(kernel: F64) -> F64:
    dilated = np.zeros((2 * SIDE - 1,) * 2)
    dilated[::2, ::2] = kernel
    return np.asarray(signal.convolve2d(kernel, dilated))


def _even(kernel: F64) -> F64:
    """Pad a published array after its end until its centre of mass is its middle."""
    return np.pad(kernel, (0, 1 if len(kernel) == SIDE else 3))


def _pictures(folders: list[Path]) -> list[Path]:
    import skimage

    data = Path(skimage.__file__).parent / "data"
    given = [path for folder in folders for path in sorted(folder.iterdir()) if path.is_file()]
    given = [path for path in given if path.suffix.lower() in (".png", ".jpg", ".jpeg")]
    return given + [path for path in sorted(data.iterdir()) if path.stem in SKIMAGE]
