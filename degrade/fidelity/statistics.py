"""Patches of photos and of the LR that training would see in their place, and how both differ."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from degrade.arrays import F32, F64, I32, I64, U8, Image
from degrade.images.colour import luma, to_uint8
from degrade.noise.floor import residual_histogram, variance_curve
from degrade.noise.model import NoiseModel, NoiseSource

BORDER = 4
"""LR pixels of a tile's edge that are not cut where there is room: blur reached over the edge."""


@dataclass(frozen=True)
class PatchSet:
    """Patches of one kind, as many of each photo."""

    pixels: U8
    """[photos, n, P, P, 3]."""
    corners: I64
    """[photos, n, 2]: (row, col) in the image they were cut from."""

    def halves(self) -> tuple["PatchSet", "PatchSet"]:
        """Return every other patch of each photo, and the rest."""
        first, second = (slice(start, None, 2) for start in (0, 1))
        return (
            PatchSet(self.pixels[:, first], self.corners[:, first]),
            PatchSet(self.pixels[:, second], self.corners[:, second]),
        )


@dataclass(frozen=True)
class AddedNoise:
    """How noise gets onto a patch."""

    model: NoiseModel
    bank: NoiseSource


def joined(parts: Sequence[PatchSet]) -> PatchSet:
    """Return the patches of several photos, [n, ...] each, together."""
    return PatchSet(np.stack([p.pixels for p in parts]), np.stack([p.corners for p in parts]))


def crop_photo(photo: Image, side: int, count: int, rng: np.random.Generator) -> PatchSet:
    """Return ``count`` patches from anywhere in a photo, [n, P, P, 3] uint8."""
    rows, cols = photo.shape[0] - side + 1, photo.shape[1] - side + 1
    corners = np.stack([rng.integers(rows, size=count), rng.integers(cols, size=count)], axis=1)
    cut = [to_uint8(photo[r : r + side, c : c + side]) for r, c in corners]
    return PatchSet(np.stack(cut), corners)


