"""Noise onto batches of LR: all crops at once for the models listed here, one by one for others."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from degrade.arrays import F32, I64
from degrade.noise.injection import white_noise
from degrade.noise.model import NoiseModel
from degrade.noise.sensor import Sensor
from degrade.randomness import stream
from sr_train.data.crops import add_noise, add_scaled, add_synthesised, cut, unit_batch
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


def noisy_by_camera(
    model: NoiseModel,
    lr: Tensor,
    banks: Sequence[NoiseTiles],
    camera: I64,
    left: F32,
    key: Key,
    count: int,
    share: slice,
) -> Tensor:
    """Return LR as `noisy` does, each crop with the noise of its camera, [B], among the banks."""
    made, places = torch.empty_like(lr), np.arange(count)[share]
    for number in np.unique(camera).tolist():
        at = np.flatnonzero(camera == number)
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
    return unit_batch(cut(patches, rows, corners, side), lr.device)


def _tensors(sensor: Sensor, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    arrays = (sensor.deviation, sensor.grain, sensor.mixing)
    deviation, grain, mixing = (torch.from_numpy(array).to(device) for array in arrays)
    return deviation, grain, mixing
