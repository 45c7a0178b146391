"""Networks that losses look through, which are not trained."""

import copy
from collections.abc import Iterator
from typing import NamedTuple

import torch

from sr_train.networks.dists import Dists
from sr_train.networks.vgg19 import VggFeatures
from sr_train.parts.device import placed
from sr_train.parts.digest import WeightsFile
from sr_train.settings.common import TrainingSettings


class Frozen(NamedTuple):
    """They, None where no loss of a run needs them."""

    vgg: VggFeatures | None = None
    dists: Dists | None = None

    def ready(self, settings: TrainingSettings, device: torch.device) -> "Frozen":
        """Return them on the device; in 16 bits weights of VGG19 are cast once, in a copy."""
        vgg = self.vgg
        if vgg is not None and settings.precision == "bfloat16":
            vgg = copy.deepcopy(vgg)
            vgg.features.to(torch.bfloat16)
        return Frozen(vgg and placed(vgg, device), self.dists and placed(self.dists, device))

    def files(self) -> Iterator[tuple[str, tuple[WeightsFile, ...]]]:
        """Yield the files that each was read from, by its name."""
        for name, network in self._asdict().items():
            yield name, network.files if network else ()
