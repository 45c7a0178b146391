"""The sensor: white balance undone, shot and read noise, Bayer's mosaic."""

import numpy as np

from degrade.arrays import F32, I64
from degrade.camera.parameters import Cameras
from degrade.camera.planes import Planes, column, like, namespace


def gains(cameras: Cameras, light: Planes) -> Planes:
    """Return the white balance [B, 3, 1, 1] that raw values are multiplied by."""
    rows = np.stack([cameras["gain_red"], np.ones(len(cameras)), cameras["gain_blue"]], axis=1)
    return like(light, np.asarray(rows, np.float32)[..., None, None])


def exposed(light: Planes, balance: Planes, cameras: Cameras, white: Planes) -> Planes:
    """Return what the sensor reads, white balance applied: light with shot and read noise.

    Noise below black stays below it, as above the black level that sensors add: cut off, it would
    brighten what is dark. A channel that white balance amplifies gets less light, so that its noise
    is larger (Foi et al., "Practical Poissonian-Gaussian noise modeling", 2008: variance = shot *
    signal + read).

    Args:
        light: [B, C, H, W] in [0, 1]: of each colour, or C = 1 of each pixel's own.
        balance: The `gains` of the same pixels.
        cameras: B of them.
        white: [B, C, H, W], standard normal.
    """
    xp = namespace(light)
    raw = xp.clip(light, 0, 1) / balance
    shot, read = (column(light, cameras[name]) for name in ("shot", "read"))
    noisy = raw + xp.sqrt(shot * raw + read) * white
    return xp.clip(noisy * balance, None, 1)


def bayer_masks(phases: I64, height: int, width: int) -> F32:
    """Return [B, 3, H, W]: 1 where the colour filter passes red, green or blue.

    Args:
        phases: [B, 2]: row and column, 0 or 1, of the red pixel: (0, 0) is RGGB.
        height: Rows.
        width: Columns.
    """
    red_row = (np.arange(height)[None] - phases[:, :1]) % 2 == 0
    red_col = (np.arange(width)[None] - phases[:, 1:]) % 2 == 0
    red = red_row[:, :, None] & red_col[:, None]
    blue = ~red_row[:, :, None] & ~red_col[:, None]
    return np.stack([red, ~red & ~blue, blue], axis=1).astype(np.float32)
