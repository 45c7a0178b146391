"""What tests of SRNTT and TTSR share: small settings, a stage that was built, a batch."""

from typing import Any

import torch
from torch import Tensor

from sr_train.compute.device import seeded
from sr_train.data.batch import Batch
from sr_train.losses.perceptual import FrozenNetworks
from sr_train.methods import METHODS
from sr_train.networks.vgg19 import random_vgg19
from sr_train.reference.srntt import SRNTT
from sr_train.reference.ttsr import TTSR
from sr_train.settings import METHODS as MODELS

NETWORKS = {"srntt": SRNTT, "ttsr": TTSR}
SMALL: dict[str, dict[str, int]] = {
    "srntt": {"features": 8, "content": 1, "blocks": 1},
    "ttsr": {"features": 8, "shallow": 1, "first": 1, "second": 1, "third": 1},
}
CROP = {"srntt": 64, "ttsr": 32}
"""The smallest that the method's critic takes."""
REFERENCES = {"srntt": 2, "ttsr": 1}
"""Of each picture of a batch."""


def settings(name: str, *steps: int, rate: float = 1e-4, **fields: Any) -> Any:
    """Return settings of a method with so many steps in each of its stages, one if none is said."""
    stages = list(MODELS[name]().stages)
    counts = steps or (1,) * len(stages)
    base = {
        "network": SMALL[name],
        "crop": CROP[name],
        "batch": 2,
        "device": "cpu",
        "threads": 1,
        "log_every": 1,
        "save_every": 1,
        "validate_every": 2,
        "validation_tiles": 1,
        **{
            stage: {"steps": count, "learning_rate": rate, "milestones": []}
            for stage, count in zip(stages, counts, strict=True)
        },
    }
    return MODELS[name].model_validate(base | fields)


def made_stage(chosen: Any, stage: str) -> tuple[Any, Any, Any]:
    """Return a stage of the settings' method, its new generator, and the VGG19 it looks through."""
    (name,) = (name for name, model in MODELS.items() if type(chosen) is model)
    with seeded(0):
        generator = NETWORKS[name](**chosen.network.model_dump())
    vgg = random_vgg19(("relu3_1", "relu5_1"), 0)
    method = METHODS[name]
    assert method.start is not None
    method.start(generator, vgg)
    if isinstance(generator, SRNTT):
        generator.content.trunk.bn.num_batches_tracked.fill_(1)  # as after the first stage
    return method.stages[stage](chosen, generator, FrozenNetworks(vgg)), generator.train(), vgg


def pictures(seed: int, *shape: int) -> Tensor:
    """Return pictures of random pixels."""
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def a_batch(name: str) -> Batch:
    """Return two pictures of random pixels, as small as a method takes them."""
    crop = CROP[name]
    lr, hr = pictures(1, 2, 3, crop // 4, crop // 4), pictures(2, 2, 3, crop, crop)
    return Batch(lr, hr, pictures(3, 2, REFERENCES[name], 3, 32, 32))
