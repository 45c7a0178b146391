"""What the stages of a store hold, as read: sources, kernels, noise, pairs, references."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from degrade.arrays import F32, F64, I32, I64, Bool, Strings
from degrade.camera.camera_samples import CameraSamples
from degrade.errors import StoreError
from degrade.images.policy import Selection
from degrade.kernels.lens import Lens
from degrade.kernels.uncertainty import HalfWidths, half_widths
from degrade.noise.sensor import SensorNoise
from degrade.store.schema import Domain
from degrade.store.tiles import SomeTiles, TileArray


@dataclass(frozen=True)
class Sources:
    """Every file that was checked, in check order (columns of schema.SOURCE_COLUMNS).

    Its thumbnails are left in the store.
    """

    path: Strings
    sha256: Strings
    domain: Strings
    height: I32
    width: I32
    status: Strings
    reason: Strings
    notes: Strings
    group: I32
    folders: dict[Domain, str]
    policy: dict[str, Any]
    selection: Selection
    content: str
    camera: Strings
    lens: Strings
    focal: F32
    iso: I32
    scores: dict[str, F32] = field(default_factory=dict)
    """Scores by the names of schema.SCORE_COLUMNS; empty where an earlier version checked."""

    def usable(self, domain: Domain) -> I64:
        """Return the rows of one domain that decoded."""
        return np.flatnonzero((self.status == "ok") & (self.domain == domain))


@dataclass(frozen=True)
class Kernels:
    """All estimates for one scale, refused ones too; weights [K, S, S]."""

    weights: F32
    source: I32
    seed: I64
    score: F32
    sigma_major: F32
    sigma_minor: F32
    angle: F32
    accepted: Bool
    reason: Strings
    content: str
    photo_group: Strings | None = None
    """Name of the photo's camera or group; None where all photos are of one camera."""
    blur: F32 | None = None
    blur_deviation: F32 | None = None
    photo_blur: F32 | None = None
    photo_blur_variance: F32 | None = None
    """[K, 4] all four, see schema.KERNEL_POSTERIOR; None where the estimator gave no
    uncertainty."""

    def half_widths(self, scale: int) -> HalfWidths | None:
        """Return how far the true sigmas and angles may lie; None if unknown."""
        if self.blur is None or self.blur_deviation is None:
            return None
        return half_widths(self.blur, self.blur_deviation, scale)


@dataclass(frozen=True, eq=False)
class StoredLens(Lens):
    """A lens as it was measured.

    Attributes:
        sigma: [n, 3], the kernels' widths in photo pixels.
        content: Hash of the group's content.
    """

    sigma: F64
    content: str


@dataclass(frozen=True)
class NoiseBank:
    """Noise patches as cut from the photos, and what was measured on them."""

    patches: TileArray
    source: I32
    row: I32
    col: I32
    mean: F32
    variance: F32
    content: str
    curve: F64 | None = None
    autocorrelation: F64 | None = None
    channels: F64 | None = None
    photo_group: Strings | None = None
    """[N], as of kernels; None where all photos are of one camera, likewise what follows."""
    group_name: Strings | None = None
    group_curve: F64 | None = None
    group_autocorrelation: F64 | None = None
    group_channels: F64 | None = None
    group_camera: Strings | None = None
    """[G], see schema.NOISE_OF_ISO; None, likewise what follows, where no camera has groups."""
    source_group: I32 | None = None

    def of_group(self, name: str) -> "NoiseBank | NoiseOfGroup":
        """Return the noise of one group of photos.

        Where its photos gave no patch these are its camera's, or else all, and so is all where the
        bank does not know it.
        """
        if self.group_name is None or not (self.group_name == name).any():
            return self
        found = np.flatnonzero(self.group_name == name)
        assert self.group_curve is not None and self.group_autocorrelation is not None
        assert self.group_channels is not None and self.photo_group is not None
        own, all_rows = np.flatnonzero(self.photo_group == name), np.arange(len(self.patches))
        if not len(own) and self.group_camera is not None:
            alike = set(self.group_name[self.group_camera == self.group_camera[found[0]]])
            own = np.flatnonzero([one in alike for one in self.photo_group.tolist()])
        arrays = (self.group_curve, self.group_autocorrelation, self.group_channels)
        sensor = SensorNoise(*(array[found[0]] for array in arrays))
        patches = SomeTiles(self.patches, own if len(own) else all_rows)
        return NoiseOfGroup(patches, sensor, self.content)

    @cached_property
    def sensor(self) -> SensorNoise:
        """What the noise of the whole set of photos is like.

        Raises:
            StoreError: The bank was mined before that was measured, or imported.
        """
        if self.curve is None or self.autocorrelation is None or self.channels is None:
            raise StoreError(
                "the noise bank has no variance curve, which fidelity and noise models other than "
                "patch need; run `degrade mine-noise --overwrite`"
            )
        return SensorNoise(self.curve, self.autocorrelation, self.channels)


@dataclass(frozen=True)
class NoiseOfGroup:
    """The noise of one group of photos; fields as of `NoiseBank`."""

    patches: SomeTiles
    sensor: SensorNoise
    content: str


@dataclass(frozen=True)
class CameraBank(CameraSamples):
    """Cameras that may have taken the photos, and how these were compressed.

    Attributes:
        files: [n], how many files are compressed in each way.
        misfit: See `degrade.camera.fit.FittedCameras`.
        scenes: Whose photos it was found on: ``source`` or ``target``.
        content: Hash of the bank's content.
    """

    files: I64
    misfit: float
    scenes: Domain
    content: str


@dataclass(frozen=True)
class Pairs:
    """Aligned HR/LR tiles with their provenance."""

    scale: int
    hr: TileArray
    lr: TileArray
    source: I32
    row: I32
    col: I32
    kernel: I32
    noise: I32
    domain: Strings
    split: Strings
    content: str
    camera: I32 | None = None
    compression: I32 | None = None
    bayer: I32 | None = None
    phase: I32 | None = None
    shift: F32 | None = None
    drift: F32 | None = None
    gain: F32 | None = None
    moved: I32 | None = None
    scores: dict[str, F32] = field(default_factory=dict)
    """The HR tiles' scores by the names of schema.SCORE_COLUMNS; old pairs have none."""

    @property
    def tile(self) -> int:
        """Side of an HR tile in pixels."""
        return self.hr.shape[1]


@dataclass(frozen=True)
class References:
    """R reference tiles for each of M pairs, the most similar first.

    ``hr`` has them one after the other: those of pair i are the tiles i * R to i * R + R - 1.
    """

    scale: int
    count: int
    hr: TileArray
    score: F32
    similarity: F32
    pair: I32
    library_tile: I32
    pairs: str
    """Content hash of the pairs that they were found for."""
    content: str