def crop_tiles(
    tiles: Sequence[F32],
    origins: I32 | I64,
    left: float,
    side: int,
    count: int,
    rng: np.random.Generator,
    noise: AddedNoise | None,
) -> PatchSet:
    """Return ``count`` patches of one photo's LR tiles with noise, rounded as photos are.

    Args:
        tiles: [t, t, 3] float32 in [0, 1] each, without noise.
        origins: [tiles, 2]: where each tile begins in its LR image.
        left: Share of the sensor's noise variance that the tiles hold already.
        side: Of a patch, at most t.
        count: How many.
        rng: Gives tiles, places and noise.
        noise: What is injected; None for nothing.

    Returns:
        [n, P, P, 3] uint8, and corners in the LR image.
    """
    room = len(tiles[0]) - side
    border = min(BORDER, room // 2)
    cut, corners = [], []
    for _ in range(count):
        index = int(rng.integers(len(tiles)))
        row, col = (int(v) for v in rng.integers(border, room - border + 1, size=2))
        patch = tiles[index][row : row + side, col : col + side]
        if noise is not None:
            patch = with_noise(patch, noise, left, rng)
        cut.append(to_uint8(np.clip(patch, 0, 1)))
        corners.append(origins[index] + (row, col))
    return PatchSet(np.stack(cut), np.array(corners))


def with_noise(patch: F32, noise: AddedNoise, left: float, rng: np.random.Generator) -> F32:
    """Return [P, P, 3] with noise, not clipped; in parts where the bank's patches are smaller."""
    whole = len(noise.bank.patches.tile(0)) if noise.model.from_patch else len(patch)
    parts = -(-len(patch) // whole)
    rows = [np.array_split(row, parts, axis=1) for row in np.array_split(patch, parts)]
    noisy = [[noise.model.inject(part, noise.bank, rng, left) for part in row] for row in rows]
    return np.concatenate([np.concatenate(row, axis=1) for row in noisy])


RINGS = 12
"""Rings of the radial spectrum, from the lowest frequency to half a cycle per pixel."""
FLATTEST = 0.1
"""Share of the patches, those of least residual, that grain is measured on."""
FLAT, LAGS = 0.1, 2
"""Residual power below which a patch is clipped, and the farthest lag of its correlation."""
LEVELS, SHARPNESS = 32, 24
"""Ranges of the histograms of colour and of sharpness."""
JPEG_BLOCK = 8

MeasurePatches = Callable[[PatchSet], F64]
Distance = Callable[[F64, F64], float]


@dataclass(frozen=True)
class Statistic:
    """Something to measure on patches, how to compare it, and what in the pipeline changes it."""

    name: str
    unit: str
    """Unit of the distance."""
    measure: MeasurePatches
    distance: Distance
    option: str


@dataclass(frozen=True)
class StatisticDifference:
    """One statistic of the photos beside that of the synthetic LR."""

    name: str
    unit: str
    distance: float
    chance: float
    """The same distance between two halves of the photos' patches."""
    option: str
    real: list[float]
    synthetic: list[float]

    @property
    def ratio(self) -> float:
        """How many times larger the distance is than chance makes it."""
        return self.distance / self.chance


def differences(
    real: PatchSet, synthetic: PatchSet, statistics: list[Statistic]
) -> list[StatisticDifference]:
    """Compare two sets by each statistic, the largest difference (as `ratio`) first."""
    first, second = real.halves()
    found = []
    for one in statistics:
        mine, other = one.measure(real), one.measure(synthetic)
        chance = max(one.distance(one.measure(first), one.measure(second)), 1e-6)
        values = (mine.ravel().tolist(), other.ravel().tolist())
        distance = one.distance(mine, other)
        found.append(StatisticDifference(one.name, one.unit, distance, chance, one.option, *values))
    return sorted(found, key=lambda difference: -difference.ratio)


def all_statistics(autocorrelation: F64) -> list[Statistic]:
    """Return every statistic; ``autocorrelation`` is the sensor's, see `variance_curve`."""

    def curve(patches: PatchSet) -> F64:
        return _noise_curve(patches, autocorrelation)

    noise = "the noise: --noise-model"
    # No blur reaches the lowest frequencies: what differs there is how much of a scene is seen.
    blur = "the blur (kernels of estimate-kernels) and, in low frequencies, the scenes' size"
    return [
        Statistic("spectrum", "dB", _spectrum, _rms, blur),
        Statistic("noise variance by brightness", "dB", curve, _rms, noise),
        Statistic("noise autocorrelation", "", _autocorrelation, _rms, noise),
        Statistic("channel correlation", "", _channels, _rms, noise),
        Statistic("JPEG grid", "", _jpeg_grid, _rms, "photos without JPEG: none of ours adds it"),
        Statistic("colour", "", _colour, _overlap, "which photos are given"),
        Statistic("sharpness", "", _sharpness, _overlap, "the size of HR: build-pairs --cleanup"),
    ]


def _flat(patches: PatchSet) -> U8:
    return patches.pixels.reshape(-1, *patches.pixels.shape[2:])


def _spectrum(patches: PatchSet) -> F64:
    """Return the mean log power of the grey patches in rings of frequency, decibels."""
    grey = luma(_flat(patches))
    side = grey.shape[1]
    window = np.hanning(side)
    grey = (grey - grey.mean(axis=(1, 2), keepdims=True)) * np.outer(window, window)
    power = np.square(np.abs(np.fft.rfft2(grey)))
    frequency = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side)[None])
    ring = (frequency * 2 * RINGS).astype(int)
    level = 10 * np.log10(power + 1).mean(axis=0)
    return np.array([level[(ring == i) & (frequency > 0)].mean() for i in range(RINGS)])


