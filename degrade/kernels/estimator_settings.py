"""Settings of the kernel estimators."""

from typing import TYPE_CHECKING, Any, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from degrade.grouping_setting import BY, GroupBy, GroupedSettings
from degrade.scales import EstimatedScale, TrainedScale

KERNEL_SIDE = 13
"""Side of the kernel that KernelGAN's generator composes: 7, 5, 3, 1, 1, 1 taps
(Bell-Kligler et al., NeurIPS 2019)."""

DISCRIMINATOR_FIELD = 7
"""Receptive field of KernelGAN's discriminator, in LR pixels."""


class EstimatorSettings(GroupedSettings):
    """What the settings of every kernel estimator have; its own ``estimator`` names it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    if TYPE_CHECKING:
        estimator: Any
        scale: Any

    group: GroupBy = Field(
        "auto",
        description="What groups photos of several cameras, whose blurs are not pooled: "
        f"{BY}; auto: EXIF, and of photos without it subfolders that differ or, in one folder, "
        "clusters.",
    )

    @property
    def left_to_device(self) -> set[str]:
        """Names of settings that are filled in where the work runs."""
        return set()


class SpectralSettings(EstimatorSettings):
    """Settings of the spectral estimator, which draws nothing at random."""

    estimator: Literal["spectral"] = Field("spectral", description="This estimator.")
    scale: EstimatedScale = Field(4, description="Scale of the kernel.")
    pool: Literal["none", "shrink", "single"] = Field(
        "shrink",
        description="How the kernels of a folder are pooled: not at all; each is drawn towards "
        "the folder's as far as the photos do not really differ; or one kernel for all.",
    )


class KernelSettings(EstimatorSettings):
    """Settings of KernelGAN; the defaults are the published ones unless a description says not."""

    estimator: Literal["kernelgan", "combined"] = Field(
        "kernelgan",
        description="The trained kernel itself, or its mean with the spectral estimate, each "
        "weighted by its evidence.",
    )
    # KernelGAN itself trains kernels of x2, hence the default of who uses it alone. The command and
    # recipes always say a scale: where none is given, the command's is 4, as everywhere else.
    scale: TrainedScale = Field(
        2, description="Scale of the kernel; x4 is derived from x2 as published, k2 * dilate2(k2)."
    )
    iterations: int = Field(
        3000, ge=15, description="Training steps per photo; the schedules shrink in proportion."
    )
    restarts: int = Field(
        1, ge=1, le=64, description="Estimates per photo, with seeds seed + 0, 1, ..."
    )
    seed: int = Field(0, ge=0, description="Seed of the first restart of every photo.")
    lanes: int = Field(
        8,
        ge=1,
        description="Estimates trained side by side in one batch (photos times restarts); on a "
        "GPU, if left out, as many as half of its free memory holds.",
    )
    as_published: bool = Field(
        False,
        description="Train as the published code: compare with R+G+B instead of each "
        "channel, and let the discriminator pull at kernels that are still near zero.",
    )
    tolerance: float = Field(
        0.01,
        ge=0,
        le=1,
        description="In the second half of the run, an estimate whose kernel changed by less than "
        "this in L1 within a sixtieth of it is finished; 0 trains to the end, as published does.",
    )
    precision: Literal["auto", "float32", "bfloat16"] = Field(
        "auto",
        description="Numbers that the discriminator multiplies (sums, statistics and weights are "
        "always float32); auto is bfloat16 where the device has instructions for it and the run is "
        "not as published, else float32.",
    )
    crop: int = Field(
        64, ge=40, le=256, multiple_of=2, description="Side in pixels of the generator's crops."
    )
    shave: int = Field(
        10, ge=0, le=256, description="Pixels left out along each border of a photo."
    )
    learning_rate: float = Field(
        2e-4,
        gt=0,
        le=0.1,
        description="Adam's first rate; divided by 10 at each quarter of the run.",
    )

    kept_weights: int = Field(
        40,
        ge=1,
        le=KERNEL_SIDE**2 - 1,
        description="Largest weights certain to stay when small ones are removed from the finished "
        "kernel; more keep the flanks of wide kernels, fewer suit narrow ones.",
    )

    @model_validator(mode="after")
    def _lanes_hold_a_photo(self) -> Self:
        if self.lanes < self.restarts:
            raise ValueError(
                f"lanes = {self.lanes} cannot hold the {self.restarts} restarts of one photo; "
                f"set lanes to {self.restarts} or more"
            )
        return self

    @property
    def left_to_device(self) -> set[str]:
        """Names of settings that are filled in where the work runs."""
        precision = {"precision"} if self.precision == "auto" else set[str]()
        return precision | ({"lanes"} - self.model_fields_set)

    @property
    def downscaled_crop(self) -> int:
        """Side in LR pixels of the discriminator's crops: 26 for crops of 64."""
        return (self.crop - KERNEL_SIDE) // 2 + 1

    @property
    def min_side(self) -> int:
        """Shortest side in pixels of a photo that can be estimated: 86 by default."""
        return self.crop + 2 * self.shave + 2

    @property
    def photos_per_batch(self) -> int:
        """Photos whose estimates are trained side by side."""
        return self.lanes // self.restarts


def with_estimator(fields: dict[str, Any]) -> dict[str, Any]:
    """Return fields with the estimator they are for, if they do not say: the first is the default.

    A field that only another estimator has, such as KernelGAN's iterations, asks for that one; a
    seed alone does not.
    """
    from degrade.kernels.estimator_table import ESTIMATORS

    fitting = [
        one.name for one in ESTIMATORS if fields.keys() <= {*one.settings.model_fields, "seed"}
    ]
    return {"estimator": fitting[0] if fitting else "kernelgan", **fields}


def settings_model(fields: dict[str, Any]) -> type[EstimatorSettings]:
    """Return the model for fields that name their estimator."""
    from degrade.kernels.estimator_table import ESTIMATORS

    models = {one.name: one.settings for one in ESTIMATORS}
    return models.get(str(fields.get("estimator")), ESTIMATORS[0].settings)
