"""What describes a phone, in a picture's order through it, and the simulated phones by name."""

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
class ToneCurve:
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
class JpegSettings:
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
    tones: ToneCurve
    sharpening: Sharpening
    file: JpegSettings
    resizing: Literal["area", "cubic"] = "area"


PHONES = {
    "plain": Phone(
        scale=2,
        lens=Lens(red=(0.75, 0.6), green=(0.7, 0.58), blue=(0.85, 0.66), angle=0.4),
        sensor=Sensor("GRBG", gains=(1.9, 1.6), shot=4.5e-4, read=1e-5),
        demosaicing="bilinear",
        luma=Cleaner(),
        chroma=Cleaner("gaussian", reach=1.2),
        tones=ToneCurve(contrast=0.25),
        sharpening=Sharpening(amount=1.2, radius=0.8, clamp=16),
        file=JpegSettings(93, "4:2:0"),
    ),
    "defocus": Phone(
        scale=2,
        lens=Lens((1.4, 1.4), (1.3, 1.3), (1.5, 1.5), shape="disc"),
        sensor=Sensor("RGGB", gains=(2.1, 1.4), shot=6e-4, read=1.5e-5),
        demosaicing="edge-aware",
        luma=Cleaner("bilateral", reach=0.8, strength=7),
        chroma=Cleaner("bilateral", reach=2.0, strength=14),
        tones=ToneCurve(contrast=0.15, lift=0.2),
        sharpening=Sharpening(amount=1.1, radius=1.0, threshold=0.5, clamp=20),
        file=JpegSettings(90, "4:2:2"),
    ),
    "smooth": Phone(
        scale=2,
        lens=Lens((0.6, 0.6), (0.55, 0.55), (0.7, 0.7)),
        sensor=Sensor("BGGR", gains=(1.7, 1.9), shot=7e-4, read=2e-5),
        demosaicing="variable gradients",
        luma=Cleaner("non-local means", reach=5, strength=6),
        chroma=Cleaner("median", reach=5),
        tones=ToneCurve(contrast=0.4, lift=0.1),
        sharpening=Sharpening(amount=1.7, radius=0.7, threshold=2, clamp=12),
        file=JpegSettings(85, "4:2:0"),
    ),
    "raw": Phone(
        scale=2,
        lens=Lens((0.9, 0.7), (0.8, 0.6), (0.95, 0.75), angle=2.2),
        sensor=Sensor("GBRG", gains=(2.0, 1.5), shot=5e-4, read=8e-6),
        demosaicing="malvar",
        luma=Cleaner(),
        chroma=Cleaner(),
        tones=ToneCurve(),
        sharpening=Sharpening(),
        file=JpegSettings(95, "4:4:4"),
    ),
    "cheap": Phone(
        scale=2,
        lens=Lens((1.1, 0.95), (0.95, 0.85), (1.2, 1.0), angle=1.7),
        sensor=Sensor("RGGB", gains=(1.6, 2.2), shot=1.1e-3, read=2.5e-5),
        demosaicing="bilinear",
        luma=Cleaner("gaussian", reach=0.5),
        chroma=Cleaner("gaussian", reach=3.0),
        tones=ToneCurve(contrast=0.55),
        sharpening=Sharpening(amount=1.8, radius=1.2, clamp=60),
        file=JpegSettings(75, "4:2:0"),
    ),
    "binned": Phone(
        scale=2,
        lens=Lens((0.65, 0.5), (0.6, 0.45), (0.6, 0.5), angle=2.8),
        sensor=Sensor("GRBG", gains=(2.2, 1.7), shot=2e-3, read=6e-5, binning=2, density=1.25),
        demosaicing="edge-aware",
        luma=Cleaner("bilateral", reach=0.6, strength=4),
        chroma=Cleaner("median", reach=3),
        tones=ToneCurve(contrast=0.3, lift=0.4),
        sharpening=Sharpening(amount=2.0, radius=0.6, threshold=1.2, clamp=18),
        file=JpegSettings(92, "4:2:0"),
    ),
    "triple": Phone(
        scale=3,
        lens=Lens((1.5, 0.9), (1.4, 0.8), (1.6, 1.0), angle=1.1),
        sensor=Sensor("GBRG", gains=(1.8, 1.8), shot=6e-4, read=1.2e-5),
        demosaicing="malvar",
        luma=Cleaner("non-local means", reach=3, strength=4),
        chroma=Cleaner("gaussian", reach=2.0),
        tones=ToneCurve(contrast=0.2, lift=0.3),
        sharpening=Sharpening(amount=0.7, radius=0.6, threshold=0.5, clamp=25),
        file=JpegSettings(88, "4:2:2"),
    ),
    "zoom": Phone(
        scale=4,
        lens=Lens((2.4, 1.6), (2.2, 1.5), (2.6, 1.8), angle=0.9, shape="disc"),
        sensor=Sensor("BGGR", gains=(2.3, 1.3), shot=3.5e-4, read=9e-6, density=0.8),
        demosaicing="variable gradients",
        luma=Cleaner("bilateral", reach=1.2, strength=11),
        chroma=Cleaner("bilateral", reach=1.5, strength=20),
        tones=ToneCurve(contrast=0.35, lift=0.15),
        sharpening=Sharpening(amount=1.6, radius=0.9, threshold=1.5, clamp=30),
        resizing="cubic",
        file=JpegSettings(91, "4:4:4"),
    ),
    # These two came last, when cameras were found as they are now: nothing was changed for them.
    "night": Phone(
        scale=2,
        lens=Lens((1.0, 0.9), (0.9, 0.8), (1.1, 0.9), angle=0.7),
        sensor=Sensor("RGGB", gains=(2.4, 1.3), shot=3e-3, read=1e-4),
        demosaicing="edge-aware",
        luma=Cleaner("non-local means", reach=5, strength=10),
        chroma=Cleaner("gaussian", reach=2.5),
        tones=ToneCurve(contrast=0.2, lift=0.6),
        sharpening=Sharpening(amount=1.0, radius=1.0, threshold=3, clamp=15),
        file=JpegSettings(82, "4:2:0"),
    ),
    "crisp": Phone(
        scale=2,
        lens=Lens((0.5, 0.5), (0.45, 0.45), (0.55, 0.5)),
        sensor=Sensor("GRBG", gains=(1.8, 1.8), shot=2e-4, read=3e-6),
        demosaicing="malvar",
        luma=Cleaner(),
        chroma=Cleaner("median", reach=3),
        tones=ToneCurve(contrast=0.45),
        sharpening=Sharpening(amount=2.2, radius=0.6, clamp=30),
        file=JpegSettings(97, "4:4:4"),
    ),
}
"""Cameras that share no step's settings, so that nothing can be tuned to one of them."""
