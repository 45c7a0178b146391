"""Bad stores, data sets and networks for the public functions: see `test_bad_arguments`."""

from typing import Any

import degrade
import sr_train
from tests.api.bad_pictures import IMAGE, NAN, NOTHING, PHOTO
from tests.api.conftest import Row, Workplace


def network(place: Workplace) -> Any:
    return sr_train.load_network(place.weights)


def pairs(place: Workplace, **options: Any) -> Any:
    return sr_train.PairDataset(place.store, **options)


def trained(place: Workplace, method: Any = "psnr", **options: Any) -> Any:
    source = options.pop("source", place.store)
    return sr_train.train(method, source, place.folder / "run", **options)


def scored(place: Workplace, sr: Any, *more: Any, **options: Any) -> Any:
    return sr_train.evaluate(sr, *more, **options)


ROWS: list[Row] = [
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
        "camera: absent",
        lambda p: degrade.estimate_camera("nowhere"),
        FileNotFoundError,
        "folder is nowhere",
        NOTHING,
    ),
    (
        "camera: clean pictures absent",
        lambda p: degrade.estimate_camera(p.photos, target="nowhere"),
        FileNotFoundError,
        "target is nowhere",
        NOTHING,
    ),
    (
        "camera: scale",
        lambda p: degrade.estimate_camera(p.photos, scale=9),
        ValueError,
        "scale",
        "less than or equal to 8",
    ),
    (
        "camera: jpeg",
        lambda p: degrade.estimate_camera(p.photos, jpeg=0),
        ValueError,
        "jpeg",
        "greater than or equal to 1",
    ),
    (
        "camera: workers",
        lambda p: degrade.estimate_camera(p.photos, workers=-1),
        ValueError,
        "workers is -1",
        "0 or more",
    ),
    (
        "camera: few photos",
        lambda p: degrade.estimate_camera(p.photos),
        ValueError,
        "4 photos to tell a camera from",
        "give 5 or more in colour",
    ),
    (
        "camera: a store that is none",
        lambda p: degrade.estimate_camera(p.photos, store=p.folder / "letter.txt"),
        ValueError,
        "letter.txt",
        "pick another",
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
    (
        "dataset: noise model",
        lambda p: pairs(p, crop=32, noise_model="grain"),
        ValueError,
        "noise_model",
        "'synthesised'",
    ),
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
        "expected png",
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
