"""What describes a phone, in the order in which a picture passes through it."""

from dataclasses import dataclass
from typing import Literal

Pattern = Literal["RGGB", "GRBG", "GBRG", "BGGR"]
"""Colours of a cell of the mosaic: its first row, then its second."""
Demosaicing = Literal["bilinear", "variable gradients", "edge-aware", "malvar"]
Cleaning = Literal["none", "gaussian", "median", "bilateral", "non-local means"]
Subsampling = Literal["4:4:4", "4:2:2", "4:2:0"]
"""How the JPEG file's chroma is subsampled."""


@dataclass(frozen=True)
class Lens:
    """Blur on the HR grid, an oval per colour.

    Attributes:
        red: Standard deviations along the oval's two axes in HR pixels; a disc's radii.
        green: Likewise.
        blue: Likewise.
        angle: From the x axis to the first axis, radians, towards larger rows.
        shape: ``gaussian``, or ``disc`` for a lens that is out of focus.
    """

    red: tuple[float, float]
    green: tuple[float, float]
    blue: tuple[float, float]
    angle: float = 0.0
    shape: Literal["gaussian", "disc"] = "gaussian"


@dataclass(frozen=True)
class Sensor:
    """What turns light into a mosaic of numbers.

    Attributes:
        pattern: Colours of the mosaic.
        gains: White balance of red and blue; green's is 1.
        shot: Noise variance per unit of signal; the signal is 1 where a photosite is full.
        read: Noise variance without light.
        binning: Photosites per pixel and axis: 2 is a sensor of quads of one colour.
        density: Sensor pixels per output pixel and axis: above 1 the phone shrinks its picture,
            below 1 it enlarges it (digital zoom).
    """

    pattern: Pattern
    gains: tuple[float, float]
    shot: float
    read: float
    binning: int = 1
    density: float = 1.0


@dataclass(frozen=True)
class Cleaner:
    """Denoising of luma or of chroma.

    Attributes:
        kind: Which filter.
        reach: Standard deviation in pixels of ``gaussian`` and ``bilateral``; side of the window
            (3 or 5) of ``median``; side of the patches (odd) of ``non-local means``.
        strength: Difference in levels that ``bilateral`` and ``non-local means`` smooth away.
    """

    kind: Cleaning = "none"
    reach: float = 0.0
    strength: float = 0.0


@dataclass(frozen=True)
class Tones:
    """The tone curve on top of sRGB's.

    Attributes:
        contrast: Of an S-curve through black, middle grey and white: 0 is none, 1 is flat at both
            ends.
        lift: How much steeper the curve begins, so that shadows become brighter.
    """

    contrast: float = 0.0
    lift: float = 0.0


@dataclass(frozen=True)
class Sharpening:
    """An unsharp mask of the luma.

    Attributes:
        amount: Factor of the detail that is added; 0 is none.
        radius: Standard deviation in pixels of the blur that the detail is the difference from.
        threshold: Levels that are taken off the detail first, so that noise is not sharpened.
        clamp: Levels that are added at most.
    """

    amount: float = 0.0
    radius: float = 1.0
    threshold: float = 0.0
    clamp: float = 255.0


@dataclass(frozen=True)
class File:
    """The JPEG file that the phone writes."""

    quality: int
    subsampling: Subsampling


@dataclass(frozen=True)
class Phone:
    """One camera, in the order in which a picture passes through it.

    Attributes:
        scale: HR pixels per pixel of the phone's photos.
        lens: Blur.
        sensor: Pixels, mosaic and noise.
        demosaicing: How the missing two colours of each pixel are guessed.
        luma: Denoising of brightness.
        chroma: Denoising of colour.
        tones: The tone curve.
        sharpening: The unsharp mask.
        resizing: How the picture is brought to its size where the sensor has another density.
        file: The file's compression.
    """

    scale: int
    lens: Lens
    sensor: Sensor
    demosaicing: Demosaicing
    luma: Cleaner
    chroma: Cleaner
    tones: Tones
    sharpening: Sharpening
    file: File
    resizing: Literal["area", "cubic"] = "area"
