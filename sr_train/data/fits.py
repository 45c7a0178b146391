"""Whether a store's pairs, kernels and noise fit the crops that are asked for."""

import numpy as np

from degrade.arrays import F32
from degrade.degradation import margin
from degrade.errors import SettingsError, TrainingError
from sr_train.data.store_protocols import KernelBank, NoiseTiles, PairTiles
from sr_train.settings.common import SCALES


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
