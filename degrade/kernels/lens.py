"""What a lens does to an image: a kernel for each place and colour, and colours of other sizes."""

from dataclasses import dataclass

import numpy as np

from degrade.arrays import F32, F64, Image
from degrade.degradation import downsample
from degrade.errors import SettingsError
from degrade.images.colour import unit_float
from degrade.images.resize import cubic, sample_columns, sample_rows, sampling_matrix

COLOURS = ("red", "green", "blue")


@dataclass(frozen=True, eq=False)
class Lens:
    """A lens, round about the image's middle.

    Attributes:
        radii: [n] ascending, where its kernels are known: 0 is the middle of the image, 1 its
            corner. Between them kernels are interpolated linearly.
        weights: [n, 3, K, K] of R, G and B, each a correlation kernel that sums to 1.
        shift: [2], how far red and blue lie outwards of green at the corner, in LR pixels; the
            shift is radial and proportional to the radius (lateral chromatic aberration).
    """

    radii: F64
    weights: F32
    shift: F64

    @property
    def mean(self) -> F32:
        """The mean kernel [K, K] over colours and radii."""
        return np.asarray(self.weights.mean(axis=(0, 1)), np.float32)


def degrade_by_lens(hr: Image, lens: Lens, scale: int) -> F32:
    """Return the LR image that a lens makes of the whole of ``hr``, clipped to [0, 1].

    Sampled as by `degrade.degradation.downsample`, each LR pixel with the kernel of its radius and
    colour: a kernel between two radii gives what lies as far between the LR of both.

    Args:
        hr: [H, W, 3]; uint8, or float32 in [0, 1]; H and W multiples of ``scale``.
        lens: Its kernels are those of ``scale``.
        scale: HR pixels per LR pixel.

    Returns:
        [H/scale, W/scale, 3] float32 in [0, 1], not rounded.

    Raises:
        SettingsError: The image is not in colour, or image, kernels and scale do not go together.
    """
    if hr.ndim != 3 or hr.shape[2] != 3:
        raise SettingsError(f"HR image is {list(hr.shape)}; give [height, width, 3]")
    height, width = hr.shape[0] // scale, hr.shape[1] // scale
    shares = _shares(relative_radii(height, width), lens.radii)
    outwards = (float(lens.shift[0]), 0.0, float(lens.shift[1]))
    planes = [
        _blurred(_magnified(hr[..., colour, None], scale * shift), kernels, shares, scale)
        for colour, (shift, kernels) in enumerate(
            zip(outwards, lens.weights.swapaxes(0, 1), strict=True)
        )
    ]
    return np.asarray(np.clip(np.stack(planes, axis=2), 0, 1), np.float32)


def relative_radii(height: int, width: int) -> F32:
    """Return [height, width] each pixel's distance from the middle over that of the corner."""
    row, column = (np.arange(side) - (side - 1) / 2 for side in (height, width))
    distance = np.hypot(row[:, None], column[None])
    return np.asarray(distance / np.hypot(height / 2, width / 2), np.float32)


def _shares(places: F32, radii: F64) -> F32:
    """Return [n, h, w] the weight of each radius in the linear interpolation at some places."""
    shares = [np.interp(places, radii, one) for one in np.eye(len(radii))]
    return np.asarray(shares, np.float32)


def _blurred(plane: Image, kernels: F32, shares: F32, scale: int) -> F32:
    """Return [h, w] of a plane [H, W, 1]: the LR of each kernel, by its share at every pixel."""
    if (kernels == kernels[0]).all():
        return downsample(plane, kernels[0], scale)[..., 0]
    lr = np.zeros(shares.shape[1:], np.float32)
    for kernel, share in zip(kernels, shares, strict=True):
        lr += share * downsample(plane, kernel, scale)[..., 0]
    return lr


def _magnified(plane: Image, outwards: float) -> Image:
    """Magnify a plane [H, W, 1] about its middle, so that its corner moves by so many pixels.

    The corner itself, half a pixel beyond the last centre. Interpolation is cubic.
    """
    if outwards == 0:
        return plane
    height, width = plane.shape[:2]
    factor = 1 + outwards / np.hypot(height / 2, width / 2)

    def centres(length: int) -> F64:
        middle = (length - 1) / 2
        return np.asarray(middle + (np.arange(length) - middle) / factor)

    rows, columns = (sampling_matrix(n, centres(n), 2, cubic) for n in (height, width))
    return sample_columns(columns, sample_rows(rows, unit_float(plane)))
