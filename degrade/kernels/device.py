"""What a device lets KernelGAN do: which numbers it multiplies, and how many lanes it holds."""

from typing import Any

import torch

from degrade.kernels.settings import KernelSettings

BYTES_PER_LANE = 16 * 2**20
"""Memory that a lane takes with the default crop, rounded up: activations, weights, Adam, crops."""
MAX_LANES = 1024
"""More lanes make a GPU no faster, and their crops fill the host's memory."""


def resolve(settings: KernelSettings, device: torch.device, sharing: int = 1) -> KernelSettings:
    """Fill in what ``settings`` leaves to the device.

    ``precision = "auto"`` becomes bfloat16 where there are instructions for it (AVX512-BF16, AMX,
    CUDA from Ampere on), else float32, which is also the published code's. On a GPU, ``lanes`` that
    nobody set become as many as half of its free memory holds, divided among ``sharing`` processes;
    the other half is for the photos.
    """
    found: dict[str, Any] = {}
    if "precision" in settings.left_to_device:
        exact = settings.as_published or not _multiplies_bfloat16(device)
        found["precision"] = "float32" if exact else "bfloat16"
    if device.type == "cuda" and "lanes" in settings.left_to_device:
        free, _ = torch.cuda.mem_get_info(device)
        found["lanes"] = lanes_in(free // sharing, settings)
    return settings.model_copy(update=found)


def lanes_in(free: int, settings: KernelSettings) -> int:
    """Return how many lanes half of ``free`` bytes hold: a power of two of photos, at least one.

    Free memory differs a little from run to run; the power of two, and with it the batches and the
    bytes of the kernels, does so rarely.
    """
    per_lane = BYTES_PER_LANE * settings.crop**2 / 64**2
    photos = min(MAX_LANES, int(free / 2 / per_lane)) // settings.restarts
    return settings.restarts * (1 << max(photos.bit_length() - 1, 0))


def _multiplies_bfloat16(device: torch.device) -> bool:
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    found = torch.cpu.get_capabilities()
    return bool(found.get("avx512_bf16") or found.get("amx_bf16"))
