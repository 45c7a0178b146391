"""The store's contract: which groups and arrays it has, their types, and what each one means."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from degrade.images.keep import SCORES

FORMAT = "degrade-store"
VERSION = 1

SOURCES = "sources"
NOISE = "noise"
CAMERA = "camera"
GROUPS = (SOURCES, "kernels", "lens", "pairs", "references", NOISE, CAMERA)
"""Top groups, in the order in which they are listed; those of other stages follow by name."""

CHECKSUM_SUFFIX = "_crc32"
"""``hr_crc32`` holds the CRC-32 of every chunk file of the raw array ``hr``."""

Domain = Literal["source", "target"]
DOMAINS: tuple[Domain, ...] = ("source", "target")
Status = Literal["ok", "refused"]


def kernels_group(scale: int) -> str:
    """Return the path of the group of kernels for one scale."""
    return f"kernels/x{scale}"


def lens_group(scale: int) -> str:
    """Return the path of the group of the lens for one scale."""
    return f"lens/x{scale}"


def pairs_group(scale: int) -> str:
    """Return the path of the group of HR/LR pairs for one scale."""
    return f"pairs/x{scale}"


def references_group(scale: int) -> str:
    """Return the path of the group of references for one scale."""
    return f"references/x{scale}"


def chunk_file(chunk: int, axes: int) -> str:
    """Return the path in an array of a chunk that spans all axes but the first."""
    return "/".join(["c", str(chunk), *["0"] * (axes - 1)])


@dataclass(frozen=True)
class Column:
    """One array with a row per item: its dtype (``str`` or a NumPy name), row shape and meaning."""

    dtype: str
    meaning: str
    row: tuple[int, ...] = ()


def nothing(column: Column, rows: int) -> npt.NDArray[Any]:
    """Return a column that knows nothing: zeros, or empty strings."""
    dtype: Any = object if column.dtype == "str" else column.dtype
    return np.full(rows, "" if column.dtype == "str" else 0, dtype)


SOURCE_COLUMNS = {
    "path": Column("str", "file, relative to its domain's folder"),
    "sha256": Column("str", "hash of the file's bytes"),
    "domain": Column("str", "'source' (real photos) or 'target' (clean ones)"),
    "height": Column("int32", "pixels, after EXIF rotation; 0 where unknown"),
    "width": Column("int32", "pixels, after EXIF rotation; 0 where unknown"),
    "status": Column("str", "'ok' or 'refused'"),
    "reason": Column("str", "why it was refused"),
    "notes": Column("str", "what was converted on decoding, a line each"),
    "group": Column("int32", "row of the first of its near duplicates, maybe its own; -1 = none"),
    "thumbnail": Column("uint8", "32x32 gray levels that near duplicates are found by", (1024,)),
}

EXIF_COLUMNS = {
    "camera": Column("str", "make and model by EXIF; empty where unknown, as in other columns"),
    "lens": Column("str", "model of the lens by EXIF"),
    "focal": Column("float32", "focal length, mm, 35 mm equivalent where EXIF has it; 0 unknown"),
    "iso": Column("int32", "sensitivity by EXIF; 0 = unknown"),
}
"""Columns of ``sources`` where any photo has such EXIF data; earlier versions' stores have none."""
SCORE_COLUMNS = {
    name: Column("float32", f"{meaning}; NaN unknown") for name, meaning in SCORES.items()
}
"""Columns of ``sources`` and of the pairs' HR tiles; stores of earlier versions have none."""

KERNEL_COLUMNS = {
    "source": Column("int32", "row of `sources` it was estimated from; -1 = imported, unknown"),
    "seed": Column("int64", "seed of this estimate"),
    "score": Column("float32", "quality in [0, 1]; 1 for an imported kernel"),
    "sigma_major": Column("float32", "standard deviation along the longer axis, HR pixels"),
    "sigma_minor": Column("float32", "standard deviation along the shorter axis, HR pixels"),
    "angle": Column("float32", "of the longer axis: from the x axis towards larger rows, radians"),
    "accepted": Column("bool", "the gate's verdict"),
    "reason": Column("str", "why it was refused"),
}
"""Besides ``weights``, [K, S, S] float32."""

KERNEL_POSTERIOR = {
    "blur": Column("float32", "m, a, b, log shape: log of the covariance in LR pixels", (4,)),
    "blur_deviation": Column("float32", "standard deviations of these about the truth", (4,)),
    "photo_blur": Column("float32", "the same of the photo by itself, before pooling", (4,)),
    "photo_blur_variance": Column("float32", "what its fit claims, squared; too little", (4,)),
}
"""Of kernels that an estimator gives with their uncertainty; ``exp [[m + a, b], [b, m - a]]`` is
the covariance, x first. Zeros where there is no kernel; stores of earlier versions have none."""

PHOTO_GROUP = {"photo_group": Column("str", "photos of one camera, to which its photo belongs")}
"""A column of ``kernels/x{s}`` and ``noise`` where the photos are of several cameras. The attribute
``groups`` has each one's photos, ``grouped_by`` how they were grouped."""

LENS_ARRAYS = {
    "radii": Column("float64", "of the kernels: 0 is the middle of the image, 1 its corner"),
    "weights": Column("float32", "[n, 3, S, S]: kernels of R, G and B at each radius"),
    "sigma": Column("float64", "their widths, photo pixels", (3,)),
    "shift": Column("float64", "[2]: of R and B against G at the corner, outwards, photo pixels"),
}
"""Arrays of ``lens/x{s}``; its attribute ``tests`` has what speaks for differing kernels."""

