"""The estimators that train KernelGAN: its kernel itself, or joined with the spectral estimate."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from degrade.arrays import Image
from degrade.kernels.estimator import Columns, Estimator, columns_of
from degrade.kernels.estimator_settings import KernelSettings

if TYPE_CHECKING:
    from degrade.kernels.acceptance import KernelEstimate

CROP_MAPS, PHOTO = 88, 3
"""Peak bytes per pixel of the crop maps of one photo, and of each photo that waits beside it."""


def _train(
    photos: Sequence[Image],
    keys: Sequence[str],
    settings: KernelSettings,
    device: str,
    on_iterations: Callable[[int], None],
) -> "list[KernelEstimate]":
    from degrade.kernels.kernelgan import estimate_kernels

    return estimate_kernels(photos, keys, settings, device, on_iterations)


def _resolve(settings: KernelSettings, device: str, sharing: int) -> KernelSettings:
    import torch

    from degrade.kernels.kernelgan import resolve

    return resolve(settings, torch.device(device), sharing)


def _can_give(photo: Image, settings: KernelSettings) -> bool:
    from degrade.kernels import spectral
    from degrade.kernels.acceptance import unusable

    spectral.estimate(photo)  # the spectrum that it is checked by takes time, too
    return unusable(photo, settings) is None


def _scored_by_spectrum(
    photos: Sequence[Image],
    trained: "Sequence[KernelEstimate]",
    keys: Sequence[str],
    settings: KernelSettings,
) -> Columns:
    """Judge trained kernels by the photos' spectra; photos too small for one go unwitnessed."""
    from degrade.kernels import spectral
    from degrade.kernels.combined import scored_by_spectrum

    restarts = settings.restarts
    spectra = [one for photo in photos for one in [spectral.estimate(photo)] * restarts]
    small = [min(photo.shape[:2]) < spectral.MIN_SIDE for photo in photos for _ in range(restarts)]
    judged = [
        one if alone else scored_by_spectrum(one, spectrum, settings.scale)
        for one, spectrum, alone in zip(trained, spectra, small, strict=True)
    ]
    return columns_of(np.repeat(np.arange(len(photos)), restarts), judged)


def _joined(
    photos: Sequence[Image],
    trained: "Sequence[KernelEstimate]",
    keys: Sequence[str],
    settings: KernelSettings,
) -> Columns:
    """Join trained kernels with what the photos' spectra say."""
    from degrade.kernels import spectral
    from degrade.kernels.combined import combine

    restarts = settings.restarts
    spectra = [one for photo in photos for one in [spectral.estimate(photo)] * restarts]
    judged = [
        combine(one, spectrum, settings.scale)
        for one, spectrum in zip(trained, spectra, strict=True)
    ]
    return columns_of(np.repeat(np.arange(len(photos)), restarts), judged)


KERNELGAN = Estimator(
    name="kernelgan",
    settings=KernelSettings,
    photos_per_task=lambda settings: settings.photos_per_batch,
    min_side=lambda settings: settings.min_side,
    bytes_per_pixel=lambda settings: CROP_MAPS + PHOTO * (settings.photos_per_batch - 1),
    can_give=_can_give,
    rows=_scored_by_spectrum,
    train=_train,
    resolve=_resolve,
    estimates_per_photo=lambda settings: settings.restarts,
)
COMBINED = replace(KERNELGAN, name="combined", rows=_joined)
