"""Checks of what the functions of the public face are given; each text names the argument."""

import os
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from degrade.arrays import F32, U8, Image
from degrade.errors import PathNotFound, SettingsError

Choice = TypeVar("Choice", bound=int | str)
PathLike = str | os.PathLike[str]


def image(value: Any, name: str, *, channels: tuple[int, ...] = (3,)) -> Image:
    """Return an image as it was given, if it is one.

    Args:
        value: [H, W, C], C among ``channels``; uint8, or floating point in [0, 1].
        name: The argument.
        channels: How many it may have.

    Returns:
        uint8, or float32.

    Raises:
        SettingsError: It is no array, or of another shape, type or range, or not finite.
    """
    array = _array(value, name, "an image [height, width, 3], as degrade.read_image returns it")
    if array.ndim != 3 or array.shape[2] not in channels:
        wanted = " or ".join(map(str, channels))
        raise SettingsError(
            f"{name} is {list(array.shape)}: give [height, width, {wanted}], channels last and RGB"
        )
    if not array.size:
        raise SettingsError(f"{name} is {list(array.shape)}, without a pixel: give a whole image")
    if array.dtype == np.uint8:
        return np.asarray(array, np.uint8)
    if not np.issubdtype(array.dtype, np.floating):
        raise SettingsError(f"{name} is {array.dtype}: give uint8, or float32 in [0, 1]")
    finite(array, name)
    low, high = float(array.min()), float(array.max())
    if low < -1 or high > 2:
        raise SettingsError(
            f"{name} has values from {low:g} to {high:g}: floating point is in [0, 1] (divide by "
            "255, or give uint8)"
        )
    return np.asarray(array, np.float32)


def multiples(image: Image, name: str, scale: int) -> None:
    """Refuse an image whose sides are no multiples of the scale.

    Raises:
        SettingsError: The text says what to crop it to.
    """
    height, width = image.shape[:2]
    if height % scale or width % scale:
        raise SettingsError(
            f"{name} has {height} rows and {width} columns, no multiples of scale {scale}: crop it "
            f"to {name}[:{height - height % scale}, :{width - width % scale}]"
        )


def kernel(value: Any, name: str, scale: int | None = None) -> F32:
    """Return the weights of a kernel as float32.

    Args:
        value: [K, K] numbers, with a sum of about 1.
        name: The argument.
        scale: With which K must have its parity; None allows any.

    Raises:
        SettingsError: It is no such array.
    """
    array = _array(value, name, "its weights [K, K], or what degrade.estimate_kernel returns")
    if array.ndim != 2 or array.shape[0] != array.shape[1] or not array.size:
        raise SettingsError(f"{name} is {list(array.shape)}: give square weights [K, K]")
    if not np.issubdtype(array.dtype, np.number) or np.iscomplexobj(array):
        raise SettingsError(f"{name} is {array.dtype}: give real weights, such as float32")
    finite(array, name)
    total = float(array.sum(dtype=np.float64))
    if abs(total - 1) > 0.01:
        raise SettingsError(f"{name} sums to {total:.4g}: divide it by its sum, so that it is 1")
    if scale is not None and (len(array) - scale) % 2:
        raise SettingsError(
            f"{name} has {len(array)} rows and scale is {scale}: give an "
            f"{'odd' if scale % 2 else 'even'} number, so that its centre lies on the LR grid"
        )
    return np.asarray(array, np.float32)


def patches(value: Any, name: str) -> U8:
    """Return noise patches [N, P, P, 3] uint8, if they are some.

    Raises:
        SettingsError: They are of another shape or type, or none.
    """
    array = _array(value, name, "patches [N, P, P, 3], as degrade.mine_noise returns them")
    if array.ndim != 4 or array.shape[1] != array.shape[2] or array.shape[3] != 3:
        raise SettingsError(f"{name} is {list(array.shape)}: give patches [N, P, P, 3]")
    if array.dtype != np.uint8:
        raise SettingsError(f"{name} is {array.dtype}: give uint8 patches, as cut from the photos")
    if not len(array):
        raise SettingsError(f"{name} holds no patch: mine some from photos with smooth places")
    return np.asarray(array, np.uint8)


def whole(value: Any, name: str, least: int, most: int | None = None) -> int:
    """Return an integer within limits.

    Raises:
        SettingsError: It is none, or beyond them.
    """
    fits = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if not fits or value < least or (most is not None and value > most):
        limits = f"{least} or more" if most is None else f"{least} to {most}"
        raise SettingsError(f"{name} is {value!r}: give a whole number, {limits}")
    return int(value)


def one_of(value: Any, name: str, choices: tuple[Choice, ...]) -> Choice:
    """Return a value that is among the choices, of their type.

    Raises:
        SettingsError: It is not.
    """
    for choice in choices:
        if value == choice and not isinstance(value, bool):
            return choice
    listed = ", ".join(map(str, choices))
    raise SettingsError(f"{name} is {value!r}: give one of {listed}")


def path(value: Any, name: str) -> Path:
    """Return a path.

    Raises:
        SettingsError: It is neither text nor a path.
    """
    if not isinstance(value, str | os.PathLike) or not os.fspath(value):
        raise SettingsError(f"{name} is {value!r}: give a path, as text or pathlib.Path")
    return Path(expand_home(os.fspath(value)))


def expand_home(text: str) -> str:
    """Return a path with ``~/`` at its beginning written out, as a shell does it."""
    if text != "~" and not text.startswith("~/"):
        return text
    # Path.expanduser would fail where there is no home, and drop a slash at the end.
    return os.path.expanduser(text)  # noqa: PTH111


def file(value: Any, name: str) -> Path:
    """Return the path of a file that is there.

    Raises:
        SettingsError: It is no path, or that of a folder.
        PathNotFound: Nothing is there.
    """
    found = path(value, name)
    if found.is_dir():
        raise SettingsError(f"{name} is {found}, a folder: give a file")
    if not found.exists():
        raise PathNotFound(f"{name} is {found}, where no file is: check the path")
    return found


def folder(value: Any, name: str) -> Path:
    """Return the path of a folder that is there.

    Raises:
        SettingsError: It is no path, or that of a file.
        PathNotFound: Nothing is there.
    """
    found = path(value, name)
    if not found.exists():
        raise PathNotFound(f"{name} is {found}, where no folder is: check the path")
    if not found.is_dir():
        raise SettingsError(f"{name} is {found}, a file: give the folder that holds the images")
    return found


def finite(array: Any, name: str) -> None:
    """Refuse an array with NaN or infinity.

    Raises:
        SettingsError: It has some.
    """
    if not np.isfinite(array).all():
        raise SettingsError(f"{name} has values that are not finite: replace NaN and infinity")


def _array(value: Any, name: str, wanted: str) -> Any:
    if not isinstance(value, np.ndarray):
        raise SettingsError(
            f"{name} is of type {type(value).__name__}: give a NumPy array, {wanted}"
        )
    return value