def _noise_curve(patches: PatchSet, autocorrelation: F64) -> F64:
    """Return the noise variance at each brightness, decibels of squared levels, [3 * 16]."""
    counts = sum(residual_histogram(patch) for patch in _flat(patches))
    return np.asarray(10 * np.log10(variance_curve(np.asarray(counts), autocorrelation) + 0.1))


def _residuals(patches: PatchSet) -> F64:
    """Return [k, P-1, P-1, 3]: mixed differences of the patches that have least of them.

    Texture hardly reaches them there, so that what is left is noise.
    """
    levels = _flat(patches).astype(np.float32)
    residual = np.diff(np.diff(levels, axis=1), axis=2)
    power = np.square(residual).mean(axis=(1, 2, 3))
    power[power < FLAT] = np.inf  # clipped areas hold no noise
    kept = np.argsort(power, kind="stable")[: max(4, int(len(power) * FLATTEST))]
    return residual[kept].astype(np.float64)


def _autocorrelation(patches: PatchSet) -> F64:
    """Return the correlation of mixed differences at each lag up to `LAGS` pixels, [3, 3]."""
    residual = _residuals(patches)
    height, width = residual.shape[1] - LAGS, residual.shape[2] - LAGS
    near = residual[:, :height, :width]
    found = np.empty((LAGS + 1, LAGS + 1))
    for row, col in np.ndindex(found.shape):
        found[row, col] = (near * residual[:, row : row + height, col : col + width]).mean()
    return np.asarray(found / max(found[0, 0], 1e-9), np.float64)


def _channels(patches: PatchSet) -> F64:
    """Return the correlation of the channels' mixed differences: R with G, R with B, G with B."""
    residual = _residuals(patches).reshape(-1, 3)
    covariance = residual.T @ residual
    scale = np.sqrt(np.maximum(np.diag(covariance), 1e-9))
    return np.asarray((covariance / np.outer(scale, scale))[np.triu_indices(3, 1)])


def _jpeg_grid(patches: PatchSet) -> F64:
    """Return [2, 8]: steps between neighbours at each place in JPEG's blocks, over their mean."""
    totals, counts = np.zeros((2, JPEG_BLOCK)), np.zeros((2, JPEG_BLOCK))
    corners = patches.corners.reshape(-1, 2)
    for patch, corner in zip(luma(_flat(patches)), corners, strict=True):
        for axis in (0, 1):
            step = np.abs(np.diff(patch, axis=axis)).mean(axis=1 - axis)
            place = (corner[axis] + np.arange(len(step))) % JPEG_BLOCK
            np.add.at(totals[axis], place, step)
            np.add.at(counts[axis], place, 1)
    mean = totals / np.maximum(counts, 1)
    return np.asarray(mean / np.maximum(mean.mean(axis=1, keepdims=True), 1e-9) - 1)


def _colour(patches: PatchSet) -> F64:
    """Return [3, LEVELS]: the share of the pixels in each range of each channel."""
    pixels = _flat(patches).reshape(-1, 3)
    counts = [np.bincount(c // (256 // LEVELS), minlength=LEVELS) for c in pixels.T]
    return np.array(counts) / len(pixels)


def _sharpness(patches: PatchSet) -> F64:
    """Return the share of patches in each range of the logarithm of the Laplacian's variance."""
    grey: F32 = luma(_flat(patches))
    strength = [np.log10(cv2.Laplacian(patch, cv2.CV_32F).var() + 0.1) for patch in grey]
    counts, _ = np.histogram(strength, bins=SHARPNESS, range=(-1, 5))
    return counts / len(strength)


def _rms(a: F64, b: F64) -> float:
    return float(np.sqrt(np.square(a - b).mean()))


def _overlap(a: F64, b: F64) -> float:
    """Return the total variation distance, mean over the rows: 0 equal, 1 disjoint."""
    rows = np.atleast_2d(a - b)
    return float(np.abs(rows).sum(axis=1).mean() / 2)
