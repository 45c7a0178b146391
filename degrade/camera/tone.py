"""Tones: linear light to what a display is sent, and back."""

from typing import Any

import numpy as np

from degrade.arrays import F32, F64
from degrade.camera.parameters import Tones
from degrade.camera.planes import Planes, as_bytes, column, looked_up, namespace


def to_display(light: Planes, tones: Tones) -> Planes:
    """Return display tones of linear light, both in [0, 1]: sRGB's curve or none, then an S-curve.

    Args:
        light: [B, C, H, W].
        tones: The curves of B cameras.
    """
    xp = namespace(light)
    light = xp.clip(light, 0, 1)
    contrast = column(light, tones.contrast)
    if tones.straight.all():
        return _s_curve(light, contrast)
    low = light * 12.92
    high = 1.055 * light ** (1 / 2.4) - 0.055
    curved = xp.where(light <= 0.0031308, low, high)
    if tones.straight.any():
        curved = xp.where(column(light, tones.straight) > 0, light, curved)
    return _s_curve(curved, contrast)


def to_light(levels: Planes, tones: Tones) -> Planes:
    """Return the linear light of display tones: the inverse of `to_display`.

    Args:
        levels: [B, C, H, W] uint8.
        tones: The curves of B cameras.
    """
    return looked_up(_light(tones), levels)


def display_variance(display: Planes, tones: Tones, shot: F32, read: F32) -> Planes:
    """Return the variance that noise of light has behind the tone curve, where luma is ``display``.

    Args:
        display: [B, 1, H, W] in [0, 1].
        tones: The curves of B cameras.
        shot: [B], variance per unit of light.
        read: [B], variance in the dark.
    """
    light = _light(tones)
    slope = 1 / np.maximum(np.gradient(light, 1 / 255, axis=1), 1e-3)
    variance = (shot[:, None] * light + read[:, None]) * np.square(slope)
    levels = namespace(display).clip(display, 0, 1) * 255
    return looked_up(variance, as_bytes(levels))


def _light(tones: Tones) -> F64:
    """Return the light of each of 256 display tones, [B, 256]."""
    contrast = np.asarray(tones.contrast, np.float64)[:, None]
    tone = _s_curve(np.arange(256) / 255, 1 / contrast)
    steep = ((tone + 0.055) / 1.055) ** 2.4
    curved = np.where(tone <= 0.04045, tone / 12.92, steep)
    return np.asarray(np.where(tones.straight[:, None], tone, curved), np.float64)


def _s_curve(tone: Any, exponent: Any) -> Any:
    above, below = tone**exponent, (1 - tone) ** exponent
    return above / (above + below)
