"""A store's degradation in a few figures, as other trainers take it."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from scipy.optimize import nnls

from degrade.arrays import F32, F64
from degrade.camera.jpeg_file import read_compression, standard_compression
from degrade.errors import NothingToDo, StoreError
from degrade.images.files import resolve_inside
from degrade.kernels.parametric import shape_exponent
from degrade.noise.floor import CENTRES
from degrade.store.contents import Sources
from degrade.store.reader import Store

MIDDLE = 128.0
"""Level at which noise is described by one figure."""
MOST_FILES = 200
"""Files whose headers are read."""

Range = tuple[float, float]
"""What nine tenths of the measurements lie between."""


@dataclass(frozen=True)
class MeasuredNoise:
    """What the noise bank shows.

    Attributes:
        by_level: a of the variance a * level + b, in levels of 0..255: shot noise.
        constant: b, squared levels.
        deviations: The least and the largest standard deviation of any brightness, levels.
        shared: Mean correlation of two channels, not below 0.
        neighbours: Mean correlation of a pixel and the next in its row or column.
    """

    by_level: float
    constant: float
    deviations: Range
    shared: float
    neighbours: float

    @property
    def middle(self) -> float:
        """Standard deviation at `MIDDLE`, levels."""
        return float(np.sqrt(self.by_level * MIDDLE + self.constant))


@dataclass(frozen=True)
class Compression:
    """What the JPEG files among the photos were compressed with: qualities as the IJG's."""

    qualities: Range
    subsampling: tuple[str, ...]
    share: float
    """Share of the photos that are JPEG."""


@dataclass(frozen=True)
class MeasuredDegradation:
    """A camera's degradation; lengths in HR pixels.

    Attributes:
        scale: HR pixels per LR pixel.
        kernels: How many kernels were accepted.
        along: Standard deviation along the longer axis.
        across: Along the shorter.
        angles: Share of the photos whose longer axis lies within 45 degrees of the most common
            direction; 0.5 for directions at random.
        shapes: Exponents of the generalised Gaussians; 1 is a Gaussian.
        noise: None where no noise was mined, or what was imported.
        compression: None where no photo is JPEG, or none can be read.
    """

    scale: int
    kernels: int
    along: Range
    across: Range
    angles: float
    shapes: Range
    noise: MeasuredNoise | None
    compression: Compression | None

    @property
    def round(self) -> bool:
        """Whether the kernels' axes differ by less than a tenth."""
        return sum(self.along) < 1.1 * sum(self.across)

    @property
    def gaussian(self) -> bool:
        """Whether the kernels are Gaussians, but for a tenth in the exponent."""
        return self.shapes[0] > 0.9 and self.shapes[1] < 1.1


def measure(store: Store, scale: int) -> MeasuredDegradation:
    """Gather what a store knows of the degradation at one scale.

    Raises:
        StoreError: It has no kernels for it.
        NothingToDo: None of them was accepted.
    """
    kernels = store.kernels(scale)
    good = np.flatnonzero(kernels.accepted & (kernels.sigma_minor > 0))
    if not len(good):
        raise NothingToDo(
            f"{store.location}: no kernel x{scale} was accepted, so there is no blur to tell; "
            "estimate kernels from other photos"
        )
    shapes = [shape_exponent(kernels.weights[row]) for row in good.tolist()]
    return MeasuredDegradation(
        scale=scale,
        kernels=len(good),
        along=_range(kernels.sigma_major[good]),
        across=_range(kernels.sigma_minor[good]),
        angles=_alike(kernels.angle[good]),
        shapes=_range(np.array([shape for shape in shapes if shape > 0] or [1.0])),
        noise=_noise(store),
        compression=_compression(store),
    )


def _range(values: F32 | F64) -> Range:
    low, high = np.quantile(values, (0.05, 0.95))
    return float(low), float(high)


def _alike(angles: F32) -> float:
    """Return the share of axes within 45 degrees of their mean direction."""
    doubled = 2 * angles.astype(np.float64)
    mean = np.angle(np.exp(1j * doubled).sum())
    return float((np.cos(doubled - mean) > 0).mean())


def _noise(store: Store) -> MeasuredNoise | None:
    try:
        sensor = store.noise().sensor
    except StoreError:
        return None
    variance = sensor.curve.mean(axis=0)
    design = np.stack([CENTRES, np.ones(len(CENTRES))], axis=1)
    (slope, constant), _ = nnls(design, variance)
    between = sensor.channels[~np.eye(3, dtype=bool)].mean()
    middle = len(sensor.autocorrelation) // 2
    beside = (
        sensor.autocorrelation[middle, middle + 1] + sensor.autocorrelation[middle + 1, middle]
    ) / 2
    deviations = np.sqrt(np.maximum(variance, 0))
    return MeasuredNoise(
        by_level=float(slope),
        constant=float(constant),
        deviations=(float(deviations.min()), float(deviations.max())),
        shared=float(max(between, 0)),
        neighbours=float(beside),
    )


def _compression(store: Store) -> Compression | None:
    sources = store.sources()
    folder = Path(sources.folders.get("source", ""))
    rows = sources.usable("source")
    some = rows[:: max(1, -(-len(rows) // MOST_FILES))].tolist()
    found = [read_compression(path) for path in _paths(folder, sources, some)]
    lossy = [one for one in found if one is not None]
    if not lossy:
        return None
    qualities = np.array([quality_of(one.tables[0]) for one in lossy], np.float64)
    kinds = tuple(sorted({one.subsampling for one in lossy}))
    return Compression(_range(qualities), kinds, len(lossy) / len(found))


def _paths(folder: Path, sources: Sources, rows: Sequence[int]) -> list[Path]:
    return [resolve_inside(folder, str(sources.path[row])) for row in rows]


def quality_of(table: F32) -> int:
    """Return the IJG's quality, 1 to 100, whose luma table is nearest to one [8, 8] in its mean."""
    return min(_means(), key=lambda quality: abs(_means()[quality] - float(table.mean())))


@cache
def _means() -> dict[int, float]:
    return {q: float(standard_compression(q).tables[0].mean()) for q in range(100, 0, -1)}
