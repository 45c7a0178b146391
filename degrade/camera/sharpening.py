"""Sharpening: an unsharp mask on luma, of limited effect."""

from degrade.camera.parameters import Cameras
from degrade.camera.planes import Planes, blur, column, luma_chroma, namespace

REACH = 3
"""Of the mask's Gaussian, pixels."""


def sharpened(display: Planes, cameras: Cameras) -> Planes:
    """Add what luma has beyond its blurred self to all colours alike, clamped; [B, 3, H, W]."""
    luma, _ = luma_chroma(display)
    detail = luma - blur(luma, cameras["radius"], REACH)
    limit = column(display, cameras["clamp"] / 255)
    added = namespace(display).clip(column(display, cameras["sharpening"]) * detail, -limit, limit)
    return display + added
