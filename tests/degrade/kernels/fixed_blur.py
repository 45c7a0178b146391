"""A toy estimator, as somebody might add one: the same Gaussian for all that is no flat photo."""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from pydantic import Field

from degrade.arrays import Image
from degrade.kernels.acceptance import KernelEstimate
from degrade.kernels.estimator import Columns, Estimator, columns_of
from degrade.kernels.estimator_settings import EstimatorSettings
from degrade.kernels.parametric import gaussian_kernel
from degrade.kernels.shape import canvas_size


class FixedSettings(EstimatorSettings):
    """Settings of an estimator that hardly looks."""

    estimator: Literal["fixed"] = Field("fixed", description="This estimator.")
    scale: Literal[2, 4] = Field(4, description="Scale of the kernel.")
    sigma: float = Field(1.5, gt=0, description="Of the kernel, HR pixels.")


def rows(
    photos: Sequence[Image], trained: None, keys: Sequence[str], settings: FixedSettings
) -> Columns:
    sigmas = (settings.sigma, settings.sigma)
    kernel = gaussian_kernel(sigmas, 0.0, canvas_size(settings.scale))
    estimates = [
        KernelEstimate(kernel, key, 0, 0.5, bool(np.std(photo)), "" if np.std(photo) else "is flat")
        for key, photo in zip(keys, photos, strict=True)
    ]
    return columns_of(range(len(photos)), estimates)


def can_give(photo: Image, settings: Any) -> bool:
    return bool(np.std(photo))


FIXED = Estimator(
    name="fixed",
    settings=FixedSettings,
    photos_per_task=lambda settings: 2,
    min_side=lambda settings: 16,
    bytes_per_pixel=lambda settings: 3,
    can_give=can_give,
    rows=rows,
)
