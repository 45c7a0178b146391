"""A photo's blur kernel: estimated from the photo alone, and handed to other libraries."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np

from degrade import arguments
from degrade.arrays import F32, Image
from degrade.errors import PhotoRefused, SettingsError
from degrade.kernels import spectral
from degrade.kernels.acceptance import KernelEstimate
from degrade.kernels.combined import combine, scored_by_spectrum
from degrade.kernels.estimator_settings import KernelSettings
from degrade.kernels.expected_error import MIN_SCORE, UNSURE, as_error, as_score, expected_error
from degrade.kernels.parametric import gaussian_parameters
from degrade.kernels.uncertainty import deviation, half_widths
from degrade.scales import EstimatedScale, TrainedScale
from degrade.yaml_settings import validated

Estimator = Literal["spectral", "kernelgan", "combined"]
ESTIMATORS: tuple[Estimator, ...] = get_args(Estimator)
OTHER_PHOTO = "give a larger, sharper or less compressed photo of the same camera"


@dataclass(frozen=True, eq=False)
class Kernel:
    """A blur kernel, applied as a correlation before every ``scale``-th pixel is kept.

    Attributes:
        weights: [S, S] float32 with the sum 1, S of the scale's parity (16 for x2, 25 for x3, 32
            for x4, 64 for x8), centre of mass at (S - 1) / 2. Its centre lies on an LR pixel's, HR
            coordinate ``scale*i + (scale-1)/2``.
        scale: HR pixels per LR pixel.
        sigmas: The larger and the smaller standard deviation, HR pixels.
        angle: From the x axis (columns) to the axis of the larger one, towards larger rows,
            radians, 0 to pi.
        score: Quality in [0, 1], exp(-error / 0.3).
        error: Expected L1 distance from the true kernel: 0 equal, 2 disjoint.
        sigma_errors: Half the widths of the intervals about ``sigmas`` that hold the truth for
            nine kernels of ten, HR pixels; None where the estimator gives none (KernelGAN).
        angle_error: Likewise of ``angle``, radians; pi / 2 where nothing is known of it.
        estimator: What it is from.
        source: Name of the photo; empty for an array.
    """

    weights: F32
    scale: int
    sigmas: tuple[float, float]
    angle: float
    score: float
    error: float
    estimator: str
    source: str = ""
    sigma_errors: tuple[float, float] | None = None
    angle_error: float | None = None


@dataclass(frozen=True, eq=False)
class FolderKernels:
    """What a folder of photos shows of its camera's blur.

    Attributes:
        kernels: The accepted estimates by photo, relative to the folder, in its order.
        refused: Why the other photos have none, likewise.
    """

    kernels: dict[str, Kernel]
    refused: dict[str, str]


def estimate_kernel(
    image: Image,
    scale: int = 4,
    estimator: Estimator = "spectral",
    *,
    seed: int = 0,
    iterations: int = 3000,
    device: Literal["auto", "cpu", "cuda"] = "auto",
    progress: Callable[[int, int], None] | None = None,
) -> Kernel:
    """Estimate a photo's blur kernel from the photo alone.

    Args:
        image: [H, W, 3] RGB as `read_image` returns it: uint8, or float32 in [0, 1]; each side 128
            pixels or more.
        scale: HR pixels per LR pixel: 2, 3, 4 or 8; 2 or 4 for the other estimators.
        estimator: ``spectral``: a generalised Gaussian from the power spectrum, 0.1 s and nothing
            drawn; ``kernelgan``: trained on the photo (Bell-Kligler et al., NeurIPS 2019), with
            torch; ``combined``: the mean of both by their evidence.
        seed: Of KernelGAN's draws.
        iterations: Of KernelGAN's training.
        device: Where KernelGAN is trained; ``auto`` takes a GPU if torch sees one.
        progress: Called with KernelGAN's iterations so far, and all.

    Returns:
        The kernel, accepted by the same checks as the command line's.

    Raises:
        PhotoRefused: The photo does not show its blur (too small, flat, saturated, compressed), or
            what came out is not to be believed; ``reason`` says why.
        SettingsError: An argument is not acceptable (a `ValueError`).
    """
    photo = arguments.image(image, "image")
    chosen = arguments.one_of(estimator, "estimator", ESTIMATORS)
    scales = EstimatedScale if chosen == "spectral" else TrainedScale
    wanted = arguments.one_of(scale, "scale", get_args(scales))
    if chosen == "spectral":
        return _spectral(photo, wanted)
    fields = {"estimator": chosen, "scale": wanted, "seed": seed, "iterations": iterations}
    settings = validated(KernelSettings, fields, "estimate_kernel")
    return _trained(photo, settings, _torch_device(device), progress)


def as_convolution(kernel: "Kernel | F32") -> F32:
    """Return a kernel for libraries that convolve (SciPy, deepinv) instead of correlating.

    It is turned by half a circle, and an even one gets a row and a column of zeros, so that its
    side is odd and its middle the same pixel in every library. With symmetric borders:

        blurred = scipy.ndimage.convolve(plane, as_convolution(kernel), mode="reflect")
        lr = blurred[scale // 2 :: scale, scale // 2 :: scale]

    is `downsample` of that plane. PyTorch's ``conv2d`` correlates: give it ``kernel.weights``.

    Args:
        kernel: A `Kernel`, or weights [K, K].

    Returns:
        [K, K] for odd K, [K + 1, K + 1] for even K; float32, sum as before.

    Raises:
        SettingsError: It is no kernel (a `ValueError`).
    """
    weights = arguments.kernel(weights_of(kernel), "kernel")
    even = 1 - len(weights) % 2
    return np.ascontiguousarray(np.pad(weights, (0, even))[::-1, ::-1])


def weights_of(kernel: Any) -> Any:
    """Return a `Kernel`'s weights; anything else as it is."""
    return kernel.weights if isinstance(kernel, Kernel) else kernel


def described(
    weights: F32,
    scale: int,
    score: float,
    estimator: str,
    source: str = "",
    sure: tuple[float, float, float] | None = None,
) -> Kernel:
    """Return accepted weights with what follows from them and their score.

    Args:
        weights: The kernel.
        scale: HR pixels per LR pixel.
        score: Quality in [0, 1].
        estimator: What it is from.
        source: Name of the photo.
        sure: Half the widths of the intervals of both sigmas and the angle.
    """
    major, minor, angle = gaussian_parameters(weights)
    interval = (None, None) if sure is None else (sure[:2], sure[2])
    error = as_error(score)
    return Kernel(weights, scale, (major, minor), angle, score, error, estimator, source, *interval)


def _spectral(photo: Image, scale: int) -> Kernel:
    fit = spectral.estimate(photo)
    if isinstance(fit, str):
        raise _refused(fit)
    score = as_score(expected_error(fit))
    if score < MIN_SCORE:
        raise _refused(UNSURE)
    deviations = deviation(fit.blur, pooled=False)
    sure = half_widths(fit.blur.values[None], deviations[None], scale).of(0)
    return described(fit.blur.kernel(scale), scale, score, "spectral", sure=sure)


def _trained(
    photo: Image,
    settings: KernelSettings,
    device: str,
    progress: Callable[[int, int], None] | None,
) -> Kernel:
    from degrade.kernels.kernelgan import estimate_kernels

    done = 0

    def report_iterations(iterations: int) -> None:
        nonlocal done
        done += iterations
        if progress is not None:
            progress(done, settings.iterations)

    key = hashlib.sha256(np.ascontiguousarray(photo).tobytes()).hexdigest()
    (estimate,) = estimate_kernels([photo], [key], settings, device, report_iterations)
    judged = _scored_by_spectrum(estimate, photo, settings)
    if not judged.accepted:
        raise _refused(judged.reason)
    return described(judged.weights, settings.scale, judged.score, settings.estimator)


def _scored_by_spectrum(
    estimate: KernelEstimate, photo: Image, settings: KernelSettings
) -> KernelEstimate:
    """Let the photo's spectrum speak, too, where the photo is large enough for one."""
    combines = settings.estimator == "combined"
    if min(photo.shape[:2]) < spectral.MIN_SIDE and not combines:
        return estimate
    joined = combine if combines else scored_by_spectrum
    return joined(estimate, spectral.estimate(photo), settings.scale)


def _torch_device(name: str) -> str:
    import torch

    wanted = arguments.one_of(name, "device", ("auto", "cpu", "cuda"))
    available = torch.cuda.is_available()
    if wanted == "cuda" and not available:
        raise SettingsError('device is cuda and torch sees no GPU: give "cpu" or "auto"')
    return "cuda" if available and wanted != "cpu" else "cpu"


def _refused(reason: str) -> PhotoRefused:
    return PhotoRefused("image", f"{reason}; {OTHER_PHOTO}")
