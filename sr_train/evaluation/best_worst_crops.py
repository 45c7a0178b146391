"""The crops where a network does best and worst beside bicubic, as one picture."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from degrade.arrays import F64, U8
from degrade.errors import SettingsError
from degrade.images.colour import y_channel
from degrade.images.write import write_png

SIDE = 64
"""HR pixels of a crop."""
ENLARGED = 4
"""Times that a crop is shown larger, by repeating pixels."""
GAP, LINE = 8, 18
"""Pixels between crops, and above them for what they are."""


@dataclass(frozen=True)
class UpscaledVersions:
    """One picture upscaled in several ways."""

    name: str
    bicubic: U8
    """[H, W, 3], as all that follow."""
    networks: Mapping[str, U8]
    hr: U8


@dataclass
class BestAndWorst:
    """Keeps the crops with the best and the worst result of all pictures that it is shown.

    Judged by the mean squared error of Y of the first network less that of bicubic, over crops of
    64x64 pixels, every 16 pixels.
    """

    best: "Crop | None" = None
    worst: "Crop | None" = None
    labels: list[str] = field(default_factory=list)

    def watch(self, shown: UpscaledVersions) -> None:
        """Look at one more picture."""
        if min(shown.hr.shape[:2]) < SIDE:
            return
        self.labels = ["bicubic", *shown.networks, "HR"]
        gain = _gain(shown)
        least = Crop.of(shown, gain, int(gain.argmin()))
        most = Crop.of(shown, gain, int(gain.argmax()))
        if self.worst is None or least.gain < self.worst.gain:
            self.worst = least
        if self.best is None or most.gain > self.best.gain:
            self.best = most

    def save(self, path: Path) -> None:
        """Write the picture: the best crop above the worst one; by bicubic, each network, and HR.

        Raises:
            SettingsError: No picture was as large as a crop.
        """
        if self.best is None or self.worst is None:
            raise SettingsError(
                f"{path}: no HR has {SIDE} rows and columns, so there is no crop to show: leave "
                "--picture out"
            )
        write_png(path, _sheet({"best": self.best, "worst": self.worst}, self.labels))


@dataclass(frozen=True)
class Crop:
    """The same place in all versions of a picture."""

    name: str
    row: int
    column: int
    gain: float
    """Squared levels of Y by which the network is nearer to HR than bicubic."""
    versions: list[U8]

    @classmethod
    def of(cls, shown: UpscaledVersions, gain: F64, place: int) -> "Crop":
        """Cut out the crop whose gain stands at a place of the flattened map."""
        row, column = (STEP * int(at) for at in np.unravel_index(place, gain.shape))
        images = [shown.bicubic, *shown.networks.values(), shown.hr]
        cut = [image[row : row + SIDE, column : column + SIDE].copy() for image in images]
        return cls(shown.name, row, column, float(gain.flat[place]), cut)


STEP = 16
"""HR pixels from one crop to the next."""


def _gain(shown: UpscaledVersions) -> F64:
    """Return the gain of every crop, [rows, columns]."""
    first = next(iter(shown.networks.values()))
    planes = [y_channel(image) for image in (shown.bicubic, first, shown.hr)]
    difference = np.square(planes[0] - planes[2]) - np.square(planes[1] - planes[2])
    sums = cv2.integral(difference, sdepth=cv2.CV_64F)
    window = sums[SIDE:, SIDE:] - sums[:-SIDE, SIDE:] - sums[SIDE:, :-SIDE] + sums[:-SIDE, :-SIDE]
    means: F64 = np.asarray(window, np.float64)[::STEP, ::STEP] / SIDE**2
    return means


def _sheet(crops: Mapping[str, Crop], labels: list[str]) -> U8:
    cell = SIDE * ENLARGED
    width = len(labels) * (cell + GAP) + GAP
    height = len(crops) * (cell + 2 * LINE + GAP) + GAP
    sheet = Image.new("RGB", (width, height), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default()
    top = GAP
    for kind, crop in crops.items():
        place = f"{crop.name}, row {crop.row}, column {crop.column}"
        draw.text((GAP, top), f"{kind}: {place}", "black", font)
        for number, (label, version) in enumerate(zip(labels, crop.versions, strict=True)):
            left = GAP + number * (cell + GAP)
            draw.text((left, top + LINE), _short(label), "black", font)
            large = version.repeat(ENLARGED, axis=0).repeat(ENLARGED, axis=1)
            sheet.paste(Image.fromarray(large), (left, top + 2 * LINE))
        top += cell + 2 * LINE + GAP
    return np.asarray(sheet)


def _short(label: str) -> str:
    """Return the end of a long path, which says more than its beginning."""
    return label if len(label) <= 36 else "…" + label[-35:]
