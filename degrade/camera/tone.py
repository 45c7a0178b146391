"""Tones: linear light to what a display is sent, and back."""

from typing import Any

import numpy as np

from degrade.arrays import F32, F64
from degrade.camera.planes import Planes, as_bytes, looked_up, namespace


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
    return looked_up(_light(contrast), levels)


def display_variance(display: Planes, contrast: F32, shot: F32, read: F32) -> Planes:
    """Return the variance that noise of light has behind the tone curve, where luma is ``display``.

    Args:
        display: [B, 1, H, W] in [0, 1].
        contrast: [B].
        shot: [B], variance per unit of light.
        read: [B], variance in the dark.
    """
    light = _light(contrast)
    slope = 1 / np.maximum(np.gradient(light, 1 / 255, axis=1), 1e-3)
    variance = (shot[:, None] * light + read[:, None]) * np.square(slope)
    levels = namespace(display).clip(display, 0, 1) * 255
    return looked_up(variance, as_bytes(levels))


def _light(contrast: F32) -> F64:
    """Return the light of each of 256 display tones, [B, 256]."""
    tone = _s_curve(np.arange(256) / 255, 1 / np.asarray(contrast, np.float64)[:, None])
    steep = ((tone + 0.055) / 1.055) ** 2.4
    return np.asarray(np.where(tone <= 0.04045, tone / 12.92, steep), np.float64)


def _s_curve(tone: Any, exponent: Any) -> Any:
    above, below = tone**exponent, (1 - tone) ** exponent
    return above / (above + below)