NOISE_COLUMNS = {
    "source": Column("int32", "row of `sources` it was cut from; -1 = imported, unknown"),
    "row": Column("int32", "top edge in the photo, pixels"),
    "col": Column("int32", "left edge in the photo, pixels"),
    "mean": Column("float32", "mean of each channel, 0..255", (3,)),
    "variance": Column("float32", "grey variance without the smooth gradient, (0..255) squared"),
}
"""Besides ``patches``, [N, P, P, 3] uint8."""

NOISE_SENSOR = {
    "curve": "variance of each channel, [3, 16], at brightness 8, 24, ... 248; (0..255) squared",
    "autocorrelation": "[9, 9], of the noise at lags of -4 to 4 pixels in y and x; 1 in the middle",
    "channels": "[3, 3], correlation of the channels",
}
"""Arrays of ``noise`` that describe the whole set of photos, float64."""

NOISE_GROUP = {"group_name": Column("str", "the groups of photos, the largest first")}
NOISE_GROUPS = {
    "group_curve": "[G, 3, 16], as curve, of each group",
    "group_autocorrelation": "[G, 9, 9], as autocorrelation, of each group",
    "group_channels": "[G, 3, 3], as channels, of each group",
}
"""Float64 arrays of ``noise`` where the photos are of several cameras, besides ``photo_group``."""
NOISE_OF_ISO = {
    "group_camera": Column("str", "the camera of each group; empty where there is one"),
    "source_group": Column("int32", "row of `group_name` for each row of `sources`; -1 = none"),
}
"""More columns of ``noise`` where a camera's photos are told apart by their sensitivities."""

PAIR_COLUMNS = {
    "source": Column("int32", "row of `sources` it was made from"),
    "row": Column("int32", "top edge of the HR tile in the cleaned-up photo, pixels"),
    "col": Column("int32", "left edge of the HR tile in the cleaned-up photo, pixels"),
    "kernel": Column(
        "int32", "row of `kernels/x{s}`, -1 = bicubic, -2 = imported, unknown, -3 = a camera"
    ),
    "noise": Column(
        "int32", "row of `noise` baked into LR, -1 = none, -2 = synthesised, -3 = a camera's"
    ),
    "domain": Column("str", "'source' or 'target'"),
    "split": Column("str", "'train' or 'valid', by photo"),
}
"""Besides ``hr``, [M, T, T, 3] and ``lr``, [M, T/s, T/s, 3], uint8."""

BY_CAMERA = -3
"""Value of the columns ``kernel`` and ``noise`` where a camera took LR."""
BY_LENS = -4
"""Value of the column ``kernel`` where LR has the kernels of the lens."""
LENS_PAIR_COLUMNS = {
    "kernel": Column("int32", "-4: the kernels of `lens/x{s}`, by place and colour"),
}
"""What differs from `PAIR_COLUMNS` in such pairs."""

CAMERA_PAIR_COLUMNS = {
    "camera": Column("int32", "row of `camera` that took LR"),
    "compression": Column("int32", "row of `camera/tables` that LR went through, -1 = none"),
    "bayer": Column("int32", "row and column, 0 or 1, of the first red pixel of LR's mosaic", (2,)),
    "phase": Column("int32", "row and column at which LR begins in JPEG's unit of 16 pixels", (2,)),
}
"""Columns of pairs whose LR a camera took, besides `PAIR_COLUMNS`."""

IMPORTED_PAIR_COLUMNS = {
    "shift": Column(
        "float32", "LR against HR before any move, down and right, LR pixels; NaN unknown", (2,)
    ),
    "drift": Column("float32", "how far a quarter differs from that, LR pixels; NaN unknown"),
    "gain": Column("float32", "brightness of LR over HR, of R, G and B; 0 unknown", (3,)),
    "moved": Column("int32", "HR pixels by which HR was moved down and right to fit LR", (2,)),
}
"""Columns of imported pairs, besides `PAIR_COLUMNS`; stores of earlier versions have none."""

COMPRESSION_COLUMNS = {
    "tables": Column("float32", "quantisation steps of luma and chroma, [2, 8, 8]", (2, 8, 8)),
    "subsampling": Column("str", "of chroma: 4:4:4, 4:2:2 or 4:2:0"),
    "files": Column("int32", "photos that are compressed so"),
}
"""Columns of ``camera``, a row for each way in which the photos' files are compressed; and it has
a float64 column for each of degrade.camera.parameters.PARAMETERS, a row per likely camera."""

LIBRARY_COLUMNS = {
    "library_path": Column("str", "reference photo, relative to the folder it was given in"),
    "library_sha256": Column("str", "hash of the file's bytes"),
    "library_row": Column("int32", "top edge of the tile in the photo, pixels"),
    "library_col": Column("int32", "left edge of the tile in the photo, pixels"),
}
"""Besides ``library``, [L, T, T, 3] uint8: tiles of reference photos that make no pairs."""


def reference_columns(count: int) -> dict[str, Column]:
    """Return the columns of ``references/x{s}`` with ``count`` references a pair.

    Besides ``hr``, [M, R, T, T, 3] uint8, the most similar reference first.
    """
    row = (count,)
    return {
        "score": Column("float32", "local features that match under one affine map", row),
        "similarity": Column("float32", "inner product of global descriptors", row),
        "pair": Column("int32", "row of `pairs/x{s}` it is the HR tile of, -1 = of `library`", row),
        "library_tile": Column("int32", "row of `library`, -1 = none", row),
    }
