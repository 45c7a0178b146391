"""What the data path asks of a store, and whether pairs, kernels and noise fit the crops."""

from typing import Any, Protocol

import numpy as np

from degrade.arrays import F32, U8, Bool, Strings
from degrade.degradation import margin
from degrade.errors import SettingsError, TrainingError
from degrade.noise.model import Patches
from degrade.noise.sensor import SensorNoise
from sr_train.settings.common import SCALES


class TileSource(Protocol):
    """Square uint8 RGB tiles, as degrade.store.tiles.TileArray has them."""

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """[N, T, T, 3]."""

    def crop(self, index: int, row: int, col: int, size: int) -> U8:
        """Return a view [size, size, 3] of one tile."""


class PairTiles(Protocol):
    """Aligned tiles, as degrade.store.contents.Pairs has them."""

    @property
    def scale(self) -> int:
        """HR pixels per LR pixel."""

    @property
    def hr(self) -> TileSource:
        """HR tiles."""

    @property
    def lr(self) -> TileSource:
        """LR tiles, ``scale`` times smaller."""

    @property
    def split(self) -> Strings:
        """``train`` or ``valid``, one per pair."""

    @property
    def noise(self) -> Any:
        """Row of the noise patch that is baked into each LR, -1 = none."""

    @property
    def content(self) -> str:
        """Hash of the pairs' content."""


class PatchTiles(TileSource, Patches, Protocol):
    """Tiles that are taken whole, too."""


class NoiseTiles(Protocol):
    """Noise patches, as degrade.store.contents.NoiseBank has them."""

    @property
    def patches(self) -> PatchTiles:
        """Patches as cut from the photos."""

    @property
    def sensor(self) -> SensorNoise:
        """What the noise of the whole set is like."""

    @property
    def content(self) -> str:
        """Hash of the bank's content."""


class KernelBank(Protocol):
    """Estimated kernels, as degrade.store.contents.Kernels has them."""

    @property
    def weights(self) -> F32:
        """[K, S, S], applied as correlations."""

    @property
    def accepted(self) -> Bool:
        """Which of them are used."""

    @property
    def content(self) -> str:
        """Hash of the kernels' content."""


class ReferenceTiles(Protocol):
    """References of pairs, as degrade.store.contents.References has them."""

    @property
    def count(self) -> int:
        """R, the references of each pair."""

    @property
    def hr(self) -> TileSource:
        """Those of pair i are the tiles i * R to i * R + R - 1, the most similar first."""

    @property
    def content(self) -> str:
        """Hash of the references' content."""


def fitting_kernels(pairs: PairTiles, kernels: KernelBank | None, crop: int) -> F32:
    """Return the accepted kernels, [K, S, S], that LR is made with on the fly.

    Raises:
        SettingsError: The tiles have no room around the crop for what the kernels reach.
        TrainingError: There are none.
    """
    weights = kernels.weights[np.asarray(kernels.accepted)] if kernels else np.empty((0, 0, 0))
    if not len(weights):
        raise TrainingError(
            f"degradation is on-the-fly and the store has no accepted kernels for x{pairs.scale}: "
            f"run `degrade estimate-kernels --scale {pairs.scale}` first, or set it to stored"
        )
    tile, around = pairs.hr.shape[1], 2 * margin(weights.shape[1], pairs.scale)
    if crop + around > tile:
        raise SettingsError(
            f"crop is {crop}, the kernels reach {around // 2} pixels beyond it on each side, the "
            f"store's HR tiles are {tile}: set crop to at most "
            f"{(tile - around) // pairs.scale * pairs.scale}, or degradation to stored"
        )
    return np.asarray(weights, np.float32)


def check_crop(pairs: PairTiles, crop: int) -> None:
    """Refuse crops that the tiles do not hold, and scales that no network has."""
    tile, scale = pairs.hr.shape[1], pairs.scale
    if scale not in SCALES:
        raise SettingsError(f"the pairs are x{scale}: networks exist for scales {SCALES}")
    if crop > tile:
        raise SettingsError(
            f"crop is {crop}, the store's HR tiles are {tile}: set crop to at most {tile}, "
            f"or run `degrade build-pairs --tile {crop} --overwrite`"
        )
    if crop % scale:
        near = crop - crop % scale
        raise SettingsError(f"crop is {crop}, no multiple of scale {scale}: set it to {near}")


def check_noise(pairs: PairTiles, noise: NoiseTiles | None, crop: int) -> None:
    """Refuse noise that is not there, is too small for LR crops, or would come a second time."""
    if noise is None or not noise.patches.shape[0]:
        raise TrainingError(
            "noise is on and the store has no noise patches: run `degrade mine-noise` first, "
            "or set noise to false"
        )
    if np.any(np.asarray(pairs.noise) != -1):
        raise SettingsError(
            "noise is on and these pairs have noise baked in already: set noise to false, "
            "or build the pairs without --bake-noise"
        )
    side, needed = noise.patches.shape[1], crop // pairs.scale
    if needed > side:
        raise SettingsError(
            f"LR crops are {needed} pixels, the noise patches {side}: set crop to at most "
            f"{side * pairs.scale}, or run `degrade mine-noise --patch {needed} --overwrite`"
        )
