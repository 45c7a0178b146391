"""What to do with images that are not plain 8-bit RGB."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

NearDuplicates = Literal["keep", "one", "refuse"]


class DecodePolicy(BaseModel):
    """What to do with images that are not plain 8-bit RGB."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    gray: Literal["expand", "refuse"] = "expand"
    """Gray images: three equal channels, or refused."""
    alpha: Literal["refuse", "white", "black"] = "refuse"
    """Images that are transparent somewhere: refused, or composed on white or black."""
    sixteen_bit: Literal["keep", "reduce", "refuse"] = "keep"
    """More than 8 bits a channel: kept as float32, reduced to 8 bits, or refused."""
    cmyk: Literal["refuse", "convert"] = "refuse"
    """CMYK: refused, or converted through its ICC profile (without one, by plain inversion)."""
    max_pixels: int = Field(default=200_000_000, gt=0)
    """Largest height times width that is decoded, against decompression bombs."""


class ScanPolicy(DecodePolicy):
    """What to do with images that are not plain 8-bit RGB, and with near duplicates."""

    near_duplicates: NearDuplicates = Field(
        default="keep",
        description="photos that show the same (bursts, saved again, resized, cropped a little): "
        "kept, all on one side of the split; the largest one of each group kept; or all refused",
    )

    def decoding(self) -> DecodePolicy:
        """Return what is to be done with images that are not plain 8-bit RGB."""
        return DecodePolicy(**self.model_dump(exclude={"near_duplicates"}))


DEFAULT_POLICY = DecodePolicy()
