"""The spectral estimator: each photo's blur by its spectrum, then what a folder's photos share."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from degrade.arrays import F32, I64, Bool, Image
from degrade.kernels.estimator import Columns, Estimator, columns_of
from degrade.kernels.estimator_settings import SpectralSettings
from degrade.store.schema import KERNEL_POSTERIOR

if TYPE_CHECKING:
    from degrade.kernels.spectral import Blur

PHOTOS_PER_TASK = 16
BYTES_PER_PIXEL = 21
KERNELS_AT_A_TIME = 1024


@dataclass(frozen=True)
class SpectralMeasure:
    """One photo's blur by its spectrum, which needs no settings."""

    def scratch_bytes(self, height: int, width: int) -> int | None:
        """As `EstimatorMeasure`: the stage saves the result."""
        return 0

    def __call__(self, pixels: Image) -> Columns:
        """Return the blur [4] and its variances [4], a score, and a reason where it has none."""
        from degrade.kernels import spectral
        from degrade.kernels.expected_error import as_score, expected_error

        fit = spectral.estimate(pixels)
        if isinstance(fit, str):
            blur = variance = np.full(4, np.nan)
            score, reason = 0.0, fit
        else:
            blur, variance = fit.blur.values, fit.blur.variance
            score, reason = as_score(expected_error(fit)), ""
        return {
            "blur": blur,
            "variance": variance,
            "score": np.array(score),
            "reason": np.array(reason),
        }


def _measure(settings: SpectralSettings) -> SpectralMeasure:
    return SpectralMeasure()


def _min_side(settings: SpectralSettings) -> int:
    from degrade.kernels.spectral import MIN_SIDE

    return MIN_SIDE


def _can_give(photo: Image, settings: SpectralSettings) -> bool:
    from degrade.kernels import spectral
    from degrade.kernels.expected_error import MIN_SCORE, as_score, expected_error

    found = spectral.estimate(photo)
    return not isinstance(found, str) and as_score(expected_error(found)) >= MIN_SCORE


def _rows(
    found: Sequence[Columns], trained: None, keys: Sequence[str], settings: SpectralSettings
) -> Columns:
    from degrade.kernels.acceptance import KernelEstimate

    empty = np.zeros((0, 0), np.float32)  # made when all photos' blurs are known
    estimates = [
        KernelEstimate(empty, key, 0, float(fit["score"]), not reason, reason)
        for key, fit in zip(keys, found, strict=True)
        for reason in [str(fit["reason"])]
    ]
    extra = {name: np.stack([fit[name] for fit in found]) for name in ("blur", "variance")}
    return {**columns_of(range(len(found)), estimates), **extra}


def _blurs(columns: Columns) -> "dict[int, Blur]":
    """Return the blurs of rows that were accepted and whose score is no guess's."""
    from degrade.kernels.spectral import Blur

    rows = np.flatnonzero(_sure(columns)).tolist()
    return {row: Blur(columns["blur"][row], columns["variance"][row]) for row in rows}


def _sure(columns: Columns) -> Bool:
    from degrade.kernels.expected_error import MIN_SCORE

    confident = np.asarray(columns["score"], float) >= MIN_SCORE
    return np.asarray(columns["accepted"], bool) & confident


def _pooled(
    columns: Columns, weights: Iterator[F32], settings: SpectralSettings, groups: Sequence[I64]
) -> tuple[Columns, Iterator[F32]]:
    """Let each camera's photos inform each other; return the columns, and the kernels [n, S, S]."""
    from degrade.kernels.expected_error import UNSURE
    from degrade.kernels.pooling import pool, single
    from degrade.kernels.spectral import Blur
    from degrade.kernels.uncertainty import deviation

    sure, blurs = _sure(columns), _blurs(columns)
    alone = dict(blurs)
    pooling: dict[str, Callable[[list[Blur]], list[Blur]]]
    pooling = {"none": list, "shrink": pool, "single": single}
    share = pooling[settings.pool]
    for group in groups:
        rows = [row for row in group.tolist() if row in blurs]
        if rows:
            blurs |= zip(rows, share([blurs[row] for row in rows]), strict=True)
    reason = np.where(np.asarray(columns["accepted"], bool) & ~sure, UNSURE, columns["reason"])
    kernels = _kernels(blurs, len(sure), settings.scale)
    posterior = {name: np.zeros((len(sure), 4)) for name in KERNEL_POSTERIOR}
    for row, blur in blurs.items():
        posterior["blur"][row] = blur.values
        posterior["blur_deviation"][row] = deviation(blur, pooled=blur is not alone[row])
        posterior["photo_blur"][row] = alone[row].values
        posterior["photo_blur_variance"][row] = alone[row].variance
    return {**columns, **posterior, "accepted": sure, "reason": reason}, kernels


def _kernels(blurs: "Mapping[int, Blur]", total: int, scale: int) -> Iterator[F32]:
    """Yield the kernels of rows, some at a time; zeros where there is no blur."""
    from degrade.kernels.shape import canvas_size

    side = canvas_size(scale)
    for start in range(0, total, KERNELS_AT_A_TIME):
        kernels = np.zeros((min(KERNELS_AT_A_TIME, total - start), side, side), np.float32)
        for index in range(len(kernels)):
            if start + index in blurs:
                kernels[index] = blurs[start + index].kernel(scale)
        yield kernels


SPECTRAL = Estimator(
    name="spectral",
    settings=SpectralSettings,
    photos_per_task=lambda settings: PHOTOS_PER_TASK,
    min_side=_min_side,
    bytes_per_pixel=lambda settings: BYTES_PER_PIXEL,
    can_give=_can_give,
    rows=_rows,
    measure=_measure,
    blurs=_blurs,
    join=_pooled,
)
