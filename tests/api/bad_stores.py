"""Bad stores and data sets for the public functions: see `test_bad_arguments`."""

from typing import Any

import degrade
import sr_train
from tests.api.bad_pictures import NOTHING
from tests.api.conftest import Row, Workplace


def pairs(place: Workplace, **options: Any) -> Any:
    return sr_train.PairDataset(place.store, **options)


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
        "lens: absent",
        lambda p: degrade.estimate_lens("nowhere"),
        FileNotFoundError,
        "folder is nowhere",
        NOTHING,
    ),
    (
        "lens: rings",
        lambda p: degrade.estimate_lens(p.photos, rings=9),
        ValueError,
        "rings",
        "less than or equal to 6",
    ),
    (
        "lens: few photos",
        lambda p: degrade.estimate_lens(p.photos, 2),
        ValueError,
        "photos tell of the lens",
        "give 10 or more whole photos of one camera",
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
]
