"""A camera's noise: patches from the smooth places of photos, and its strength by brightness."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from degrade.api.images import Photos, each_photo
from degrade.api.texts import as_arguments
from degrade.arrays import F32, F64, I32, I64, U8
from degrade.errors import ImageRefused, NothingToDo
from degrade.noise.explain import distribution, explain_empty, explain_too_large
from degrade.noise.floor import BINS, CENTRES, STEPS, residual_histogram
from degrade.noise.mining import NoiseSettings, Windows, mine, patches
from degrade.noise.sensor import grain_of, measure
from degrade.yaml_settings import validated

Progress = Callable[[int, str], None]
"""Called after each photo with how many are done, and its name."""


@dataclass(frozen=True, eq=False)
class NoiseCurve:
    """How strong a camera's noise is, and what it looks like.

    Attributes:
        brightness: [16], 8, 24, ... 248, of 0..255.
        deviation: [3, 16], standard deviation of R, G and B there, levels of 0..255.
        autocorrelation: [9, 9], of the noise at lags of -4 to 4 pixels; 1 in the middle.
        channels: [3, 3], correlation of the channels.
    """

    brightness: F64
    deviation: F64
    autocorrelation: F64
    channels: F64


@dataclass(frozen=True, eq=False)
class Noise:
    """Noise patches of photos, and the curve of the same photos.

    Attributes:
        patches: [N, P, P, 3] uint8, as cut.
        photo: [N], which photo, by `names`.
        row: [N], top edge, pixels; likewise ``col``, left edge.
        col: See ``row``.
        mean: [N, 3], of each channel, 0..255.
        variance: [N], grey variance without the smooth gradient, squared levels.
        names: The photos.
        refused: Photos that gave no window, and why.
        curve: Of all photos.
    """

    patches: U8
    photo: I32
    row: I32
    col: I32
    mean: F32
    variance: F32
    names: tuple[str, ...]
    refused: dict[str, str]
    curve: NoiseCurve


def mine_noise(
    photos: Photos,
    *,
    patch: int = 256,
    stride: int | None = None,
    max_variance: float = 20.0,
    min_variance: float = 0.25,
    min_mean: float = 0.0,
    max_structure: float = 0.2,
    max_clipped: float = 0.02,
    progress: Progress | None = None,
) -> Noise:
    """Cut noise patches from the smooth places of photos (RealSR's noise pool, detrended).

    One photo is in memory at a time, and all patches; for thousands of photos, `build_pairs` or
    `degrade mine-noise` write them into a store instead.

    Args:
        photos: A folder, a photo [H, W, 3] (uint8, or float32 in [0, 1]), or several.
        patch: Side of a patch, 16 to 4096 pixels; training at x4 takes LR crops of 32.
        stride: Pixels from window to window; None is the side of a patch.
        max_variance: Grey variance, squared levels of 0..255, that a patch stays below.
        min_variance: And that it has at least; 0.25 leaves out what rounding makes.
        min_mean: Grey mean that it exceeds, 0..255.
        max_structure: Largest share of its variance in blocks of 8 pixels (ramps, texture).
        max_clipped: Largest share of its pixels with a channel at 0 or 255.
        progress: Called after each photo with how many are done, and its name.

    Returns:
        One patch at least.

    Raises:
        PathNotFound: The folder is not there (a `FileNotFoundError`).
        NothingToDo: No patch was found (a `ValueError`); the text has the thresholds that would
            have given some.
        SettingsError: An argument is not acceptable (a `ValueError`).
    """
    fields = {
        "patch": patch,
        "stride": stride,
        "max_variance": max_variance,
        "min_variance": min_variance,
        "min_mean": min_mean,
        "max_structure": max_structure,
        "max_clipped": max_clipped,
    }
    settings = validated(NoiseSettings, fields, "mine_noise")
    seen = _look(photos, settings, progress)
    cut = [(photo, one) for photo, one in enumerate(seen.photos) if one is not None]
    kept = [one.windows.accepted for _, one in cut]

    def column(name: str) -> Any:
        pairs = zip(cut, kept, strict=True)
        return np.concatenate([getattr(one.windows, name)[rows] for (_, one), rows in pairs])

    counts = [int(rows.sum()) for rows in kept]
    return Noise(
        patches=np.concatenate([one.patches for _, one in cut]),
        photo=np.repeat([photo for photo, _ in cut], counts).astype(np.int32),
        row=column("row"),
        col=column("col"),
        mean=column("mean"),
        variance=column("variance"),
        names=tuple(seen.names),
        refused=seen.refused,
        curve=_curve(seen),
    )


def noise_curve(photos: Photos, *, patch: int = 64, progress: Progress | None = None) -> NoiseCurve:
    """Measure how strong the noise of photos is at each brightness, textured places included.

    The floor under the local residuals of all photos together; what the noise looks like (its
    grain and the channels' correlation) is measured on patches of their smooth places.

    Args:
        photos: A folder, a photo [H, W, 3] (uint8, or float32 in [0, 1]), or several.
        patch: Side of the patches, 16 to 4096 pixels.
        progress: Called after each photo with how many are done, and its name.

    Raises:
        PathNotFound: The folder is not there (a `FileNotFoundError`).
        NothingToDo: No smooth place was found (a `ValueError`).
        SettingsError: An argument is not acceptable (a `ValueError`).
    """
    settings = validated(NoiseSettings, {"patch": patch}, "noise_curve")
    return _curve(_look(photos, settings, progress))


@dataclass(frozen=True, eq=False)
class _Photo:
    """What one photo shows of its noise."""

    windows: Windows
    patches: U8
    grain: tuple[F64, F64]


@dataclass(eq=False)
class _Seen:
    """What all photos show; None stands for a photo that was refused."""

    photos: list[_Photo | None] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)
    residuals: I64 = field(default_factory=lambda: np.zeros((3, BINS, STEPS), np.int64))


def _look(photos: Photos, settings: NoiseSettings, progress: Progress | None) -> _Seen:
    """Mine every photo.

    Raises:
        NothingToDo: There is no patch.
    """
    seen, sizes = _Seen(), []
    for name, photo in each_photo(photos):
        seen.names.append(name)
        if isinstance(photo, ImageRefused):
            seen.refused[name] = photo.reason
            seen.photos.append(None)
        else:
            sizes.append((photo.shape[0], photo.shape[1]))
            windows = mine(photo, settings)
            cut = patches(photo, windows, settings.patch)
            seen.photos.append(_Photo(windows, cut, grain_of(cut)))
            if min(photo.shape[:2]) < settings.patch:
                seen.refused[name] = f"is smaller than a patch of {settings.patch} pixels"
            seen.residuals += residual_histogram(photo)
        if progress is not None:
            progress(len(seen.names), name)
    if not sizes:
        name, reason = next(iter(seen.refused.items()))
        raise NothingToDo(f"photos: none can be used, the first, {name}, because it {reason}")
    if max(min(size) for size in sizes) < settings.patch:
        raise NothingToDo(as_arguments(explain_too_large(sizes, settings.patch)))
    found = distribution(_windows(seen), settings)
    if not found.accepted:
        raise NothingToDo(as_arguments(explain_empty(found, settings)))
    return seen


def _windows(seen: _Seen) -> Iterator[Windows]:
    return (one.windows for one in seen.photos if one is not None)


def _curve(seen: _Seen) -> NoiseCurve:
    grains = [one.grain for one in seen.photos if one is not None]
    spatial, channels = (np.stack(kind) for kind in zip(*grains, strict=True))
    sensor = measure(seen.residuals, spatial, channels)
    deviation = np.sqrt(sensor.curve)
    return NoiseCurve(CENTRES.copy(), deviation, sensor.autocorrelation, sensor.channels)
