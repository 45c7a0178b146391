"""A lens as measured on its photos, and the LR that it makes of a picture."""

from dataclasses import dataclass

from degrade import arguments
from degrade.api.texts import in_arguments
from degrade.arrays import F32, F64, Image
from degrade.kernels.lens import Lens, degrade_by_lens


@dataclass(frozen=True, eq=False)
class MeasuredLens(Lens):
    """What a lens does by place and by colour, as far as its photos say so.

    Attributes:
        radii: [n] ascending, where kernels are known: 0 is the middle of the image, 1 its corner.
        weights: [n, 3, K, K] correlation kernels of R, G and B that sum to 1; all alike where
            neither place nor colour makes a difference that is believed.
        shift: [2], how far red and blue lie outwards of green at the corner, LR pixels; 0 where
            that is not believed.
        sigma: [n, 3], the kernels' widths in photo pixels.
        scale: HR pixels per LR pixel.
        by_place: Whether kernels differ by place.
        by_colour: Whether they differ by colour.
        photos: How many photos told.
        refused: Photos that were left out, and why.
    """

    sigma: F64
    scale: int
    by_place: bool
    by_colour: bool
    photos: int
    refused: dict[str, str]

    def degrade(self, hr: Image) -> F32:
        """Return the LR image that the lens makes of a whole picture, without noise.

        Args:
            hr: [H, W, 3] RGB; uint8, or float32 in [0, 1]; H and W multiples of ``scale``.

        Returns:
            [H/scale, W/scale, 3] float32 in [0, 1], not rounded.

        Raises:
            SettingsError: The picture is not acceptable (a `ValueError`).
        """
        image = arguments.image(hr, "hr")
        arguments.multiples(image, "hr", self.scale)
        with in_arguments():
            return degrade_by_lens(image, self, self.scale)
