"""Bad input through the public functions: an error of a kind Python knows, in words that help.

Each row is a call, the kind of its error, and words of its text: the argument, and a remedy.
"""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import degrade
import sr_train
from degrade.errors import DegradeError, PhotoRefused
from tests.api.conftest import Workplace
from tests.photos import make_photo

PHOTO = make_photo(3, 256, 320)
UNIT = (PHOTO / 255).astype(np.float32)
DELTA = np.pad(np.ones((2, 2), np.float32) / 4, 7)
NAN = np.where(np.arange(320)[None, :, None] == 5, np.nan, UNIT)
WIDE = degrade.Kernel(np.pad(DELTA, 8), 4, (1.0, 1.0), 0.0, 1.0, 0.0, "spectral")

Call = Callable[[Workplace], Any]
Row = tuple[str, Call, type[Exception], str, str]


def network(place: Workplace) -> Any:
    return sr_train.load_network(place.weights)


def pairs(place: Workplace, **options: Any) -> Any:
    return sr_train.PairDataset(place.store, **options)


def trained(place: Workplace, method: Any = "psnr", **options: Any) -> Any:
    source = options.pop("source", place.store)
    return sr_train.train(method, source, place.folder / "run", **options)


def scored(place: Workplace, sr: Any, *more: Any, **options: Any) -> Any:
    return sr_train.evaluate(sr, *more, **options)


