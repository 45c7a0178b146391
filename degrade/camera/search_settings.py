"""Settings of finding a camera from its photos."""

from typing import Any

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
)

FEWEST_PHOTOS = 5
"""Fewest photos to search with: fewer show more of their scenes than of their camera."""


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
    only: str | None = Field(
        default=None,
        min_length=1,
        description="of photos of several cameras those of one, by the name that estimate-kernels "
        "and check print, or those of a subfolder; left out: those of the most photos",
    )

    @model_serializer(mode="wrap")
    def _omit_default_only(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave it unnamed, as in stores that were made before photos were grouped by camera."""
        fields: dict[str, Any] = dump(self)
        return {k: v for k, v in fields.items() if k != "only" or v is not None}
