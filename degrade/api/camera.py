"""A camera's whole processor, as found from its photos, and photos that it would take."""

from dataclasses import dataclass
from typing import Any

from degrade import arguments
from degrade.arrays import F64, U8, Image
from degrade.camera.camera_samples import CameraSamples, taken_tile
from degrade.errors import SettingsError
from degrade.images.colour import to_uint8
from degrade.randomness import stream

LARGEST_SCALE = 8


@dataclass(frozen=True, eq=False)
class Camera:
    """The cameras that may have taken a folder's photos, each as likely as another.

    A parameter that the photos identify is nearly the same in all of them, one that they do not is
    spread over its range.

    Attributes:
        parameters: 5th, 50th and 95th percentile of each parameter over the cameras; the page on
            cameras says what they mean.
        misfit: How far the cameras' photos stay from the photos; up to 1 is what other scenes
            explain.
        explained: Whether that is little enough to use the cameras.
        photos: How many photos were looked at.
        compression: How their files are compressed, in words.
        refused: Photos that were not looked at, and why.
        bank: The cameras themselves, for `photograph`.
    """

    parameters: dict[str, tuple[float, float, float]]
    misfit: float
    explained: bool
    photos: int
    compression: str
    refused: dict[str, str]
    bank: CameraSamples

    @property
    def values(self) -> F64:
        """[N, P]: the cameras, a column for each of ``parameters``."""
        return self.bank.cameras.values


def photograph(hr: Image, camera: Camera, scale: int, *, seed: int = 0) -> U8:
    """Return a photo of a picture by one of the cameras that may have taken the photos.

    Through its lens, mosaic, noise, demosaicing, denoising, tones, sharpening and JPEG. Beyond its
    edges the picture is taken to be mirrored.

    Args:
        hr: [H, W, 3] RGB, a clean picture; uint8, or float32 in [0, 1]; H and W multiples of
            ``scale``. Some 0.6 kB of memory are taken for each pixel of a square photo.
        camera: What `estimate_camera` returned.
        scale: HR pixels per photo pixel, 1 to 8.
        seed: Of the camera and all else that differs from photo to photo.

    Returns:
        [H/scale, W/scale, 3] uint8.

    Raises:
        SettingsError: An argument is not acceptable (a `ValueError`).
    """
    image = arguments.image(hr, "hr")
    step = arguments.whole(scale, "scale", 1, LARGEST_SCALE)
    arguments.multiples(image, "hr", step)
    key = arguments.whole(seed, "seed", 0)
    bank, (height, width) = _bank(camera), image.shape[:2]
    square = max(height, width)
    _, photo = taken_tile(to_uint8(image), (0, 0), square, step, bank, stream(key, "photograph"))
    return photo[: height // step, : width // step].copy()


def _bank(camera: Any) -> CameraSamples:
    if not isinstance(camera, Camera):
        raise SettingsError(
            f"camera is {type(camera).__name__}: give what degrade.estimate_camera returns"
        )
    return camera.bank
