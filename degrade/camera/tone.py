"""Tones: linear light to what a display is sent, and back."""

from typing import Any

import numpy as np

from degrade.arrays import F32
from degrade.camera.planes import Planes, like, namespace


def to_display(light: Planes, contrast: Any) -> Planes:
    """Return display tones of linear light, both in [0, 1]: sRGB's curve, then an S-curve.

    Args:
        light: [B, C, H, W].
        contrast: [B, 1, 1, 1] exponent of the S-curve y^c / (y^c + (1 - y)^c); 1 leaves y.
    """
    light = namespace(light).clip(light, 0, 1)
    low = light * 12.92
    high = 1.055 * light ** (1 / 2.4) - 0.055
    return _s_curve(namespace(light).where(light <= 0.0031308, low, high), contrast)


def to_light(levels: Planes, contrast: F32) -> Planes:
    """Return the linear light of display tones: the inverse of `to_display`.

    Args:
        levels: [B, C, H, W] uint8.
        contrast: [B].
    """
    tone = _s_curve(np.arange(256) / 255, 1 / np.asarray(contrast, np.float64)[:, None])
    light = np.where(tone <= 0.04045, tone / 12.92, ((tone + 0.055) / 1.055) ** 2.4)
    table = like(levels, np.asarray(light, np.float32))
    if isinstance(levels, np.ndarray):
        return np.stack([one[picture] for one, picture in zip(table, levels, strict=True)])
    flat = levels.reshape(len(levels), -1).long()
    return table.gather(1, flat).reshape(levels.shape)


def _s_curve(tone: Any, exponent: Any) -> Any:
    above, below = tone**exponent, (1 - tone) ** exponent
    return above / (above + below)
