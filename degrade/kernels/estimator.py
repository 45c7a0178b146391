"""What a kernel estimator is: all that the stage, recipes and plans know of it.

An estimator is described once, by an `Estimator` in a file of its own in
`degrade.kernels.estimators`, and listed once, in `degrade.kernels.estimator_table`. What is heavy
to load is imported by the described functions.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from degrade.arrays import F32, I64, Image

if TYPE_CHECKING:
    from degrade.kernels.acceptance import KernelEstimate
    from degrade.kernels.estimator_settings import EstimatorSettings
    from degrade.kernels.spectral import Blur

Columns = dict[str, npt.NDArray[np.generic]]
Join = Callable[
    [Columns, Iterator[F32], Any, Sequence[I64]],
    tuple[Columns, Iterator[F32]],
]
Train = Callable[[Sequence[Image], Sequence[str], Any, str, Callable[[int], None]], Any]
"""Takes photos, their hashes, settings, a device and a callback that gets the iterations done;
returns what `Estimator.rows` takes."""


class EstimatorMeasure(Protocol):
    """What an estimator wants of each decoded photo by itself; its ``repr`` says which."""

    def scratch_bytes(self, height: int, width: int) -> int | None:
        """Return the bytes of scratch that a photo's result takes; None if it is not wanted."""

    def __call__(self, pixels: Image) -> Columns:
        """Return the result for [H, W, 3] pixels."""


def _measures_nothing(settings: Any) -> EstimatorMeasure | None:
    return None


def _as_asked(settings: Any, device: str, sharing: int) -> Any:
    return settings


def _one(settings: Any) -> int:
    return 1


def _as_estimated(
    columns: Columns, weights: Iterator[F32], settings: Any, groups: Sequence[I64]
) -> tuple[Columns, Iterator[F32]]:
    return columns, weights


def _none(columns: Columns) -> "Mapping[int, Blur]":
    return {}


@dataclass(frozen=True)
class Estimator:
    """One way to a photo's blur kernel.

    Attributes:
        name: The value of its settings' ``estimator``.
        settings: The model of its settings.
        photos_per_task: Photos that are worked on together.
        min_side: Shortest side in pixels of a photo that it can use.
        bytes_per_pixel: Peak memory for each pixel of a task's largest photo, decoding included.
        can_give: Whether a photo [H, W, 3] can give a kernel, short of estimating it.
        rows: Takes what was measured or, without ``measure``, the photos; what ``train`` made of
            them, else None; their hashes; the settings. Returns the columns of the estimates, each
            with the index of its photo among these as ``photo``: weights [n, S, S], seed, score,
            accepted, reason, and what ``join`` needs.
        measure: What it wants of each decoded photo; None reads whole photos.
        train: Computes on a device; None where there is nothing to train.
        resolve: Fills in, on the device, the settings that follow from it and how many share it.
        estimates_per_photo: Rows of one photo.
        blurs: The blurs that cameras can be clustered by, of rows that have one; takes all columns
            but the weights.
        join: Lets the photos of each camera inform each other: takes all columns but the weights,
            these some at a time, the settings, and each camera's rows.
    """

    name: str
    settings: "type[EstimatorSettings]"
    photos_per_task: Callable[[Any], int]
    min_side: Callable[[Any], int]
    bytes_per_pixel: Callable[[Any], int]
    can_give: Callable[[Image, Any], bool]
    rows: Callable[[Sequence[Any], Any, Sequence[str], Any], Columns]
    measure: Callable[[Any], EstimatorMeasure | None] = _measures_nothing
    train: Train | None = None
    resolve: Callable[[Any, str, int], Any] = _as_asked
    estimates_per_photo: Callable[[Any], int] = _one
    blurs: "Callable[[Columns], Mapping[int, Blur]]" = _none
    join: Join = _as_estimated


def columns_of(
    photo: Sequence[int] | npt.NDArray[np.integer[Any]], estimates: "Sequence[KernelEstimate]"
) -> Columns:
    """Return the columns that `Estimator.rows` returns for estimates of photos."""
    return {
        "photo": np.asarray(photo),
        "weights": np.stack([estimate.weights for estimate in estimates]),
        "seed": np.array([estimate.seed for estimate in estimates], np.int64),
        "score": np.array([estimate.score for estimate in estimates], np.float32),
        "accepted": np.array([estimate.accepted for estimate in estimates]),
        "reason": np.array([estimate.reason for estimate in estimates]),
    }
