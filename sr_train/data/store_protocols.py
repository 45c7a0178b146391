"""What the data path asks of a store; degrade.store has it."""

from typing import Any, Protocol

from degrade.arrays import F32, U8, Bool, Strings
from degrade.noise.model import Patches
from degrade.noise.sensor import Sensor


class Tiles(Protocol):
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
    def hr(self) -> Tiles:
        """HR tiles."""

    @property
    def lr(self) -> Tiles:
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


class PatchTiles(Tiles, Patches, Protocol):
    """Tiles that are taken whole, too."""


class NoiseTiles(Protocol):
    """Noise patches, as degrade.store.contents.NoiseBank has them."""

    @property
    def patches(self) -> PatchTiles:
        """Patches as cut from the photos."""

    @property
    def sensor(self) -> Sensor:
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
    def hr(self) -> Tiles:
        """Those of pair i are the tiles i * R to i * R + R - 1, the most similar first."""

    @property
    def content(self) -> str:
        """Hash of the references' content."""
