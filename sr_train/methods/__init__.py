"""One method per file: its networks, its stages, its steps.

A method has a file here, settings in `sr_train.settings`, its networks in `sr_train.architectures`,
a stage in `pipelines.recipes.recipe` and a verb in `degrade.cli.train`.
"""

from sr_train.methods import esrgan, psnr, srgan, srntt, ttsr
from sr_train.training.training_run import Method

METHODS: dict[str, Method] = {
    "esrgan": esrgan.METHOD,
    "srgan": srgan.METHOD,
    "psnr": psnr.METHOD,
    "srntt": srntt.METHOD,
    "ttsr": ttsr.METHOD,
}
"""Every method by its name; `sr_train.settings.METHODS` has their settings."""
