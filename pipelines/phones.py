"""Simulated phones with a whole image processor, from the lens to the JPEG file."""

import io
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from PIL import Image as Pillow

from degrade.arrays import F32, U8
from degrade.images.colour import luma, to_uint8, unit_float
from degrade.images.tiles import crop_to_multiple
from degrade.kernels.parametric import gaussian_kernel
from degrade.randomness import stream

Pattern = Literal["RGGB", "GRBG", "GBRG", "BGGR"]
"""Colours of a cell of the mosaic: its first row, then its second."""
Demosaicing = Literal["bilinear", "variable gradients", "edge-aware", "malvar"]
Cleaning = Literal["none", "gaussian", "median", "bilateral", "non-local means"]
Subsampling = Literal["4:4:4", "4:2:2", "4:2:0"]
"""Of the JPEG file's chroma."""
_FINE = 9
"""Samples per pixel and axis of a disc, whose edge is sharp."""
_BORDER = 8
"""Pixels that are mirrored around the mosaic; even, so that its pattern goes on unbroken."""


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


@dataclass(frozen=True)
class Shot:
    """A photo, and the truth beside it.

    Attributes:
        jpeg: The photo's file.
        hr: The scene with the phone's tones, [scale * h, scale * w, 3].
    """

    jpeg: bytes
    hr: U8