NOWHERE, NOTHING = Path("nowhere"), "check the path"
IMAGE = "as degrade.read_image returns it"
ROWS: list[Row] = [
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
        "give png",
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
    (
        "pairs: absent",
        lambda p: degrade.build_pairs("nowhere", p.folder / "new"),
        FileNotFoundError,
        "folder",
        NOTHING,
    ),
    (
        "pairs: target",
        lambda p: degrade.build_pairs(p.photos, p.folder / "new", target="nowhere"),
        FileNotFoundError,
        "target",
        NOTHING,
    ),
    (
        "pairs: scale",
        lambda p: degrade.build_pairs(p.photos, p.folder / "new", 9),
        ValueError,
        "scale",
        "less than or equal to 8",
    ),
    (
        "pairs: tile",
        lambda p: degrade.build_pairs(p.photos, p.folder / "new", 4, tile=65),
        ValueError,
        "tile 65 is no multiple of scale 4",
        "64 would be one",
    ),
    (
        "pairs: kernels",
        lambda p: degrade.build_pairs(p.photos, p.folder / "new", kernels="mine"),
        ValueError,
        "kernels",
        "'bicubic'",
    ),
    (
        "pairs: noise",
        lambda p: degrade.build_pairs(p.photos, p.folder / "new", patch=None, bake_noise=True),
        ValueError,
        "patch is None",
        "give the side",
    ),
    (
        "pairs: large tile",
        lambda p: degrade.build_pairs(p.photos, p.folder / "large", 2, patch=32),
        ValueError,
        "tile",
        "tile=",
    ),
    (
        "pairs: a store that is none",
        lambda p: degrade.build_pairs(p.photos, p.folder / "letter.txt", 2, tile=64, patch=32),
        ValueError,
        "letter.txt",
        "pick another",
    ),
    (
        "pairs: other settings",
        lambda p: degrade.build_pairs(p.photos, p.store.location, 2, tile=32, patch=32),
        ValueError,
        "pairs/x2",
        "overwrite",
    ),
    (
        "location: absent",
        lambda p: degrade.open_store("nowhere.zarr"),
        FileNotFoundError,
        "location is nowhere.zarr",
        "degrade.build_pairs",
    ),
    (
        "location: no store",
        lambda p: degrade.open_store(p.photos),
        ValueError,
        "is not a degrade store",
        "degrade check SRC",
    ),
    ("location: None", lambda p: degrade.open_store(None), ValueError, "location", "give a path"),
    (
        "store: scale",
        lambda p: p.store.pairs(3),
        ValueError,
        "pairs of scale 2, not 3",
        "has pairs",
    ),
    (
        "store: kind",
        lambda p: p.store.provenance("tiles"),
        ValueError,
        "kind is 'tiles'",
        "photos, kernels, noise, pairs",
    ),
    (
        "dataset: absent",
        lambda p: sr_train.PairDataset("nowhere"),
        FileNotFoundError,
        "location",
        NOTHING,
    ),
    ("dataset: crop", lambda p: pairs(p, crop=33), ValueError, "crop is 33", "set it to 32"),
    ("dataset: large crop", lambda p: pairs(p, crop=96), ValueError, "crop is 96", "at most 64"),
    ("dataset: split", lambda p: pairs(p, crop=32, split="test"), ValueError, "split", "train, v"),
    ("dataset: batch", lambda p: pairs(p, crop=32, batch=0), ValueError, "batch is 0", "1 or more"),
    (
        "dataset: batches of validation",
        lambda p: pairs(p, crop=32, batch=2, split="valid"),
        ValueError,
        "batch is 2",
        "leave it out",
    ),
    ("dataset: length", lambda p: pairs(p, crop=32, length=-1), ValueError, "length", "1 or more"),
    ("dataset: seed", lambda p: pairs(p, crop=32, seed=-1), ValueError, "seed", "equal to 0"),
    ("dataset: scale", lambda p: pairs(p, scale=4), ValueError, "not 4", "scale 2"),
    (
        "dataset: epoch",
        lambda p: pairs(p, crop=32).set_epoch(-1),
        ValueError,
        "epoch is -1",
        "0 or more",
    ),
    (
        "dataset: hr absent",
        lambda p: sr_train.PairDataset(p.folder / "lr", "nowhere"),
        FileNotFoundError,
        "hr is nowhere",
        NOTHING,
    ),
    (
        "dataset: unpaired",
        lambda p: sr_train.PairDataset(p.folder / "lr", p.folder / "empty", crop=16),
        ValueError,
        "holds no images",
        "give a folder of images",
    ),
    (
        "dataset: noise of folders",
        lambda p: sr_train.PairDataset(p.folder / "lr", p.folder / "hr", noise=True),
        ValueError,
        "noise",
        "leave noise out",
    ),
    (
        "weights: absent",
        lambda p: sr_train.load_network("w.pth"),
        FileNotFoundError,
        "path",
        NOTHING,
    ),
    (
        "weights: text",
        lambda p: sr_train.load_network(p.folder / "letter.txt"),
        ValueError,
        "letter.txt",
        "not",
    ),
    (
        "weights: device",
        lambda p: sr_train.load_network(p.weights, "tpu"),
        ValueError,
        "device",
        "auto, cpu, cuda",
    ),
    (
        "upscale: network",
        lambda p: sr_train.upscale("weights.pth", PHOTO),
        ValueError,
        "network is of type str",
        "sr_train.load_network",
    ),
    ("upscale: path", lambda p: sr_train.upscale(network(p), "a.png"), ValueError, "image", IMAGE),
    ("upscale: NaN", lambda p: sr_train.upscale(network(p), NAN), ValueError, "image", "NaN"),
    (
        "upscale: tile",
        lambda p: sr_train.upscale(network(p), PHOTO, tile=0),
        ValueError,
        "tile is 0",
        "1 or more",
    ),
    (
        "evaluate: absent",
        lambda p: scored(p, network(p), "nowhere", p.folder / "lr"),
        FileNotFoundError,
        "hr is nowhere",
        NOTHING,
    ),
    (
        "evaluate: no lr",
        lambda p: scored(p, network(p), p.folder / "hr"),
        ValueError,
        "lr is None",
        "give the folder",
    ),
    (
        "evaluate: no border",
        lambda p: scored(p, p.folder / "hr", p.folder / "hr"),
        ValueError,
        "border is None",
        "border=4",
    ),
    (
        "evaluate: empty",
        lambda p: scored(p, p.folder / "empty", p.folder / "hr", border=2),
        ValueError,
        "empty: holds no images",
        "give a folder",
    ),
    (
        "evaluate: no partner",
        lambda p: scored(p, p.photos, p.folder / "hr", border=2),
        ValueError,
        "2 images have no partner",
        "add or remove them",
    ),
    (
        "evaluate: of another size",
        lambda p: scored(p, p.folder / "lr", p.folder / "hr", border=2),
        ValueError,
        "32 rows and 40 columns",
        "crop or remake",
    ),
    (
        "evaluate: large border",
        lambda p: scored(p, p.folder / "hr", p.folder / "hr", border=30),
        ValueError,
        "border of 30",
        "give a smaller border",
    ),
    (
        "evaluate: protocol",
        lambda p: scored(p, p.folder / "hr", p.folder / "hr", protocol="rgb"),
        ValueError,
        "protocol",
        "realsr, basicsr, ttsr",
    ),
    ("train: method", lambda p: trained(p, "gan"), ValueError, "method is 'gan'", "esrgan, srgan"),
    ("train: steps", lambda p: trained(p, steps=0), ValueError, "steps is 0", "1 or more"),
    (
        "train: source",
        lambda p: trained(p, source="nowhere", steps=1),
        FileNotFoundError,
        "location",
        NOTHING,
    ),
    (
        "train: setting",
        lambda p: trained(p, settings={"crops": 32}),
        ValueError,
        "crops",
        "unknown key",
    ),
    (
        "train: crop",
        lambda p: trained(p, steps=1, settings={"crop": 128}),
        ValueError,
        "crop is 128",
        "set crop to at most 64",
    ),
    (
        "train: init",
        lambda p: trained(p, steps=1, init="w.pth"),
        FileNotFoundError,
        "init",
        NOTHING,
    ),
    (
        "train: VGG19",
        lambda p: trained(p, "esrgan", steps=1),
        ValueError,
        "VGG19's weights",
        "train without that loss with perceptual=False",
    ),
]


NAMES = [name for name, *_ in ROWS]
CALLS = [row[1:] for row in ROWS]


def test_the_table_is_long_and_without_doubles() -> None:
    assert len({name for name, *_ in ROWS}) == len(ROWS) >= 60
    public = {*degrade.__all__, *sr_train.__all__}
    functions = {name for name in public if name[0].islower() and name[0] != "_"}
    assert len(functions) == 14


@pytest.mark.parametrize(("call", "kind", "argument", "remedy"), CALLS, ids=NAMES)
def test_bad_input_names_the_argument_and_the_remedy(
    place: Workplace, call: Call, kind: type[Exception], argument: str, remedy: str
) -> None:
    with pytest.raises(kind) as caught:
        call(place)
    text = str(caught.value)
    assert isinstance(caught.value, DegradeError)
    assert argument in text and remedy in text
    assert "\n" not in text
    assert "--" not in re.sub("`[^`]*`", "", text), "an option, where the caller has arguments"
