"""Bad photos, kernels and noise for the public functions: see `test_bad_arguments`."""

from pathlib import Path

import numpy as np

import degrade
from degrade import Camera
from degrade.camera.crops import Bank
from degrade.camera.parameters import PARAMETERS, from_shares
from degrade.errors import PhotoRefused
from tests.api.conftest import Row
from tests.photos import make_photo

PHOTO = make_photo(3, 256, 320)
UNIT = (PHOTO / 255).astype(np.float32)
DELTA = np.pad(np.ones((2, 2), np.float32) / 4, 7)
NAN = np.where(np.arange(320)[None, :, None] == 5, np.nan, UNIT)
WIDE = degrade.Kernel(np.pad(DELTA, 8), 4, (1.0, 1.0), 0.0, 1.0, 0.0, "spectral")
NONE = np.zeros(0)
NOWHERE, NOTHING = Path("nowhere"), "check the path"
IMAGE = "as degrade.read_image returns it"

LINEAR = Camera(
    {}, 0.5, True, 5, "none", {}, Bank(from_shares(np.full((1, len(PARAMETERS)), 0.5)), (), NONE)
)

ROWS: list[Row] = [
    (
        "photograph: camera",
        lambda p: degrade.photograph(PHOTO, DELTA, 2),
        ValueError,
        "camera is ndarray",
        "degrade.estimate_camera",
    ),
    (
        "photograph: no camera",
        lambda p: degrade.photograph(PHOTO, None, 2),
        ValueError,
        "camera is NoneType",
        "degrade.estimate_camera",
    ),
    ("photograph: hr", lambda p: degrade.photograph("a.png", LINEAR, 2), ValueError, "hr", IMAGE),
    ("photograph: NaN", lambda p: degrade.photograph(NAN, LINEAR, 2), ValueError, "hr", "NaN"),
    (
        "photograph: gray",
        lambda p: degrade.photograph(PHOTO[..., 0], LINEAR, 2),
        ValueError,
        "hr is [256, 320]",
        "[height, width, 3]",
    ),
    ("photograph: scale", lambda p: degrade.photograph(PHOTO, LINEAR, 9), ValueError, "scale", "8"),
    (
        "photograph: no multiple",
        lambda p: degrade.photograph(PHOTO, LINEAR, 3),
        ValueError,
        "no multiples of scale 3",
        "hr[:255, :318]",
    ),
    (
        "photograph: seed",
        lambda p: degrade.photograph(PHOTO, LINEAR, 2, seed=-1),
        ValueError,
        "seed is -1",
        "0 or more",
    ),
    ("path: absent", lambda p: degrade.read_image("no.png"), FileNotFoundError, "path", NOTHING),
    ("path: Path", lambda p: degrade.read_image(NOWHERE), FileNotFoundError, "path", NOTHING),
    ("path: folder", lambda p: degrade.read_image(p.photos), ValueError, "path", "give a file"),
    ("path: None", lambda p: degrade.read_image(None), ValueError, "path", "give a path"),
    ("path: empty", lambda p: degrade.read_image(""), ValueError, "path", "give a path"),
    ("path: number", lambda p: degrade.read_image(3), ValueError, "path", "give a path"),
    (
        "path: no image",
        lambda p: degrade.read_image(p.folder / "letter.png"),
        PhotoRefused,
        "letter.png",
        "contains no PNG",
    ),
    (
        "alpha",
        lambda p: degrade.read_image(p.photos / "photo 0.png", alpha="green"),
        ValueError,
        "alpha",
        "'white'",
    ),
    ("image: text", lambda p: degrade.estimate_kernel("a.png"), ValueError, "image", IMAGE),
    ("image: list", lambda p: degrade.estimate_kernel([[1]]), ValueError, "image", IMAGE),
    ("image: gray", lambda p: degrade.estimate_kernel(PHOTO[..., 0]), ValueError, "image", "[hei"),
    (
        "image: channels first",
        lambda p: degrade.estimate_kernel(PHOTO.transpose(2, 0, 1)),
        ValueError,
        "image is [3, 256, 320]",
        "channels last",
    ),
    (
        "image: alpha",
        lambda p: degrade.estimate_kernel(np.dstack([PHOTO, PHOTO[..., 0]])),
        ValueError,
        "image is [256, 320, 4]",
        "[height, width, 3]",
    ),
    (
        "image: int64",
        lambda p: degrade.estimate_kernel(PHOTO.astype(np.int64)),
        ValueError,
        "image is int64",
        "give uint8, or float32",
    ),
    (
        "image: 0..255 floats",
        lambda p: degrade.estimate_kernel(PHOTO.astype(np.float32)),
        ValueError,
        "image has values",
        "divide by 255",
    ),
    ("image: NaN", lambda p: degrade.estimate_kernel(NAN), ValueError, "image", "replace NaN"),
    ("image: none", lambda p: degrade.estimate_kernel(PHOTO[:0]), ValueError, "image", "whole"),
    (
        "image: small",
        lambda p: degrade.estimate_kernel(PHOTO[:64]),
        PhotoRefused,
        "image",
        "each side needs 128 or more",
    ),
    (
        "image: flat",
        lambda p: degrade.estimate_kernel(np.zeros_like(PHOTO)),
        PhotoRefused,
        "image: flat",
        "give a larger, sharper",
    ),
    ("scale 5", lambda p: degrade.estimate_kernel(PHOTO, 5), ValueError, "scale", "2, 3, 4, 8"),
    ("scale '4'", lambda p: degrade.estimate_kernel(PHOTO, "4"), ValueError, "scale", "one of 2"),
    ("scale True", lambda p: degrade.estimate_kernel(PHOTO, True), ValueError, "scale", "one of"),
    (
        "scale 3 by KernelGAN",
        lambda p: degrade.estimate_kernel(PHOTO, 3, "kernelgan"),
        ValueError,
        "scale is 3",
        "one of 2, 4",
    ),
    (
        "estimator",
        lambda p: degrade.estimate_kernel(PHOTO, 4, "gan"),
        ValueError,
        "estimator is 'gan'",
        "spectral, kernelgan, combined",
    ),
    (
        "iterations",
        lambda p: degrade.estimate_kernel(PHOTO, 4, "kernelgan", iterations=1),
        ValueError,
        "iterations",
        "greater than or equal to 15",
    ),
    (
        "seed",
        lambda p: degrade.estimate_kernel(PHOTO, 4, "kernelgan", seed=-1),
        ValueError,
        "seed",
        "greater than or equal to 0",
    ),
    (
        "device",
        lambda p: degrade.estimate_kernel(PHOTO, 4, "kernelgan", device="tpu"),
        ValueError,
        "device is 'tpu'",
        "auto, cpu, cuda",
    ),
    (
        "folder: absent",
        lambda p: degrade.estimate_kernels("nowhere"),
        FileNotFoundError,
        "folder is nowhere",
        NOTHING,
    ),
    (
        "folder: file",
        lambda p: degrade.estimate_kernels(p.folder / "letter.txt"),
        ValueError,
        "folder",
        "give the folder that holds",
    ),
    (
        "folder: empty",
        lambda p: degrade.estimate_kernels(p.folder / "empty"),
        ValueError,
        "holds no images",
        "expected png jpg",
    ),
    (
        "pool",
        lambda p: degrade.estimate_kernels(p.photos, pool="mean"),
        ValueError,
        "pool",
        "'shrink'",
    ),
    (
        "workers",
        lambda p: degrade.estimate_kernels(p.photos, workers=-1),
        ValueError,
        "workers is -1",
        "0 or more",
    ),
    ("kernel: list", lambda p: degrade.as_convolution([1]), ValueError, "kernel", "NumPy array"),
    (
        "kernel: oblong",
        lambda p: degrade.as_convolution(DELTA[:3]),
        ValueError,
        "kernel is [3, 16]",
        "square weights",
    ),
    (
        "kernel: sum",
        lambda p: degrade.as_convolution(2 * DELTA),
        ValueError,
        "kernel sums to 2",
        "divide it by its sum",
    ),
    ("kernel: NaN", lambda p: degrade.as_convolution(DELTA * np.nan), ValueError, "kernel", "NaN"),
    (
        "kernel: complex",
        lambda p: degrade.as_convolution(DELTA * 1j),
        ValueError,
        "kernel is complex",
        "real weights",
    ),
    (
        "kernel: parity",
        lambda p: degrade.downsample(PHOTO[:255, :318], DELTA, 3),
        ValueError,
        "kernel has 16 rows and scale is 3",
        "give an odd number",
    ),
    (
        "kernel: None",
        lambda p: degrade.downsample(PHOTO, None, 2),
        ValueError,
        "kernel is None",
        "call degrade",
    ),
    (
        "kernel: of another scale",
        lambda p: degrade.degrade(PHOTO, WIDE, 2),
        ValueError,
        "the kernel is for scale 4",
        "leave scale out",
    ),
    ("hr: text", lambda p: degrade.degrade("hr.png", DELTA, 2), ValueError, "hr", IMAGE),
    ("hr: NaN", lambda p: degrade.degrade(NAN, DELTA, 2), ValueError, "hr", "replace NaN"),
    (
        "hr: bool",
        lambda p: degrade.degrade(PHOTO > 9, DELTA, 2),
        ValueError,
        "hr is bool",
        "uint8",
    ),
    (
        "hr: no multiple",
        lambda p: degrade.degrade(PHOTO[:255], DELTA, 2),
        ValueError,
        "hr has 255 rows",
        "crop it to hr[:254, :320]",
    ),
    ("scale 0", lambda p: degrade.degrade(PHOTO, DELTA, 0), ValueError, "scale is 0", "1 to 64"),
    ("scale -2", lambda p: degrade.downsample(PHOTO, DELTA, -2), ValueError, "scale", "1 to 64"),
    ("scale 2.0", lambda p: degrade.degrade(PHOTO, DELTA, 2.0), ValueError, "scale", "whole numb"),
    ("scale None", lambda p: degrade.degrade(PHOTO, DELTA), ValueError, "scale is None", "whole"),
    (
        "noise: size",
        lambda p: degrade.degrade(UNIT, DELTA, 2, UNIT),
        ValueError,
        "noise is [256, 320, 3] float32 and LR is [128, 160, 3]",
        "LR's size",
    ),
    (
        "noise: NaN",
        lambda p: degrade.degrade(UNIT, DELTA, 2, NAN[::2, ::2] * np.nan),
        ValueError,
        "noise has values",
        "replace NaN",
    ),
    (
        "noise: float patches",
        lambda p: degrade.degrade(UNIT, DELTA, 2, UNIT[None, :160, :160]),
        ValueError,
        "noise is float32",
        "uint8 patches",
    ),
    (
        "noise: small patches",
        lambda p: degrade.degrade(UNIT, DELTA, 2, PHOTO[None, :16, :16]),
        ValueError,
        "noise patch of 16x16",
        "mine larger patches (patch=160)",
    ),
    (
        "noise: no patch",
        lambda p: degrade.degrade(UNIT, DELTA, 2, np.empty((0, 8, 8, 3), np.uint8)),
        ValueError,
        "noise holds no patch",
        "mine some",
    ),
    (
        "noise: a path",
        lambda p: degrade.degrade(UNIT, DELTA, 2, "noise"),
        ValueError,
        "noise is str",
        "uint8 patches",
    ),
    (
        "photos: absent",
        lambda p: degrade.mine_noise("x"),
        FileNotFoundError,
        "photos is x",
        NOTHING,
    ),
    (
        "photos: empty folder",
        lambda p: degrade.mine_noise(p.folder / "empty"),
        ValueError,
        "holds no images",
        "expected png",
    ),
    ("photos: empty list", lambda p: degrade.mine_noise([]), ValueError, "photos", "one photo or"),
    ("photos: None", lambda p: degrade.mine_noise(None), ValueError, "photos", "give a path"),
    (
        "photos: one is bad",
        lambda p: degrade.mine_noise([PHOTO, PHOTO[..., 0]], patch=32),
        ValueError,
        "photos[1] is [256, 320]",
        "[height, width, 3]",
    ),
    (
        "photos: rough",
        lambda p: degrade.mine_noise(PHOTO[:, :100], patch=64),
        ValueError,
        "no noise patch among",
        "give a smaller patch",
    ),
    (
        "photos: small",
        lambda p: degrade.mine_noise(PHOTO, patch=512),
        ValueError,
        "noise patches of 512 pixels fit into none of 1 photos",
        "give patch=64",
    ),
    ("patch", lambda p: degrade.mine_noise(PHOTO, patch=4), ValueError, "patch", "equal to 16"),
    ("patch: text", lambda p: degrade.noise_curve(PHOTO, patch="64"), ValueError, "patch", "valid"),
    (
        "variances",
        lambda p: degrade.mine_noise(PHOTO, min_variance=30),
        ValueError,
        "min_variance 30",
        "lower the one",
    ),
    (
        "curve: absent",
        lambda p: degrade.noise_curve(NOWHERE),
        FileNotFoundError,
        "photos",
        NOTHING,
    ),
    ("curve: NaN", lambda p: degrade.noise_curve(NAN), ValueError, "photos", "replace NaN"),
]
