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
    from degrade.kernels.spectral import Blur, SpectralEstimate

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
    """Judge trained kernels by the photos' spectra; too small photos keep their own score."""
    from degrade.kernels import spectral
    from degrade.kernels.combined import scored_by_spectrum

    restarts = settings.restarts
    spectra = _spectra(photos, restarts)
    small = [min(photo.shape[:2]) < spectral.MIN_SIDE for photo in photos for _ in range(restarts)]
    judged = [
        one if alone else scored_by_spectrum(one, spectrum, settings.scale)
        for one, spectrum, alone in zip(trained, spectra, small, strict=True)
    ]
    return {**columns_of(np.repeat(np.arange(len(photos)), restarts), judged), **_blurs_of(spectra)}


def _joined(
    photos: Sequence[Image],
    trained: "Sequence[KernelEstimate]",
    keys: Sequence[str],
    settings: KernelSettings,
) -> Columns:
    """Join trained kernels with what the photos' spectra say."""
    from degrade.kernels.combined import combine

    restarts = settings.restarts
    spectra = _spectra(photos, restarts)
    judged = [
        combine(one, spectrum, settings.scale)
        for one, spectrum in zip(trained, spectra, strict=True)
    ]
    return {**columns_of(np.repeat(np.arange(len(photos)), restarts), judged), **_blurs_of(spectra)}


def _spectra(photos: Sequence[Image], restarts: int) -> "list[SpectralEstimate | str]":
    """Return what each photo's spectrum says, or why it says nothing, once for each estimate."""
    from degrade.kernels import spectral

    return [one for photo in photos for one in [spectral.estimate(photo)] * restarts]


def _blurs_of(spectra: "Sequence[SpectralEstimate | str]") -> Columns:
    """Return the blurs that spectra are sure of, and their variances, [n, 4]; else NaN."""
    from degrade.kernels.expected_error import MIN_SCORE, as_score, expected_error

    found = np.full((2, len(spectra), 4), np.nan)
    for row, one in enumerate(spectra):
        if not isinstance(one, str) and as_score(expected_error(one)) >= MIN_SCORE:
            found[:, row] = one.blur.values, one.blur.variance
    return {"blur": found[0], "variance": found[1]}


def _blurs(columns: Columns) -> "dict[int, Blur]":
    """Return the blurs of spectra: trained kernels scatter too much to tell cameras apart."""
    from degrade.kernels.spectral import Blur

    rows = np.flatnonzero(~np.isnan(np.asarray(columns["blur"], float)).any(axis=1)).tolist()
    return {row: Blur(columns["blur"][row], columns["variance"][row]) for row in rows}


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
    blurs=_blurs,
)
COMBINED = replace(KERNELGAN, name="combined", rows=_joined)
