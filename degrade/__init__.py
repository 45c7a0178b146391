"""Real degradations for super-resolution: kernels, noise and HR/LR pairs from real photos.

The names below are loaded when they are first used, so that ``import degrade`` costs nothing.
"""

from typing import TYPE_CHECKING

from degrade.lazy import lazy

if TYPE_CHECKING:
    from degrade.api.camera import Camera, photograph
    from degrade.api.degradation import degrade, downsample
    from degrade.api.images import read_image
    from degrade.api.kernels import FolderKernels, Kernel, as_convolution, estimate_kernel
    from degrade.api.lens import MeasuredLens
    from degrade.api.noise import Noise, NoiseCurve, mine_noise, noise_curve
    from degrade.api.store import open_store
    from degrade.errors import DegradeError, PhotoRefused
    from pipelines.api.stages import build_pairs, estimate_camera, estimate_kernels, estimate_lens

__version__ = "0.2.0"

_HOMES = {
    "Camera": "degrade.api.camera",
    "DegradeError": "degrade.errors",
    "FolderKernels": "degrade.api.kernels",
    "Kernel": "degrade.api.kernels",
    "MeasuredLens": "degrade.api.lens",
    "Noise": "degrade.api.noise",
    "NoiseCurve": "degrade.api.noise",
    "PhotoRefused": "degrade.errors",
    "as_convolution": "degrade.api.kernels",
    "build_pairs": "pipelines.api.stages",
    "degrade": "degrade.api.degradation",
    "downsample": "degrade.api.degradation",
    "estimate_camera": "pipelines.api.stages",
    "estimate_kernel": "degrade.api.kernels",
    "estimate_kernels": "pipelines.api.stages",
    "estimate_lens": "pipelines.api.stages",
    "mine_noise": "degrade.api.noise",
    "noise_curve": "degrade.api.noise",
    "open_store": "degrade.api.store",
    "photograph": "degrade.api.camera",
    "read_image": "degrade.api.images",
}
"""The module of each public name; what runs as a stage over many photos is in `pipelines`."""

__all__ = [
    "Camera",
    "DegradeError",
    "FolderKernels",
    "Kernel",
    "MeasuredLens",
    "Noise",
    "NoiseCurve",
    "PhotoRefused",
    "__version__",
    "as_convolution",
    "build_pairs",
    "degrade",
    "downsample",
    "estimate_camera",
    "estimate_kernel",
    "estimate_kernels",
    "estimate_lens",
    "mine_noise",
    "noise_curve",
    "open_store",
    "photograph",
    "read_image",
]


__getattr__ = lazy(globals(), _HOMES)


def __dir__() -> list[str]:
    return sorted(__all__)
