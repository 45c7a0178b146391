"""The protocols by which papers score SR images: which channel, which border."""

from dataclasses import dataclass
from typing import Literal

from degrade.errors import SettingsError
from sr_train.metrics import SIGMA, WINDOW, Channel

Name = Literal["realsr", "basicsr", "ttsr"]

CHANNELS: dict[Channel, str] = {
    "y": "Y = 16 + (65.481 R + 128.553 G + 24.966 B)/255",
    "ttsr-y": "Y = 16 + (65.738 R + 129.057 G + 25.064 B)/256",
    "rgb": "RGB, SSIM is the mean of the channels",
}
"""What is scored, by channel name."""


@dataclass(frozen=True)
class Protocol:
    """How images are made comparable before PSNR and SSIM."""

    name: Name
    channel: Channel
    cuts_scale: bool
    """Whether as many HR pixels as the scale are cut on each side; otherwise none."""

    def border(self, scale: int | None, given: int | None = None) -> int:
        """Return the HR pixels to cut on each side: those given, or the protocol's.

        Raises:
            SettingsError: They depend on a scale that is not known.
        """
        if given is not None:
            return given
        if self.cuts_scale and scale is None:
            raise SettingsError(
                f"protocol {self.name} cuts the scale on each side, and SR images alone do not "
                "tell it: give --border N (0 cuts nothing)"
            )
        return (scale or 0) if self.cuts_scale else 0

    def describe(self, border: int) -> dict[str, str | int]:
        """Return what must be said beside every score made this way."""
        return {
            "name": self.name,
            "channel": CHANNELS[self.channel],
            "border": border,
            "range": "levels of 0..255, peak 255",
            "rounding": "SR to 8 bits, half up; the channel not rounded",
            "ssim": f"Gaussian {WINDOW}x{WINDOW}, sigma {SIGMA}, valid region",
            "sharpness": "variance of the Laplacian of SR over that of HR, same channel and border",
            "mean": "over images",
        }


PROTOCOLS: dict[Name, Protocol] = {
    "realsr": Protocol("realsr", "y", cuts_scale=True),
    "basicsr": Protocol("basicsr", "rgb", cuts_scale=True),
    "ttsr": Protocol("ttsr", "ttsr-y", cuts_scale=False),
}
"""RealSR's test.py (NTIRE 2020), BasicSR's validation, TTSR's evaluation of reference-SR."""
REALSR = PROTOCOLS["realsr"]
