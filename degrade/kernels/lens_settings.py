"""Settings of measuring a lens, and what it needs."""

from pydantic import BaseModel, ConfigDict, Field

from degrade.scales import EstimatedScale

FEWEST_PHOTOS = 10
"""Fewest photos to measure a lens on: the tests compare photos' scatter with their mean."""


class LensSettings(BaseModel):
    """How a lens is measured."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    scale: EstimatedScale = Field(default=4, description="scale of the kernels")
    rings: int = Field(
        default=4,
        ge=2,
        le=6,
        description="rings of equal width, from the photo's middle to its corner, in which the "
        "blur is measured",
    )
    only: str | None = Field(
        default=None,
        min_length=1,
        description="of photos of several cameras those of one, by the name that estimate-kernels "
        "and check print, or those of a subfolder; left out: those of the most photos",
    )
