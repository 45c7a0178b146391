"""One method per file: its networks, its stages, its steps."""

from sr_train.methods import esrgan, psnr, srgan
from sr_train.parts.run import Method

METHODS: dict[str, Method] = {
    "esrgan": esrgan.METHOD,
    "srgan": srgan.METHOD,
    "psnr": psnr.METHOD,
}
"""Every method by its name; `sr_train.settings.METHODS` has their settings."""
