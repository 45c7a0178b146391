"""How settings and commands say by what photos of several cameras are grouped."""

from typing import Any, Literal

from pydantic import BaseModel, SerializerFunctionWrapHandler, model_serializer

GroupBy = Literal["auto", "exif", "folder", "estimates", "none"]
BY = (
    "exif: make, model, lens and focal length; folder: each subfolder is of one; estimates: "
    "clusters in the blurs; none: all are of one"
)
"""What each means, but for ``auto``."""


class GroupedSettings(BaseModel):
    """Settings of a stage that works on photos camera by camera."""

    @model_serializer(mode="wrap")
    def _omit_default_group(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave the default unnamed, as in stores that were made before there was a choice."""
        fields: dict[str, Any] = dump(self)
        return {k: v for k, v in fields.items() if k != "group" or v != "auto"}
