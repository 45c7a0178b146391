"""How much of the photos' noise the LR of a store's pairs has before any is injected."""

import numpy as np

from degrade.arrays import F32
from degrade.noise.sensor import share_left
from degrade.pairs import PairSettings
from degrade.store.contents import Pairs
from degrade.store.photo_groups import NoiseOfKernels
from degrade.store.reader import Store
from degrade.store.schema import pairs_group


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
    left = np.zeros(len(pairs.kernel), np.float32)
    for row in np.unique(pairs.kernel):
        kernel = weights[row] if weights is not None and row >= 0 else None
        autocorrelation = noise.of(int(row)).sensor.autocorrelation
        share = share_left(autocorrelation, kernel, pairs.scale, settings.cleanup)
        left[(pairs.kernel == row) & (pairs.domain == "source")] = share
    return left
