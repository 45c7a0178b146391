"""A photo by a phone: the whole way from light to the JPEG file."""

import io
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from PIL import Image as Pillow

from degrade.arrays import F32, U8
from degrade.images.colour import luma, to_uint8, unit_float
from degrade.images.windows import crop_to_multiple
from degrade.kernels.parametric import gaussian_kernel
from degrade.randomness import stream
from pipelines.phones.catalogue import (
    Cleaner,
    Demosaicing,
    JpegSettings,
    Lens,
    Pattern,
    Phone,
    Sensor,
    Sharpening,
    ToneCurve,
)

_FINE = 9
"""Samples per pixel and axis of a disc, whose edge is sharp."""
_BORDER = 8
"""Pixels that are mirrored around the mosaic; even, so that its pattern goes on unbroken."""


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
    """Return OpenCV's number of a conversion; its older names give the second row's colours."""
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
"""Finds, at green, the colour of its row; transposed, the colour of its column."""
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


def _toned(display: F32, tones: ToneCurve) -> F32:
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


def _compressed(photo: U8, how: JpegSettings) -> bytes:
    file = io.BytesIO()
    Pillow.fromarray(photo).save(file, "JPEG", quality=how.quality, subsampling=how.subsampling)
    return file.getvalue()
