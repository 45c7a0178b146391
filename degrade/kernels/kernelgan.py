"""KernelGAN (Bell-Kligler, Shocher and Irani, NeurIPS 2019), many photos trained as one batch.

What differs from the published code, besides speed: the bicubic target is that of each channel, the
threshold that ends its reign is scaled with it, the discriminator has no say while a kernel is near
zero, and a kernel that stands still is finished (``as_published`` restores these); real crops'
noise does not pile up in the photo; the kernel includes the last step; its centre is moved once,
onto a canvas of fixed size.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from degrade.arrays import F32, Image
from degrade.errors import SettingsError, TrainingError
from degrade.kernels import discriminator as disc
from degrade.kernels import generator as gen
from degrade.kernels.acceptance import KernelEstimate, examine, judge, refuse
from degrade.kernels.crop_batches import (
    CropBatch,
    Lane,
    batches,
    first_discriminator,
    first_generator,
    first_vectors,
    open_lanes,
)
from degrade.kernels.estimator_settings import KernelSettings
from degrade.kernels.kernelgan_schedule import Finish, GeneratorWeights, learning_rate

_REPORT_EVERY = 25


def estimate_kernels(
    photos: Sequence[Image],
    keys: Sequence[str],
    settings: KernelSettings,
    device: str = "cpu",
    on_iterations: Callable[[int], None] | None = None,
) -> list[KernelEstimate]:
    """Estimate the blur kernel of each photo: of the camera's downscaling, from the photo alone.

    Usable photos are trained ``settings.photos_per_batch`` at a time, in the order given. All
    random numbers of an estimate depend on its seed and key alone, and so do its products where
    the library rounds a batch's products one by one (oneDNN and MKL on CPUs do); where it does not
    (CUDA may not), the batch matters too, and a GAN amplifies rounding: keep batches the same.

    Args:
        photos: RGB, [H, W, 3] uint8, or float32 in [0, 1]; only crops are converted.
        keys: One name per photo, such as its path.
        settings: Scale, iterations, restarts and the rest.
        device: A torch device.
        on_iterations: Called with the number of estimate-iterations done since the last call.

    Returns:
        ``settings.restarts`` estimates per photo, in the order of the photos. Those of unusable
        photos and of kernels that fail a check are refused with a reason.

    Raises:
        SettingsError: There is not one key per photo.
    """
    if len(photos) != len(keys):
        raise SettingsError(f"{len(photos)} photos and {len(keys)} keys: give one key per photo")
    estimates: list[list[KernelEstimate]] = [[] for _ in keys]
    waiting: dict[int, list[Lane]] = {}
    for index, (photo, key) in enumerate(zip(photos, keys, strict=True)):
        maps = examine(photo, settings)
        if isinstance(maps, str):
            estimates[index] = refuse(key, maps, settings)
        else:
            waiting[index] = open_lanes(photo, key, maps, settings)
        if len(waiting) == settings.photos_per_batch or (waiting and index == len(keys) - 1):
            lanes = [lane for group in waiting.values() for lane in group]
            kernels = train_in_memory(lanes, settings, torch.device(device), on_iterations)
            for photo_index, rows in zip(waiting, np.split(kernels, len(waiting)), strict=True):
                estimates[photo_index] = judge(keys[photo_index], rows, settings)
            waiting = {}
    return [estimate for of_photo in estimates for estimate in of_photo]


def train_in_memory(
    lanes: Sequence[Lane],
    settings: KernelSettings,
    device: torch.device,
    on_iterations: Callable[[int], None] | None = None,
) -> F32:
    """Train lanes as ``train`` does, in halves where the device's memory does not hold them all.

    Raises:
        TrainingError: Not even one lane fits.
    """
    try:
        return train(lanes, settings, device, on_iterations)
    except torch.OutOfMemoryError:
        if len(lanes) == 1:
            raise TrainingError(
                f"device {device}: its memory does not hold one estimate; free some, choose a "
                "smaller crop, or use --device cpu"
            ) from None
    # Only here, the exception and with it the batch's tensors being gone.
    if device.type == "cuda":
        torch.cuda.empty_cache()
    half = len(lanes) // 2
    parts = (lanes[:half], lanes[half:])
    return np.concatenate(
        [train_in_memory(part, settings, device, on_iterations) for part in parts]
    )


def train(
    lanes: Sequence[Lane],
    settings: KernelSettings,
    device: torch.device,
    on_iterations: Callable[[int], None] | None = None,
) -> F32:
    """Train one batch of lanes and return the composed kernels, [L, 13, 13], as they are.

    No operation mixes lanes: one that diverges ends as NaN and leaves the others alone. A lane's
    kernel is the one it had when it converged, and the batch ends when all have. Unlike the
    published code's, the kernel returned includes the last step.
    """
    generator, critic = first_generator(lanes, device), first_discriminator(lanes, device)
    vectors = first_vectors(lanes, device)
    weights = GeneratorWeights(len(lanes), settings, device)
    mask = gen.boundary_mask(device)
    precision = resolve(settings, device).precision
    dtype = torch.bfloat16 if precision == "bfloat16" else None
    optimisers = [_adam(generator), _adam(critic.tensors())]
    kernel = gen.compose(generator)
    finish = Finish(kernel, settings)
    reported = 0
    for iteration, batch in enumerate(batches(lanes, settings, device)):
        for optimiser in optimisers:
            optimiser.param_groups[0]["lr"] = learning_rate(iteration, settings)
        norms, vectors = disc.spectral_norms(critic, vectors, count=3)
        bicubic_loss = generator_gradients(
            generator, kernel, critic, norms.group(0, 1), batch, weights, mask, dtype
        )
        optimisers[0].step()
        kernel = gen.compose(generator)
        discriminator_gradients(kernel, critic, norms.group(1, 3), batch, dtype)
        optimisers[1].step()
        weights.update(iteration, bicubic_loss)
        if on_iterations and (iteration + 1) % _REPORT_EVERY == 0:
            on_iterations(_REPORT_EVERY * len(lanes))
            reported += _REPORT_EVERY
        if finish.reached(iteration, kernel):
            break
    if on_iterations and reported < settings.iterations:
        on_iterations((settings.iterations - reported) * len(lanes))
    return np.asarray(finish.kernels(kernel).cpu().numpy(), np.float32)


def generator_gradients(
    generator: Sequence[Tensor],
    kernel: Tensor,
    critic: disc.Weights,
    norms: disc.Norms,
    batch: CropBatch,
    weights: GeneratorWeights,
    mask: Tensor,
    dtype: torch.dtype | None = None,
) -> Tensor:
    """Set the generator's gradients; return the bicubic loss [L], unweighted.

    The loss is adversarial * mean |D(fake) - 1| + bicubic * mean (fake - target)^2 + the kernel's
    penalties.

    Args:
        generator: Six weights [L, out, in, k, k] that require gradients.
        kernel: [L, 13, 13], composed from them under autograd.
        critic: The discriminator.
        norms: Its spectral norms, one group.
        batch: The iteration's inputs.
        weights: The loss terms' weights.
        mask: [13, 13], the boundary term's.
        dtype: Of the discriminator's products; the weights' by default.
    """
    fake = downscale(kernel, batch)
    trace = disc.forward(critic, norms, fake[:, None], dtype)
    adversarial = weights.adversarial(kernel)[:, None, None] / trace.scores.shape[-1]
    at_scores = (trace.scores - 1).sign() * adversarial
    error = fake - batch.target
    at_fake = disc.input_gradient(critic, trace, norms, at_scores)[:, 0]
    pixels = error[0].numel()
    at_fake += error * (2 / pixels * weights.bicubic[:, None, None, None])
    at_kernel = gen.kernel_gradient(batch.rows, at_fake.flatten(1, 2))
    penalty = gen.penalties(kernel, weights.centre, weights.sparse, mask)
    grads = torch.autograd.grad([penalty.sum(), kernel], generator, [None, at_kernel])
    for weight, grad in zip(generator, grads, strict=True):
        weight.grad = grad
    return error.square().mean((1, 2, 3))


def discriminator_gradients(
    kernel: Tensor,
    critic: disc.Weights,
    norms: disc.Norms,
    batch: CropBatch,
    dtype: torch.dtype | None = None,
) -> None:
    """Set the discriminator's gradients of (mean |D(real) - 1| + mean |D(fake)|) / 2.

    Args:
        kernel: [L, 13, 13], the generator's after its step.
        critic: The discriminator.
        norms: Its spectral norms, the real crops' group and the fake ones'.
        batch: The iteration's inputs.
        dtype: Of the products; the weights' by default.
    """
    fake = downscale(kernel, batch) + batch.fake_noise
    trace = disc.forward(critic, norms, torch.stack([batch.real, fake], dim=1), dtype)
    labels = trace.scores.new_tensor([1.0, 0.0])[:, None]
    at_scores = (trace.scores - labels).sign() / (2 * trace.scores.shape[-1])
    grads = disc.weight_gradients(critic, trace, norms, at_scores)
    for weight, grad in zip(critic.tensors(), grads.tensors(), strict=True):
        weight.grad = grad


def downscale(kernel: Tensor, batch: CropBatch) -> Tensor:
    """Return the generator's output [L, 3, d, d] for the batch's crops."""
    lanes, _, row = batch.rows.shape
    out = batch.rows @ gen.band(kernel.detach(), row // kernel.shape[1])
    return out.view(lanes, 3, -1, out.shape[-1])


def _adam(weights: list[Tensor]) -> torch.optim.Adam:
    """Return Adam as published; lanes share nothing in it, as if each had its own."""
    return torch.optim.Adam(weights, betas=(0.5, 0.999), fused=True)


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
