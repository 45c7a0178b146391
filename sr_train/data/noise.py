"""Noise onto batches of LR: which goes with a pair, how much is left to add, and adding it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from degrade.arrays import F32, F64, I64, Bool
from degrade.noise.injection import white_noise
from degrade.noise.model import NoiseModel
from degrade.noise.sensor import SensorNoise, share_left
from degrade.pairs import PairSettings
from degrade.randomness import stream
from degrade.store.contents import Kernels, Pairs
from degrade.store.photo_groups import NoiseOfKernels
from degrade.store.reader import Store
from degrade.store.schema import BY_LENS, pairs_group
from sr_train.data.crops import add_noise, add_scaled, add_synthesised, crops_of, unit_batch
from sr_train.data.store_protocols import NoiseTiles

Key = tuple[int, *tuple[str | int, ...]]
"""A key of draws: the seed, then what they are for."""
Share = slice | I64
"""Some crops of a batch, by their places in it."""


def noisy(
    model: NoiseModel, lr: Tensor, bank: NoiseTiles, left: F32, key: Key, count: int, share: Share
) -> Tensor:
    """Return LR with noise, clipped.

    Args:
        model: How.
        lr: [B, 3, h, h] in [0, 1], ``share`` of a batch of ``count`` crops.
        bank: Patches at least as large, and the sensor.
        left: [B], share of the sensor's noise variance that LR has already.
        key: Of the draws, which are those of the whole batch.
        count: Crops of the whole batch.
        share: Which of them these are.
    """
    at_once = BATCHES.get(model.name)
    if at_once is None:
        return _one_by_one(model, lr, bank, left, key, np.arange(count)[share].tolist())
    return at_once(lr, bank, torch.from_numpy(left).to(lr.device), key, count, share)


def noisy_by_bank(
    model: NoiseModel,
    lr: Tensor,
    banks: Sequence[NoiseTiles],
    bank: I64,
    left: F32,
    key: Key,
    count: int,
    share: slice,
) -> Tensor:
    """Return LR as `noisy` does, each crop with the noise of its place, [B], among the banks."""
    made, places = torch.empty_like(lr), np.arange(count)[share]
    for number in np.unique(bank).tolist():
        at = np.flatnonzero(bank == number)
        rows = torch.from_numpy(at).to(lr.device)
        made[rows] = noisy(model, lr[rows], banks[number], left[at], key, count, places[at])
    return made


def _one_by_one(
    model: NoiseModel, lr: Tensor, bank: NoiseTiles, left: F32, key: Key, places: Sequence[int]
) -> Tensor:
    images = lr.permute(0, 2, 3, 1).cpu().numpy()
    made = [
        model.inject(image, bank, stream(*key, place), float(one))
        for image, one, place in zip(images, left, places, strict=True)
    ]
    return torch.from_numpy(np.stack(made)).permute(0, 3, 1, 2).to(lr.device)


def _patches(
    lr: Tensor, bank: NoiseTiles, left: Tensor, key: Key, count: int, share: Share
) -> Tensor:
    return add_noise(lr, _crops(lr, bank, key, count, share))


def _scaled(
    lr: Tensor, bank: NoiseTiles, left: Tensor, key: Key, count: int, share: Share
) -> Tensor:
    crops = _crops(lr, bank, key, count, share)
    return add_scaled(lr, crops, _tensors(bank.sensor, lr.device)[0], left)


def _synthesised(
    lr: Tensor, bank: NoiseTiles, left: Tensor, key: Key, count: int, share: Share
) -> Tensor:
    rng, side = stream(*key), lr.shape[-1]
    white = np.stack([white_noise(rng, side, side) for _ in range(count)])[share]
    drawn = torch.from_numpy(white).to(lr.device)
    return add_synthesised(lr, drawn, _tensors(bank.sensor, lr.device), left)


BATCHES: Mapping[str, Callable[[Tensor, NoiseTiles, Tensor, Key, int, Share], Tensor]] = {
    "patch": _patches,
    "scaled": _scaled,
    "synthesised": _synthesised,
}
"""The models by name; each takes what `noisy` takes, ``left`` as a tensor."""


def _crops(lr: Tensor, bank: NoiseTiles, key: Key, count: int, share: Share) -> Tensor:
    """Return random crops of random patches, [B, 3, h, h] in [0, 1]."""
    rng, patches, side = stream(*key), bank.patches, lr.shape[-1]
    rows = rng.integers(patches.shape[0], size=count)[share]
    corners = rng.integers(patches.shape[1] - side + 1, size=(count, 2))[share]
    return unit_batch(crops_of(patches, rows, corners, side), lr.device)


def _tensors(sensor: SensorNoise, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    arrays = (sensor.deviation, sensor.grain, sensor.mixing)
    deviation, grain, mixing = (torch.from_numpy(array).to(device) for array in arrays)
    return deviation, grain, mixing


def noise_left(store: Store, pairs: Pairs, noise: NoiseOfKernels) -> F32:
    """Return [M], the share of the noise's variance that each pair's LR has.

    Clean target photos are not the sensor's: nothing of its noise is left in theirs.

    Args:
        store: The store.
        pairs: Its pairs.
        noise: What goes with their kernels.
    """
    if not (pairs.domain == "source").any():
        return np.zeros(len(pairs.kernel), np.float32)
    settings = PairSettings(**store.stages()[pairs_group(pairs.scale)]["parameters"])
    weights = store.kernels(pairs.scale).weights if (pairs.kernel >= 0).any() else None
    lens = store.lens(pairs.scale).mean if (pairs.kernel == BY_LENS).any() else None
    left, own = np.zeros(len(pairs.kernel), np.float32), noise.of_pairs(pairs)
    for row, group in np.unique(np.stack([pairs.kernel, own], axis=1), axis=0).tolist():
        kernel = weights[row] if weights is not None and row >= 0 else None
        kernel = lens if row == BY_LENS else kernel
        autocorrelation = noise.banks[group].sensor.autocorrelation
        share = share_left(autocorrelation, kernel, pairs.scale, settings.cleanup)
        left[(pairs.kernel == row) & (own == group) & (pairs.domain == "source")] = share
    return left


@dataclass(frozen=True)
class PairCameras:
    """Which camera's kernels, and which noise, each crop gets.

    Attributes:
        of_pair: [M], of the kernel that each pair's stored LR was made with; -1 = none.
        bound: [M], whether the pair is of that camera's photos, whose HR has its noise already:
            its LR takes no other camera's kernels, and no other photo's noise.
        of_kernel: [K], of each accepted kernel.
        noise_of_pair: [M], which of the banks goes with stored LR; -1 = the last.
        noise_of_kernel: [K], which goes with each accepted kernel, likewise.
        banks: The noise of each camera, or of each of its sensitivities, and at last of all
            together; empty without noise.
    """

    of_pair: I64
    bound: Bool
    of_kernel: I64
    noise_of_pair: I64
    noise_of_kernel: I64
    banks: tuple[NoiseTiles, ...]

    def noise(self, pairs: I64, kernels: I64) -> I64:
        """Return which bank goes with LR of pairs that accepted kernels make, both [B]."""
        own = self.noise_of_pair[pairs]
        return np.where(self.bound[pairs] & (own >= 0), own, self.noise_of_kernel[kernels])

    def drawn(self, pairs: I64, shares: F64) -> I64:
        """Return an accepted kernel for each of some pairs, by numbers [B] drawn from [0, 1)."""
        every = np.arange(len(self.of_kernel))
        found = np.empty(len(pairs), np.int64)
        for place, (pair, share) in enumerate(zip(pairs.tolist(), shares.tolist(), strict=True)):
            own = every[self.of_kernel == self.of_pair[pair]] if self.bound[pair] else every
            some = own if len(own) else every
            found[place] = some[int(share * len(some))]
        return found


def cameras_of(
    pairs: Pairs, kernels: Kernels | None, noise: NoiseOfKernels | None
) -> PairCameras | None:
    """Return the cameras of a store's pairs; None where there is one, of one kind of noise."""
    names = None if kernels is None else kernels.photo_group
    if names is None and (noise is None or not noise.several):
        return None
    accepted: NDArray[np.bool_] = np.zeros(0, bool)
    number, of_pair = np.zeros(0, np.int64), np.full(len(pairs.kernel), -1)
    if kernels is not None:
        accepted = np.asarray(kernels.accepted)
        number = np.zeros(len(accepted), np.int64)
        if names is not None:
            number = np.unique(names.tolist(), return_inverse=True)[1]
        of_pair = np.where(pairs.kernel >= 0, number[np.maximum(pairs.kernel, 0)], -1)
    bound = np.asarray(pairs.domain == "source")
    of_pair, of_kernel = of_pair.astype(np.int64), number[accepted]
    if noise is None:
        return PairCameras(of_pair, bound, of_kernel, of_pair, of_kernel, ())
    noises = noise.of_pairs(pairs), noise.of_kernels(len(accepted))[accepted]
    return PairCameras(of_pair, bound, of_kernel, *noises, noise.banks)
