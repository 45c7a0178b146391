"""Settings of training runs: frozen, strict, published values as defaults, no torch."""

from sr_train.settings.common import TrainingSettings
from sr_train.settings.esrgan import EsrganSettings
from sr_train.settings.psnr import PsnrSettings
from sr_train.settings.srgan import SrganSettings
from sr_train.settings.srntt import SrnttSettings
from sr_train.settings.ttsr import TtsrSettings

METHODS: dict[str, type[TrainingSettings]] = {
    "esrgan": EsrganSettings,
    "srgan": SrganSettings,
    "psnr": PsnrSettings,
    "srntt": SrnttSettings,
    "ttsr": TtsrSettings,
}
"""Every method's settings by its name; `sr_train.methods.METHODS` has the methods themselves."""
