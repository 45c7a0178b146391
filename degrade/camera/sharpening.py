"""Sharpening: an unsharp mask on luma, of limited effect."""

from degrade.camera.parameters import Cameras
from degrade.camera.planes import Planes, blur, column, luma_chroma, namespace

REACH = 3
"""Radius at which the mask's Gaussian is cut off, pixels."""


def sharpened(display: Planes, cameras: Cameras) -> Planes:
    """Add what luma has beyond its blurred self to all colours alike, cored and clamped.

    Coring takes the faintest detail off, so that noise is not sharpened. [B, 3, H, W].
    """
    clip = namespace(display).clip
    luma, _ = luma_chroma(display)
    faint, limit = (column(display, cameras[name] / 255) for name in ("coring", "clamp"))
    detail = luma - blur(luma, cameras["radius"], REACH)
    detail = detail - clip(detail, -faint, faint)
    return display + clip(column(display, cameras["sharpening"]) * detail, -limit, limit)
