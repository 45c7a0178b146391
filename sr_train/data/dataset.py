"""A store's pairs, or two folders', as a torch `Dataset` for training loops of one's own."""

from pathlib import Path
from typing import Literal

import torch
from torch import Tensor
from torch.utils.data import Dataset

from degrade import arguments
from degrade.api.store import StoreArrays, open_store
from degrade.api.texts import in_arguments
from degrade.arguments import PathLike
from degrade.errors import SettingsError
from degrade.noise.model_names import DEFAULT_NOISE, NoiseName
from degrade.store.contents import Pairs
from degrade.store.reader import Store
from degrade.store.schema import NOISE
from degrade.yaml_settings import validated
from sr_train.data.folders import open_folders
from sr_train.data.training_data import TrainingData, served, training_data
from sr_train.settings.psnr import PsnrSettings

_CPU = torch.device("cpu")


class PairDataset(Dataset[tuple[Tensor, Tensor]]):
    """Aligned LR and HR crops, as the trainers here learn from them.

    An item is (lr, hr): LR [3, crop/s, crop/s] and HR [3, crop, crop], float32 RGB in [0, 1],
    channels first. With ``batch`` an item is a whole batch, [B, 3, ...], cut and converted at once,
    which is faster:

        DataLoader(PairDataset(store, batch=16), batch_size=None, num_workers=4)

    Of the training split an item is a random crop of a random pair, randomly flipped and
    transposed, with noise added to LR and clipped (``noise_model``, by default a random crop of a
    random patch); of the validation split item i is the middle of the pair i. Every draw is a
    function of (seed, epoch, index): however many workers, and whatever their order, the items are
    the same, and with ``batch`` those of epoch 0 are the batches that `sr_train.train` learns from
    with that seed.

    Args:
        source: A store, or its address; with ``hr`` the folder of LR images.
        hr: Folder of HR images, each ``scale`` times the size of its LR.
        scale: Which pairs; None if there is one scale.
        crop: Side of the HR crops, pixels, a multiple of the scale; None takes whole tiles.
        split: ``train`` or ``valid``; two folders are all for training.
        batch: Crops per item; None gives single ones.
        length: Items per epoch; None: each training pair once on average.
        flips: Whether crops are flipped and transposed at random.
        noise: Whether noise is added to LR; None: where the store has some and LR has none.
        noise_model: ``patch``: as mined; ``scaled``: mined, as strong as the sensor's noise at the
            brightness it is put on; ``synthesised``: of the sensor's grain, as strong likewise.
            The last two leave out what LR has already of the photos' noise.
        degradation: ``stored``: LR as stored; ``on-the-fly``: made from HR by the store's kernels
            or cameras, anew for each crop; ``auto``: on the fly for pairs by a camera.
        random_share: Share of the crops whose LR is degraded at random instead, as Real-ESRGAN
            does: twice a blur, a resize, noise and JPEG.
        seed: Of all draws.

    Raises:
        PathNotFound: The store or a folder is not there (a `FileNotFoundError`).
        NoStore: It is no store, has no such pairs, or they or the noise were made from other
            photos, kernels or noise than it holds now (a `ValueError`).
        SettingsError: An argument is not acceptable (a `ValueError`).
        TrainingError: There is no pair in the split, or no noise or kernel although asked for.
    """

    def __init__(
        self,
        source: StoreArrays | PathLike,
        hr: PathLike | None = None,
        *,
        scale: int | None = None,
        crop: int | None = 128,
        split: Literal["train", "valid"] = "train",
        batch: int | None = None,
        length: int | None = None,
        flips: bool = True,
        noise: bool | None = None,
        noise_model: NoiseName = DEFAULT_NOISE,
        degradation: Literal["auto", "stored", "on-the-fly"] = "auto",
        random_share: float = 0.0,
        seed: int = 0,
    ) -> None:
        self.split = arguments.one_of(split, "split", ("train", "valid"))
        self.batch = None if batch is None else arguments.whole(batch, "batch", 1)
        if self.split == "valid" and batch is not None:
            raise SettingsError(
                f"batch is {batch} with split valid: leave it out, the DataLoader makes batches"
            )
        fields: dict[str, object] = {
            "batch": batch or 1,
            "flips": flips,
            "noise": noise,
            "noise_model": noise_model,
            "degradation": degradation,
            "random_share": random_share,
            "seed": seed,
            **({} if crop is None else {"crop": crop}),
        }
        if hr is None:
            opened = source if isinstance(source, StoreArrays) else open_store(source)
            self._data = _of_store(opened, scale, fields)
        elif isinstance(source, StoreArrays):
            raise SettingsError("source is a store and hr a folder: give two folders, or a store")
        else:
            lr_dir, hr_dir = arguments.folder(source, "source"), arguments.folder(hr, "hr")
            self._data = _of_folders(lr_dir, hr_dir, scale, fields)
        if self.split == "valid" and not len(self._data.valid):
            raise SettingsError("split is valid, which has no pair: build pairs with a share of it")
        self.length = self._default() if length is None else arguments.whole(length, "length", 1)
        # It is in shared memory, so that workers that outlive an epoch see the next one's number.
        self._epoch = torch.zeros((), dtype=torch.int64)
        self._epoch.share_memory_()  # type: ignore[no-untyped-call]

    @property
    def scale(self) -> int:
        """HR pixels per LR pixel."""
        return self._data.scale

    def set_epoch(self, epoch: int) -> None:
        """Draw other crops; call it before each epoch, with its number from 0 on.

        Raises:
            SettingsError: It is no such number (a `ValueError`).
        """
        self._epoch.fill_(arguments.whole(epoch, "epoch", 0))

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        place = range(self.length)[index]
        if self.split == "valid":
            row = self._data.valid[[place % len(self._data.valid)]]
            found = self._data.central(row, ("validation-noise", place), _CPU)
        else:
            step = int(self._epoch) * self.length + place
            found = self._data.batch(step, slice(None), _CPU)
        return (found.lr[0], found.hr[0]) if self.batch is None else (found.lr, found.hr)

    def _default(self) -> int:
        if self.split == "valid":
            return len(self._data.valid)
        return max(1, len(self._data.train) // (self.batch or 1))


def _of_store(opened: StoreArrays, scale: int | None, fields: dict[str, object]) -> TrainingData:
    store = opened.stored
    pairs = store.pairs(opened.the_scale("pairs", scale))
    if fields["noise"] is None:
        fields["noise"] = pairs.camera is None and _takes_noise(store, pairs)
    fields.setdefault("crop", pairs.tile)
    settings = validated(PsnrSettings, fields, "PairDataset")
    with in_arguments():
        return served(store, pairs.scale, settings)


def _of_folders(
    lr_dir: Path, hr_dir: Path, scale: int | None, fields: dict[str, object]
) -> TrainingData:
    if fields["noise"] or fields["degradation"] == "on-the-fly":
        raise SettingsError(
            "noise and degradation on the fly need a store's noise and kernels, which two folders "
            'do not have: leave noise out, and degradation at "stored"'
        )
    crop = fields.get("crop")
    if not isinstance(crop, int):
        raise SettingsError("crop is None and images have no common size: give the crop's side")
    pairs = open_folders(lr_dir, hr_dir, scale, crop)
    settings = validated(PsnrSettings, {**fields, "noise": False}, "PairDataset")
    return training_data(pairs, None, settings)


def _takes_noise(store: Store, pairs: Pairs) -> bool:
    has_noise = bool(store.stages().get(NOISE, {}).get("complete"))
    return has_noise and bool((pairs.noise == -1).all())
