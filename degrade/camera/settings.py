"""Settings of finding a camera from its photos."""

from pydantic import BaseModel, ConfigDict, Field

FEWEST_PHOTOS = 5
"""Fewer say more of their scenes than of their camera."""


class CameraSettings(BaseModel):
    """How cameras are searched for."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    scale: int = Field(
        default=2, ge=1, le=8, description="size of simulated photos' scenes over the photos"
    )
    jpeg: int | None = Field(
        default=None,
        ge=1,
        le=100,
        description="quality that photos which are no JPEG files were compressed at; left out: as "
        "traces in their pixels show, or none",
    )
    seed: int = Field(default=0, ge=0, description="seed of places, noise and the search")
