"""What a camera does to a scene: LR = (HR * k) sampled every s pixels + n, of checked arguments."""

from typing import Any

import numpy as np

from degrade import arguments, degradation
from degrade.api.kernels import Kernel, weights_of
from degrade.api.noise import Noise
from degrade.api.texts import in_arguments
from degrade.arrays import F32, U8, Image
from degrade.errors import SettingsError
from degrade.noise.injection import inject
from degrade.randomness import stream

LARGEST_SCALE = 64


def degrade(
    hr: Image,
    kernel: Kernel | F32 | None,
    scale: int | None = None,
    noise: "Noise | U8 | F32 | None" = None,
    *,
    seed: int = 0,
) -> F32:
    """Return the LR image that a camera with this blur and noise makes of ``hr``.

    Args:
        hr: [H, W, 3] RGB; uint8, or float32 in [0, 1]; H and W multiples of ``scale``.
        kernel: A `Kernel`, weights [K, K] applied as a correlation, or None for MATLAB's bicubic.
        scale: HR pixels per LR pixel; None takes the `Kernel`'s.
        noise: What `mine_noise` returned, or uint8 patches [N, P, P, 3]: a random crop of a random
            one, without its mean, is added, P at least LR's sides; or noise itself,
            [H/scale, W/scale, 3] in units of [0, 1]; None adds none.
        seed: Of the draw of patch and crop.

    Returns:
        [H/scale, W/scale, 3] float32 in [0, 1], not rounded.

    Raises:
        SettingsError: An argument is not acceptable, or they do not go together (a `ValueError`).
    """
    image, weights, step = _fitting(hr, kernel, scale)
    key = arguments.whole(seed, "seed", 0)
    bank = noise.patches if isinstance(noise, Noise) else noise
    if bank is not None and getattr(bank, "ndim", 0) == 4:
        lr = degradation.degrade(image, weights, step)
        patches = arguments.patches(bank, "noise")
        rng = stream(key, "degrade")
        with in_arguments():
            return inject(lr, patches[int(rng.integers(len(patches)))], rng)
    if bank is not None:
        small = (image.shape[0] // step, image.shape[1] // step, 3)
        shape = getattr(bank, "shape", None)
        if shape != small or not np.issubdtype(bank.dtype, np.floating):
            raise SettingsError(
                f"noise is {_kind(bank)} and LR is {list(small)}: give float32 noise of LR's size, "
                "or uint8 patches [N, P, P, 3]"
            )
        arguments.finite(bank, "noise")
    added = None if bank is None else np.asarray(bank, np.float32)
    return degradation.degrade(image, weights, step, added)


def downsample(hr: Image, kernel: Kernel | F32, scale: int | None = None) -> F32:
    """Correlate with a kernel and keep every ``scale``-th pixel: (HR * k) sampled, without noise.

    LR pixel (i, j) is the sum of the kernel times the pixels of ``hr`` around HR coordinate
    ``(scale*i + (scale-1)/2, scale*j + (scale-1)/2)``; borders are symmetric.

    Args:
        hr: [H, W, 3] or [H, W, 1]; uint8, or float32 in [0, 1]; H and W multiples of ``scale``.
        kernel: A `Kernel`, or weights [K, K], K of the scale's parity.
        scale: HR pixels per LR pixel; None takes the `Kernel`'s.

    Returns:
        [H/scale, W/scale, C] float32 on the scale of [0, 1], not clipped.

    Raises:
        SettingsError: An argument is not acceptable, or they do not go together (a `ValueError`).
    """
    image, weights, step = _fitting(hr, kernel, scale, channels=(1, 3))
    if weights is None:
        raise SettingsError("kernel is None: give weights, or call degrade for the bicubic one")
    return degradation.downsample(image, weights, step)


def _fitting(
    hr: Image, kernel: Kernel | F32 | None, scale: int | None, channels: tuple[int, ...] = (3,)
) -> tuple[Image, F32 | None, int]:
    image = arguments.image(hr, "hr", channels=channels)
    if scale is None and isinstance(kernel, Kernel):
        scale = kernel.scale
    step = arguments.whole(scale, "scale", 1, LARGEST_SCALE)
    if isinstance(kernel, Kernel) and kernel.scale != step:
        raise SettingsError(
            f"scale is {step} and the kernel is for scale {kernel.scale}: leave scale out, or "
            f"estimate the kernel with scale={step}"
        )
    arguments.multiples(image, "hr", step)
    if kernel is None:
        return image, None, step
    return image, arguments.kernel(weights_of(kernel), "kernel", step), step


def _kind(value: Any) -> str:
    """Write what an argument is, for a message."""
    if isinstance(value, np.ndarray):
        return f"{list(value.shape)} {value.dtype}"
    return type(value).__name__