def take(scene: U8, phone: Phone, key: str, seed: int = 0) -> Shot:
    """Photograph a scene.

    Args:
        scene: A sharp picture in display tones, [H, W, 3]; cropped to a multiple of the scale.
        phone: The camera.
        key: Of the noise: another one for each photo, such as the phone's and the scene's names.
        seed: Of the noise, too.
    """
    sharp = unit_float(crop_to_multiple(scene, phone.scale))
    height, width = (side // phone.scale for side in sharp.shape[:2])
    light = _through_lens(to_linear(sharp), phone.lens)
    pixels = _on_pixels(light, height, width, phone.sensor.density)
    mosaic = _read_out(pixels, phone.sensor, stream(seed, "phone", key))
    picture = to_display(demosaiced(mosaic, phone.sensor.pattern, phone.demosaicing))
    picture = _cleaned(picture, phone.luma, phone.chroma)
    picture = _sharpened(_toned(picture, phone.tones), phone.sharpening)
    photo = to_uint8(_resized(picture, height, width, phone.resizing))
    return Shot(_compressed(photo, phone.file), to_uint8(_toned(sharp, phone.tones)))


def to_linear(display: F32) -> F32:
    """Return the light of sRGB values, both in [0, 1]."""
    steep = ((display + 0.055) / 1.055) ** 2.4
    return np.asarray(np.where(display <= 0.04045, display / 12.92, steep), np.float32)


def to_display(light: F32) -> F32:
    """Return the sRGB values of light, both in [0, 1]."""
    steep = 1.055 * np.maximum(light, 1e-6) ** (1 / 2.4) - 0.055
    return np.asarray(np.where(light <= 0.0031308, light * 12.92, steep), np.float32)


def _through_lens(light: F32, lens: Lens) -> F32:
    kernels = [_blur(axes, lens) for axes in (lens.red, lens.green, lens.blue)]
    blurred = [
        cv2.filter2D(plane, -1, kernel, borderType=cv2.BORDER_REFLECT)
        for plane, kernel in zip(cv2.split(light), kernels, strict=True)
    ]
    return np.asarray(cv2.merge(blurred), np.float32)


def _blur(axes: tuple[float, float], lens: Lens) -> F32:
    """Return the kernel of a colour, on an odd canvas, so that it moves nothing."""
    if lens.shape == "gaussian":
        return gaussian_kernel(axes, lens.angle, 2 * int(np.ceil(4 * max(axes))) + 1)
    return _disc(axes, lens.angle, 2 * int(np.ceil(max(axes))) + 1)


def _disc(radii: tuple[float, float], angle: float, size: int) -> F32:
    place = (np.arange(size * _FINE) + 0.5) / _FINE - size / 2
    rows, cols = np.meshgrid(place, place, indexing="ij")
    along = (cols * np.cos(angle) + rows * np.sin(angle)) / radii[0]
    across = (rows * np.cos(angle) - cols * np.sin(angle)) / radii[1]
    fine = (along**2 + across**2 <= 1).reshape(size, _FINE, size, _FINE)
    weights = fine.mean(axis=(1, 3))
    return np.asarray(weights / weights.sum(), np.float32)


def _on_pixels(light: F32, height: int, width: int, density: float) -> F32:
    """Average the light over the area of each sensor pixel.

    The sensor covers the scene exactly, whatever its density, so that the photo stays in place.
    """
    size = round(width * density), round(height * density)
    return np.asarray(cv2.resize(light, size, interpolation=cv2.INTER_AREA), np.float32)


def _read_out(pixels: F32, sensor: Sensor, rng: np.random.Generator) -> F32:
    """Return the mosaic of raw values, with noise and white balance."""
    gains = np.array([sensor.gains[0], 1, sensor.gains[1]], np.float32)
    exposed = _exposed(_mosaic(pixels / gains, sensor.pattern), sensor, rng)
    balance = _mosaic(np.broadcast_to(gains, pixels.shape), sensor.pattern)
    return np.asarray(np.clip(exposed * balance, 0, 1), np.float32)


def _cell(pattern: Pattern) -> list[tuple[int, int, int]]:
    """Return row, column and channel of the four pixels of a cell of the mosaic."""
    return [(at // 2, at % 2, "RGB".index(colour)) for at, colour in enumerate(pattern)]


def _mosaic(rgb: F32, pattern: Pattern) -> F32:
    """Keep one colour of each pixel."""
    mosaic = np.empty(rgb.shape[:2], np.float32)
    for row, column, channel in _cell(pattern):
        mosaic[row::2, column::2] = rgb[row::2, column::2, channel]
    return mosaic


def _exposed(raw: F32, sensor: Sensor, rng: np.random.Generator) -> F32:
    """Add noise to each photosite, which holds at most 1, and average those of a pixel.

    The photosites of a pixel lie under one lens and see the same light. Values below zero stay, as
    above the black level that sensors add.
    """
    times = sensor.binning
    sites = raw.repeat(times, axis=0).repeat(times, axis=1)
    deviation = np.sqrt(sensor.shot * sites + sensor.read)
    noisy = np.minimum(sites + deviation * rng.standard_normal(sites.shape), 1)
    binned = noisy.reshape(raw.shape[0], times, raw.shape[1], times).mean(axis=(1, 3))
    return np.asarray(binned, np.float32)


def demosaiced(mosaic: F32, pattern: Pattern, how: Demosaicing) -> F32:
    """Return [h, w, 3] RGB of a mosaic [h, w], both in [0, 1].

    ``variable gradients`` works on 8 bits, so the values are compressed by sRGB's curve for it.
    """
    # Were the edge pixel repeated, as elsewhere, the pattern would break there.
    padded = np.pad(mosaic, _BORDER, mode="reflect")
    if how == "malvar":
        rgb = _malvar(padded, pattern)
    elif how == "variable gradients":
        eight = to_uint8(to_display(padded))
        rgb = to_linear(unit_float(np.asarray(cv2.cvtColor(eight, _code(pattern, how)), np.uint8)))
    else:
        sixteen = np.round(padded * 65535).astype(np.uint16)
        rgb = np.asarray(cv2.cvtColor(sixteen, _code(pattern, how)), np.float32)
        rgb /= 65535
    return np.asarray(np.clip(rgb[_BORDER:-_BORDER, _BORDER:-_BORDER], 0, 1), np.float32)


def _code(pattern: Pattern, how: Demosaicing) -> int:
    """Return OpenCV's number of a conversion; its older names told the second row's colours."""
    suffix = {"bilinear": "", "variable gradients": "_VNG", "edge-aware": "_EA"}[how]
    return int(getattr(cv2, f"COLOR_Bayer{pattern}2RGB{suffix}"))


_CROSS = np.array(
    [[0, 0, -1, 0, 0], [0, 0, 2, 0, 0], [-1, 2, 4, 2, -1], [0, 0, 2, 0, 0], [0, 0, -1, 0, 0]],
    np.float32,
)
"""Malvar, He and Cutler's taps, times 8: green at red and blue."""
_ROW = np.array(
    [[0, 0, 0.5, 0, 0], [0, -1, 0, -1, 0], [-1, 4, 5, 4, -1], [0, -1, 0, -1, 0], [0, 0, 0.5, 0, 0]],
    np.float32,
)
"""At green, the colour that its row has; transposed, the one that its column has."""
_DIAGONAL = 0.5 * np.array(
    [[0, 0, -3, 0, 0], [0, 4, 0, 4, 0], [-3, 0, 12, 0, -3], [0, 4, 0, 4, 0], [0, 0, -3, 0, 0]],
    np.float32,
)
"""Red at blue, and blue at red."""


def _malvar(mosaic: F32, pattern: Pattern) -> F32:
    """Interpolate each colour linearly and correct it by the second derivative of the known one."""
    cross, row_wise, column_wise, diagonal = (
        cv2.filter2D(mosaic, -1, taps / 8) for taps in (_CROSS, _ROW, _ROW.T, _DIAGONAL)
    )
    rgb = np.empty((*mosaic.shape, 3), np.float32)
    for row, column, channel in _cell(pattern):
        if channel == 1:
            beside = "RGB".index(pattern[2 * row + 1 - column])
            guesses = {1: mosaic, beside: row_wise, 2 - beside: column_wise}
        else:
            guesses = {channel: mosaic, 1: cross, 2 - channel: diagonal}
        for guessed, plane in guesses.items():
            rgb[row::2, column::2, guessed] = plane[row::2, column::2]
    return rgb


def _cleaned(picture: F32, brightness: Cleaner, colour: Cleaner) -> F32:
    """Denoise under sRGB's curve, where the noise of dark and bright places is more alike."""
    if brightness.kind == colour.kind == "none":
        return picture
    planes = cv2.split(cv2.cvtColor(picture, cv2.COLOR_RGB2YCrCb))
    clean = [
        _denoised(np.asarray(plane, np.float32), how)
        for plane, how in zip(planes, (brightness, colour, colour), strict=True)
    ]
    rgb = cv2.cvtColor(cv2.merge(clean), cv2.COLOR_YCrCb2RGB)
    return np.asarray(np.clip(rgb, 0, 1), np.float32)


def _denoised(plane: F32, how: Cleaner) -> F32:
    if how.kind == "gaussian":
        clean = cv2.GaussianBlur(plane, (0, 0), how.reach, borderType=cv2.BORDER_REFLECT)
    elif how.kind == "median":
        clean = cv2.medianBlur(plane, round(how.reach))
    elif how.kind == "bilateral":
        clean = cv2.bilateralFilter(plane, -1, how.strength / 255, how.reach)
    elif how.kind == "non-local means":
        return _non_local(plane, round(how.reach), how.strength)
    else:
        return plane
    return np.asarray(clean, np.float32)


def _non_local(plane: F32, patch: int, strength: float) -> F32:
    sixteen = np.round(np.clip(plane, 0, 1) * 65535).astype(np.uint16)
    clean = cv2.fastNlMeansDenoising(
        sixteen,
        h=[strength * 257],
        templateWindowSize=patch,
        searchWindowSize=3 * patch,
        normType=cv2.NORM_L1,  # the only one for 16 bits
    )
    return np.asarray(clean / np.float32(65535), np.float32)


def _toned(display: F32, tones: Tones) -> F32:
    lifted = display + tones.lift * display * (1 - display) ** 3
    curved = lifted - tones.contrast * np.sin(2 * np.pi * lifted) / (2 * np.pi)
    return np.asarray(curved, np.float32)


def _sharpened(picture: F32, how: Sharpening) -> F32:
    if how.amount == 0:
        return picture
    grey = luma(picture)
    soft = cv2.GaussianBlur(grey, (0, 0), how.radius, borderType=cv2.BORDER_REFLECT)
    detail = 255 * (grey - np.asarray(soft, np.float32))
    cored = np.sign(detail) * np.maximum(np.abs(detail) - how.threshold, 0)
    added = np.clip(how.amount * cored, -how.clamp, how.clamp) / 255
    return np.asarray(np.clip(picture + added[..., None], 0, 1), np.float32)


def _resized(picture: F32, height: int, width: int, how: Literal["area", "cubic"]) -> F32:
    if picture.shape[:2] == (height, width):
        return picture
    way = {"area": cv2.INTER_AREA, "cubic": cv2.INTER_CUBIC}[how]
    resized = cv2.resize(picture, (width, height), interpolation=way)
    return np.asarray(np.clip(resized, 0, 1), np.float32)


def _compressed(photo: U8, how: File) -> bytes:
    file = io.BytesIO()
    Pillow.fromarray(photo).save(file, "JPEG", quality=how.quality, subsampling=how.subsampling)
    return file.getvalue()


PHONES = {
    "plain": Phone(
        scale=2,
        lens=Lens(red=(0.75, 0.6), green=(0.7, 0.58), blue=(0.85, 0.66), angle=0.4),
        sensor=Sensor("GRBG", gains=(1.9, 1.6), shot=4.5e-4, read=1e-5),
        demosaicing="bilinear",
        luma=Cleaner(),
        chroma=Cleaner("gaussian", reach=1.2),
        tones=Tones(contrast=0.25),
        sharpening=Sharpening(amount=1.2, radius=0.8, clamp=16),
        file=File(93, "4:2:0"),
    ),
    "defocus": Phone(
        scale=2,
        lens=Lens((1.4, 1.4), (1.3, 1.3), (1.5, 1.5), shape="disc"),
        sensor=Sensor("RGGB", gains=(2.1, 1.4), shot=6e-4, read=1.5e-5),
        demosaicing="edge-aware",
        luma=Cleaner("bilateral", reach=0.8, strength=7),
        chroma=Cleaner("bilateral", reach=2.0, strength=14),
        tones=Tones(contrast=0.15, lift=0.2),
        sharpening=Sharpening(amount=1.1, radius=1.0, threshold=0.5, clamp=20),
        file=File(90, "4:2:2"),
    ),
    "smooth": Phone(
        scale=2,
        lens=Lens((0.6, 0.6), (0.55, 0.55), (0.7, 0.7)),
        sensor=Sensor("BGGR", gains=(1.7, 1.9), shot=7e-4, read=2e-5),
        demosaicing="variable gradients",
        luma=Cleaner("non-local means", reach=5, strength=6),
        chroma=Cleaner("median", reach=5),
        tones=Tones(contrast=0.4, lift=0.1),
        sharpening=Sharpening(amount=1.7, radius=0.7, threshold=2, clamp=12),
        file=File(85, "4:2:0"),
    ),
    "raw": Phone(
        scale=2,
        lens=Lens((0.9, 0.7), (0.8, 0.6), (0.95, 0.75), angle=2.2),
        sensor=Sensor("GBRG", gains=(2.0, 1.5), shot=5e-4, read=8e-6),
        demosaicing="malvar",
        luma=Cleaner(),
        chroma=Cleaner(),
        tones=Tones(),
        sharpening=Sharpening(),
        file=File(95, "4:4:4"),
    ),
    "cheap": Phone(
        scale=2,
        lens=Lens((1.1, 0.95), (0.95, 0.85), (1.2, 1.0), angle=1.7),
        sensor=Sensor("RGGB", gains=(1.6, 2.2), shot=1.1e-3, read=2.5e-5),
        demosaicing="bilinear",
        luma=Cleaner("gaussian", reach=0.5),
        chroma=Cleaner("gaussian", reach=3.0),
        tones=Tones(contrast=0.55),
        sharpening=Sharpening(amount=1.8, radius=1.2, clamp=60),
        file=File(75, "4:2:0"),
    ),
    "binned": Phone(
        scale=2,
        lens=Lens((0.65, 0.5), (0.6, 0.45), (0.6, 0.5), angle=2.8),
        sensor=Sensor("GRBG", gains=(2.2, 1.7), shot=2e-3, read=6e-5, binning=2, density=1.25),
        demosaicing="edge-aware",
        luma=Cleaner("bilateral", reach=0.6, strength=4),
        chroma=Cleaner("median", reach=3),
        tones=Tones(contrast=0.3, lift=0.4),
        sharpening=Sharpening(amount=2.0, radius=0.6, threshold=1.2, clamp=18),
        file=File(92, "4:2:0"),
    ),
    "triple": Phone(
        scale=3,
        lens=Lens((1.5, 0.9), (1.4, 0.8), (1.6, 1.0), angle=1.1),
        sensor=Sensor("GBRG", gains=(1.8, 1.8), shot=6e-4, read=1.2e-5),
        demosaicing="malvar",
        luma=Cleaner("non-local means", reach=3, strength=4),
        chroma=Cleaner("gaussian", reach=2.0),
        tones=Tones(contrast=0.2, lift=0.3),
        sharpening=Sharpening(amount=0.7, radius=0.6, threshold=0.5, clamp=25),
        file=File(88, "4:2:2"),
    ),
    "zoom": Phone(
        scale=4,
        lens=Lens((2.4, 1.6), (2.2, 1.5), (2.6, 1.8), angle=0.9, shape="disc"),
        sensor=Sensor("BGGR", gains=(2.3, 1.3), shot=3.5e-4, read=9e-6, density=0.8),
        demosaicing="variable gradients",
        luma=Cleaner("bilateral", reach=1.2, strength=11),
        chroma=Cleaner("bilateral", reach=1.5, strength=20),
        tones=Tones(contrast=0.35, lift=0.15),
        sharpening=Sharpening(amount=1.6, radius=0.9, threshold=1.5, clamp=30),
        resizing="cubic",
        file=File(91, "4:4:4"),
    ),
}
"""Cameras that share no step's settings, so that nothing can be tuned to one of them."""
