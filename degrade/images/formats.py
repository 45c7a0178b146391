"""The formats that are read: what their files are called, and which extra some of them need."""

from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec


@dataclass(frozen=True)
class Extra:
    """A library that is not installed with the package, and the name that brings it."""

    name: str
    """As in ``pip install "degrade[name]"``."""
    module: str
    """What is imported."""

    @property
    def install(self) -> str:
        """The command that installs it."""
        return f'pip install "degrade[{self.name}]"'

    def is_there(self) -> bool:
        """Tell whether the library is installed."""
        return _is_installed(self.module)


HEIC = Extra("heic", "pillow_heif")
JXL = Extra("jxl", "pillow_jxl")
RAW = Extra("raw", "rawpy")

FORMATS = {
    "PNG": {".png"},
    "JPEG": {".jpg", ".jpeg"},
    "MPO": {".jpg", ".jpeg"},
    "WEBP": {".webp"},
    "TIFF": {".tif", ".tiff"},
    "BMP": {".bmp"},
    "AVIF": {".avif"},
    "HEIF": {".heic", ".heif", ".hif"},
    "JXL": {".jxl"},
    "RAW": {".dng", ".cr2", ".cr3", ".nef", ".nrw", ".arw", ".orf", ".rw2", ".raf", ".pef", ".srw"},
}
"""Formats that are read, by Pillow's name but for `RAW`, and the suffixes they go by."""
EXTRAS = {"HEIF": HEIC, "JXL": JXL, "RAW": RAW}
"""What formats need beyond Pillow."""
PLAIN = ("PNG", "JPEG", "WEBP", "TIFF", "BMP", "AVIF")
"""Formats that Pillow reads by itself; its reader of JPEG finds MPO."""
IMAGE_SUFFIXES = frozenset(suffix for suffixes in FORMATS.values() for suffix in suffixes)
SUGGESTED = "png jpg jpeg webp tif tiff bmp avif heic jxl dng"
"""What messages about folders without images suggest."""


def extra_of(suffix: str) -> Extra | None:
    """Return what files of a suffix, in small letters with its dot, need to be read."""
    return next((EXTRAS[form] for form in EXTRAS if suffix in FORMATS[form]), None)


@cache
def _is_installed(module: str) -> bool:
    return find_spec(module) is not None
