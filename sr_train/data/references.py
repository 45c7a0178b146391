"""References of training crops: which of a pair's stored ones, and how they are augmented."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from degrade.arrays import I64, Bool
from degrade.errors import SettingsError
from degrade.randomness import stream
from sr_train.data.crops import augmented, crops_of, unit_batch
from sr_train.data.store_protocols import ReferenceTiles
from sr_train.settings.common import ReferenceTraining


class DrawnReferences(NamedTuple):
    """References of crops.

    Attributes:
        pictures: [B, R, 3, T, T] in [0, 1].
        related: [B] bool, whose are of the crop's own pair; None = all.
    """

    pictures: Tensor
    related: Tensor | None


@dataclass(frozen=True)
class TrainingReferences:
    """A store's references, how many of each pair's a crop gets, and the rows [N] trained on."""

    tiles: ReferenceTiles
    settings: ReferenceTraining
    train: I64

    def drawn(self, rows: I64, step: int, share: slice, device: torch.device) -> DrawnReferences:
        """Return references for the crops of one step.

        Whole tiles, drawn without replacement among those of a crop's pair and augmented
        independently of the crop, as both published methods do; for the share of ``unrelated``
        crops among those of another pair that is trained on.

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
        related = self._related(step)[share]
        others = self._other_rows(rows, step, share)
        pictures = self._cut(np.where(related, rows, others), ranks, device)
        if self.settings.flips:
            asked = torch.from_numpy(turns.reshape(-1, 3).T.copy()).to(device)
            pictures = augmented(pictures, asked.unbind())
        known = torch.from_numpy(related).to(device) if self.settings.unrelated else None
        return DrawnReferences(pictures.view(len(rows), used, *pictures.shape[1:]), known)

    def _related(self, step: int) -> Bool:
        """Return which crops of the step's batch get references of their own pair."""
        rng = stream(self.settings.seed, "batch-related", step)
        return np.asarray(rng.random(self.settings.batch) >= self.settings.unrelated)

    def _other_rows(self, rows: I64, step: int, share: slice) -> I64:
        """Return for each crop another row that is trained on."""
        count = len(self.train)
        rng = stream(self.settings.seed, "batch-unrelated", step)
        offsets = rng.integers(1, max(2, count), size=self.settings.batch)[share]
        return np.asarray(self.train[(np.searchsorted(self.train, rows) + offsets) % count])

    def best(self, rows: I64, device: torch.device) -> Tensor:
        """Return the most similar references of pairs, [B, R, 3, T, T] in [0, 1], not augmented."""
        ranks = np.tile(np.arange(self.settings.references), (len(rows), 1))
        pictures = self._cut(rows, ranks, device)
        return pictures.view(*ranks.shape, *pictures.shape[1:])

    def _cut(self, rows: I64, ranks: I64, device: torch.device) -> Tensor:
        index = (rows[:, None] * self.tiles.count + ranks).ravel()
        whole = np.zeros((len(index), 2), np.int64)
        return unit_batch(crops_of(self.tiles.hr, index, whole, self.tiles.hr.shape[1]), device)


def fitting_references(
    tiles: ReferenceTiles | None, settings: ReferenceTraining, train: I64
) -> TrainingReferences:
    """Check that a store's references serve the settings.

    Args:
        tiles: The references.
        settings: How many of each pair are asked for, and for how many crops another pair's.
        train: [N], sorted rows of the pairs that are trained on.

    Raises:
        SettingsError: There are none, fewer of each pair than are asked for, or no other pair.
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
    if settings.unrelated and len(train) < 2:
        raise SettingsError(
            f"unrelated is {settings.unrelated:g} and only one pair is trained on, which has no "
            "other: set it to 0, or build more pairs"
        )
    return TrainingReferences(tiles, settings, train)
