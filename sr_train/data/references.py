"""References of training crops: which of a pair's stored ones, and how they are turned."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from degrade.arrays import I64
from degrade.errors import SettingsError
from degrade.randomness import stream
from sr_train.data.crops import cut, turned, unit_batch
from sr_train.data.tiles import ReferenceTiles
from sr_train.settings.reference import ReferenceTraining


@dataclass(frozen=True)
class References:
    """A store's references, and how many of each pair's a crop gets."""

    tiles: ReferenceTiles
    settings: ReferenceTraining

    def drawn(self, rows: I64, step: int, share: slice, device: torch.device) -> Tensor:
        """Return references [B, R, 3, T, T] in [0, 1] for the crops of one step.

        Whole tiles, drawn without replacement among those of a crop's pair and turned
        independently of the crop, as both published methods do.

        Args:
            rows: [B], the crops' pairs, of the share alone.
            step: Counted over the run.
            share: Which crops of the step's batch they are.
            device: Where the references are to be.
        """
        used, batch = self.settings.references, self.settings.batch
        rng = stream(self.settings.seed, "batch-references", step)
        order = np.tile(np.arange(self.tiles.count), (batch, 1))
        ranks = rng.permuted(order, axis=1)[share, :used]
        turns = rng.integers(2, size=(batch, used, 3))[share].astype(bool)
        pictures = self._cut(rows, ranks, device)
        if self.settings.flips:
            asked = torch.from_numpy(turns.reshape(-1, 3).T.copy()).to(device)
            pictures = turned(pictures, asked.unbind())
        return pictures.view(len(rows), used, *pictures.shape[1:])

    def best(self, rows: I64, device: torch.device) -> Tensor:
        """Return the most similar references of pairs, [B, R, 3, T, T] in [0, 1], not turned."""
        ranks = np.tile(np.arange(self.settings.references), (len(rows), 1))
        pictures = self._cut(rows, ranks, device)
        return pictures.view(*ranks.shape, *pictures.shape[1:])

    def _cut(self, rows: I64, ranks: I64, device: torch.device) -> Tensor:
        index = (rows[:, None] * self.tiles.count + ranks).ravel()
        whole = np.zeros((len(index), 2), np.int64)
        return unit_batch(cut(self.tiles.hr, index, whole, self.tiles.hr.shape[1]), device)


def fitting_references(tiles: ReferenceTiles | None, settings: ReferenceTraining) -> References:
    """Check that a store's references serve the settings.

    Raises:
        SettingsError: There are none, or fewer of each pair than are asked for.
    """
    if tiles is None:
        raise SettingsError(
            "this method learns from references: run `degrade build-references` first"
        )
    if settings.references > tiles.count:
        raise SettingsError(
            f"references is {settings.references}, the store has {tiles.count} of each pair: set "
            f"references to at most {tiles.count}, or run `degrade build-references --count "
            f"{settings.references} --overwrite`"
        )
    return References(tiles, settings)
