"""What to do with images that are not plain 8-bit RGB."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from degrade.images.keep import Keep
from degrade.images.outliers import MAX_CLIPPED, MAX_FLAT

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


KEEP = f"flat <= {MAX_FLAT} and clipped <= {MAX_CLIPPED}"
"""Neither drawings and text nor what is mostly black or white: no stage can learn from them."""


class Selection(BaseModel):
    """Which of the photos that can be decoded are used."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    near_duplicates: NearDuplicates = Field(
        default="keep",
        description="photos that show the same (bursts, saved again, resized, cropped a little): "
        "kept, all on one side of the split; the largest one of each group kept; or all refused",
    )
    keep: str = Field(
        default=KEEP,
        description="limits on the scores of real photos, such as 'sharpness > 0.3 and clipped < "
        "0.2'; those beyond are left out of every stage; empty keeps all",
    )
    keep_target: str = Field(default="", description="the same for clean photos")

    @field_validator("keep", "keep_target")
    @classmethod
    def _is_read(cls, text: str) -> str:
        return str(Keep.of(text))


class CheckPolicy(Selection, DecodePolicy):
    """What to do with images that are not plain 8-bit RGB, and which photos are used."""

    def decoding(self) -> DecodePolicy:
        """Return what is to be done with images that are not plain 8-bit RGB."""
        return DecodePolicy(**self.model_dump(include=set(DecodePolicy.model_fields)))

    def selection(self) -> Selection:
        """Return which photos are used."""
        return Selection(**self.model_dump(include=set(Selection.model_fields)))


DEFAULT_POLICY = DecodePolicy()
