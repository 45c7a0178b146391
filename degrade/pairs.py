"""HR/LR pairs from one photo: clean-up, degradation, and the grid of tiles cut from both."""

from typing import Any, Literal

import numpy as np
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)

from degrade.arrays import U8, Image
from degrade.degradation import to_uint8
from degrade.images.resize import reduced_strips
from degrade.images.windows import crop_to_multiple, window_starts
from degrade.noise.model_names import DEFAULT_NOISE, MEANINGS, NoiseName


class PairSettings(BaseModel):
    """How photos become HR/LR pairs."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    scale: int = Field(default=4, ge=1, le=8, description="HR size over LR size")
    tile: int = Field(default=256, ge=16, description="side of an HR tile, pixels")
    cleanup: int = Field(
        default=2,
        ge=1,
        le=8,
        description="bicubic reduction of source photos before they serve as HR; 1 = none",
    )
    kernels: Literal["estimated", "bicubic", "lens"] = Field(
        default="estimated",
        description="blur that makes LR from HR; lens: by place and colour, as estimate-lens "
        "measured it",
    )
    degradation: Literal["linear", "camera"] = Field(
        default="linear",
        description="what makes LR of HR: linear: a kernel, sampling, and noise that is added "
        "(RealSR); camera: a whole image processor, as estimate-camera found it",
    )
    kernel_jitter: bool = Field(
        default=False,
        description="draw each photo's kernel from what its estimate leaves open instead of taking "
        "the likeliest one (kernels of the spectral estimator)",
    )
    use_target: bool = Field(
        default=True, description="use the clean target photos that the store knows, too"
    )
    bake_noise: bool = Field(default=False, description="write mined noise into the stored LR")
    noise_model: NoiseName = Field(default=DEFAULT_NOISE, description=f"baked noise: {MEANINGS}")
    valid: float = Field(
        default=0.1, ge=0, lt=1, description="share of the photos kept for validation"
    )
    seed: int = Field(default=0, ge=0, description="seed of the kernel, noise and split draws")

    @model_serializer(mode="wrap")
    def _omit_default_degradation(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave the published way unnamed, as in stores that were made before there was another."""
        fields: dict[str, Any] = dump(self)
        unnamed = {"degradation": "linear", "kernel_jitter": False}
        return {k: v for k, v in fields.items() if k not in unnamed or v != unnamed[k]}

    @model_validator(mode="before")
    @classmethod
    def _default_tile(cls, data: Any) -> Any:
        """Let the default at x3 be the next smaller multiple."""
        scale = data.get("scale", 4) if isinstance(data, dict) else None
        if not isinstance(scale, int) or scale < 1 or "tile" in data:
            return data
        return {**data, "tile": 256 - 256 % scale}

    @model_validator(mode="after")
    def _noise_is_the_camera_s(self) -> "PairSettings":
        if self.degradation == "camera" and self.bake_noise:
            raise ValueError("a camera's LR has its noise already: leave bake_noise out")
        return self

    @model_validator(mode="after")
    def _only_estimates_jitter(self) -> "PairSettings":
        if self.kernel_jitter and (self.degradation, self.kernels) != ("linear", "estimated"):
            raise ValueError(
                "kernel_jitter needs degradation linear and kernels estimated: leave it out, or "
                "the other settings"
            )
        return self

    @model_validator(mode="after")
    def _cameras_have_a_lens(self) -> "PairSettings":
        if self.kernels == "lens" and self.degradation == "camera":
            raise ValueError(
                "kernels lens needs degradation linear, for a camera has a lens of its own: leave "
                "one of them out"
            )
        return self

    @model_validator(mode="after")
    def _tile_divides(self) -> "PairSettings":
        if self.noise_model != DEFAULT_NOISE and not self.bake_noise:
            raise ValueError(
                f"noise_model {self.noise_model} needs bake_noise here; for training, set "
                "noise_model in its settings (--set noise_model=...)"
            )
        if self.tile % self.scale:
            smaller = self.tile - self.tile % self.scale
            raise ValueError(
                f"tile {self.tile} is no multiple of scale {self.scale}; {smaller} would be one"
            )
        return self


def hr_size(height: int, width: int, cleanup: int, scale: int) -> tuple[int, int]:
    """Return the size of the HR image that `make_hr` makes of a photo."""
    small = (-(-height // cleanup), -(-width // cleanup))
    return small[0] - small[0] % scale, small[1] - small[1] % scale


def make_hr(photo: Image, cleanup: int, scale: int) -> U8:
    """Turn a photo into an HR image (RealSR, section 3.2: downsampling removes noise and blur).

    Args:
        photo: [H, W, 3].
        cleanup: Bicubic reduction; 1 leaves the photo as it is.
        scale: The HR image is cropped at the bottom and right to a multiple of it.

    Returns:
        HR [h, w, 3] with h and w as `hr_size` says.
    """
    strips = [photo] if cleanup == 1 else reduced_strips(photo, cleanup)
    small = np.concatenate([to_uint8(strip) for strip in strips])
    return np.ascontiguousarray(crop_to_multiple(small, scale))


def tile_grid(height: int, width: int, tile: int) -> list[tuple[int, int]]:
    """Return (row, col) of the HR tiles: side by side, and flush with the bottom and right edge."""
    rows, cols = (window_starts(length, tile, tile) for length in (height, width))
    return [(row, col) for row in rows for col in cols]
