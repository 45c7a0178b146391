"""Bad networks, images to upscale, scores and trainings: see `test_bad_arguments`."""

from typing import Any

import sr_train
from tests.api.bad_pictures import IMAGE, NAN, NOTHING, PHOTO
from tests.api.conftest import Row, Workplace


def network(place: Workplace) -> Any:
    return sr_train.load_network(place.weights)


def trained(place: Workplace, method: Any = "psnr", **options: Any) -> Any:
    source = options.pop("source", place.store)
    return sr_train.train(method, source, place.folder / "run", **options)


def scored(place: Workplace, sr: Any, *more: Any, **options: Any) -> Any:
    return sr_train.evaluate(sr, *more, **options)


ROWS: list[Row] = [
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
        "weights: open file",
        lambda p: sr_train.load_network(p.weights.open("rb")),
        ValueError,
        "path is of type BufferedReader",
        "state dict",
    ),
    (
        "weights: state dict",
        lambda p: sr_train.load_network({"a": 1}),
        ValueError,
        "state dict: entry 'a' is int",
        "give a network's weights",
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
        "upscale: backend",
        lambda p: sr_train.upscale(network(p), PHOTO, backend="caffe"),
        ValueError,
        "backend",
        "auto, torch, ncnn, onnxruntime, openvino",
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
        "expected png",
    ),
    (
        "evaluate: no partner",
        lambda p: scored(p, p.photos, p.folder / "hr", border=2),
        ValueError,
        "no partner in",
        "mend or remove them",
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
    (
        "evaluate: lpips",
        lambda p: scored(p, p.folder / "hr", p.folder / "hr", border=2, lpips="squeeze"),
        ValueError,
        "lpips",
        "st-alex, st-vgg",
    ),
    (
        "evaluate: lpips's weights",
        lambda p: scored(p, p.folder / "hr", p.folder / "hr", lpips="alex", lpips_weights="none"),
        FileNotFoundError,
        "lpips_weights is none",
        NOTHING,
    ),
    (
        "compare: one",
        lambda p: sr_train.compare({}),
        ValueError,
        "evaluations has 0 entries",
        "give two or more",
    ),
    (
        "compare: other protocols",
        lambda p: sr_train.compare(
            {str(n): scored(p, p.folder / "hr", p.folder / "hr", border=n) for n in (1, 2)}
        ),
        ValueError,
        "evaluations['2']",
        "evaluate both alike",
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
