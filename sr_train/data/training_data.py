"""Batches from a store's pairs, with stored LR or LR that is made from HR on the fly."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from degrade.arrays import F32, I64
from degrade.camera.camera_samples import MARGIN, CameraSamples, draw, extent, photographed
from degrade.camera.photograph import sensor_noise
from degrade.degradation import margin
from degrade.errors import SettingsError, TrainingError
from degrade.noise.model_table import model_of
from degrade.randomness import stream
from degrade.store.photo_groups import noise_of_kernels
from degrade.store.reader import Store
from degrade.store.schema import BY_CAMERA, BY_LENS, NOISE, kernels_group
from degrade.store.stage_inputs import check_measured_on_photos, check_pairs_current
from sr_train.data.batch import Batch
from sr_train.data.crops import (
    augmented,
    chosen_kernels,
    crop_around,
    crops_of,
    degraded,
    drawn,
    random_lr,
    unit_batch,
)
from sr_train.data.noise import Key, PairCameras, cameras_of, noise_left, noisy, noisy_by_bank
from sr_train.data.references import TrainingReferences, fitting_references
from sr_train.data.store_protocols import (
    KernelBank,
    NoiseTiles,
    PairTiles,
    ReferenceTiles,
    check_crop,
    check_noise,
    fitting_kernels,
)
from sr_train.settings.common import ReferenceTraining, TrainingSettings


@dataclass(frozen=True)
class TrainingData:
    """Pairs, noise and kernels that were found to fit the settings, with the rows of each split.

    ``kernels`` [K, S, S] are None where the stored LR is trained on.
    """

    pairs: PairTiles
    noise: NoiseTiles | None
    kernels: F32 | None
    settings: TrainingSettings
    train: I64
    valid: I64
    content: str
    left: F32
    """[M]: share of the sensor's noise variance that each pair's LR has before noise is added."""
    bank: CameraSamples | None = None
    """Cameras that take LR on the fly; None where LR is stored, or made with ``kernels``."""
    references: TrainingReferences | None = None
    """None where the method takes LR alone."""
    cameras: PairCameras | None = None
    """Which kernels and noise go together; None where all photos are of one group."""

    @property
    def scale(self) -> int:
        """HR pixels per LR pixel."""
        return self.pairs.scale

    def batch(self, step: int, share: slice, device: torch.device) -> Batch:
        """Return the training batch of one step, or a share of it.

        Aligned random crops, drawn with replacement, randomly flipped and transposed (each with
        p = 1/2), then noise (as published: a random LR-sized crop of a random patch, minus its mean
        per channel, added and clipped).
        """
        settings, count = self.settings, self.settings.batch
        rng = stream(settings.seed, "batch", step)
        rows = self.train[rng.integers(len(self.train), size=count)][share]
        corners = rng.integers(self._places(), size=(count, 2))[share]
        turns = rng.integers(2, size=(count, 3))[share].astype(bool)
        whose = None if self.cameras is None else self.cameras.noise_of_pair[rows]
        if self.bank is not None:
            lr, hr = self._taken(rows, corners, step, share, device)
        elif self.kernels is None:
            lr, hr = self._stored(rows, corners, device)
        else:
            kernels = self._kernels(rows, step, share)
            lr, hr = self._on_the_fly(rows, corners, kernels, device)
            whose = None if self.cameras is None else self.cameras.noise(rows, kernels)
        places = np.arange(count)[share]
        at_random = np.flatnonzero(drawn(settings, step)[share])
        for place in at_random.tolist():
            lr[place] = self._random(rows[place], corners[place], step, places[place], device)
        if settings.flips:
            asked = torch.from_numpy(turns.T.copy()).to(device)
            lr, hr = augmented(lr, asked.unbind()), augmented(hr, asked.unbind())
        bank = self.references
        references = bank.drawn(rows, step, share, device) if bank else ()
        own = lr[at_random]
        lr = self._noisy(lr, rows, whose, ("batch-noise", step), share)
        lr[at_random] = own  # what is degraded at random has noise of its own
        return Batch(lr, hr, *references).on(device)

    def validation(self, device: torch.device) -> Batch:
        """Return the central crops of pairs spread over the valid split, with stored LR and noise.

        ``validation_tiles`` pairs, or as many as there are.
        """
        count = min(self.settings.validation_tiles, len(self.valid))
        rows = self.valid[np.linspace(0, len(self.valid) - 1, count).astype(int)]
        return self.central(rows, ("validation-noise",), device)

    def central(self, rows: I64, key: tuple[str | int, ...], device: torch.device) -> Batch:
        """Return the central crops of pairs, with stored LR and noise that ``key`` draws."""
        middle = (self.pairs.lr.shape[1] - self.settings.crop // self.scale) // 2
        lr, hr = self._stored(rows, np.full((len(rows), 2), middle), device)
        references = self.references.best(rows, device) if self.references else None
        whose = None if self.cameras is None else self.cameras.noise_of_pair[rows]
        lr = self._noisy(lr, rows, whose, key, slice(None))
        return Batch(lr, hr, references).on(device)

    @property
    def different_crops(self) -> int:
        """How many different HR crops the training pairs have."""
        return len(self.train) * self._places() ** 2 * (8 if self.settings.flips else 1)

    def _places(self) -> int:
        """Return how many rows, and columns, a crop can begin at."""
        if self.bank is not None:
            return self.pairs.hr.shape[1] - self.settings.crop + 1
        if self.kernels is None:
            return self.pairs.lr.shape[1] - self.settings.crop // self.scale + 1
        around = 2 * margin(self.kernels.shape[1], self.scale)
        return self.pairs.hr.shape[1] - self.settings.crop - around + 1

    def _kernels(self, rows: I64, step: int, share: slice) -> I64:
        """Return the kernels drawn for the crops of pairs."""
        assert self.kernels is not None
        rng, count = stream(self.settings.seed, "batch-kernel", step), self.settings.batch
        if self.cameras is not None:
            return self.cameras.drawn(rows, rng.random(count)[share])
        return rng.integers(len(self.kernels), size=count)[share]

    def _stored(self, rows: I64, corners: I64, device: torch.device) -> tuple[Tensor, Tensor]:
        crop, scale = self.settings.crop, self.scale
        lr = unit_batch(crops_of(self.pairs.lr, rows, corners, crop // scale), device)
        return lr, unit_batch(crops_of(self.pairs.hr, rows, corners * scale, crop), device)

    def _on_the_fly(
        self, rows: I64, corners: I64, chosen: I64, device: torch.device
    ) -> tuple[Tensor, Tensor]:
        assert self.kernels is not None
        kernels = chosen_kernels(self.kernels, chosen, device)
        around, crop = margin(kernels.shape[-1], self.scale), self.settings.crop
        wide = unit_batch(crops_of(self.pairs.hr, rows, corners, crop + 2 * around), device)
        inner = slice(around, around + crop)
        return degraded(wide, kernels, self.scale).clamp_(0, 1), wide[..., inner, inner]

    def _taken(
        self, rows: I64, corners: I64, step: int, share: slice, device: torch.device
    ) -> tuple[Tensor, Tensor]:
        """Photograph HR crops by cameras of the bank, drawn for the whole batch."""
        assert self.bank is not None
        crop, scale, count = self.settings.crop, self.scale, self.settings.batch
        rng, side = stream(self.settings.seed, "batch-camera", step), crop // scale
        drawn = draw(rng, self.bank, count).rows(share)
        white = sensor_noise(rng, count, self.bank.cameras, extent(side))[share]
        cuts = torch.from_numpy(crop_around(self.pairs.hr, rows, corners, crop, scale))
        around = cuts.to(device).permute(0, 3, 1, 2).contiguous()
        lr = photographed(around, self.bank, drawn, white, scale, side)
        inner = slice(MARGIN * scale, MARGIN * scale + crop)
        return lr, around[..., inner, inner].float().div_(255)

    def _random(self, row: int, corner: I64, step: int, place: int, device: torch.device) -> Tensor:
        """Return LR of the crop at a place of a step's batch, degraded at random, [3, h, h]."""
        settings, scale = self.settings, self.scale
        rng = stream(settings.seed, "batch-random", step, place)
        lr = random_lr(self.pairs.hr, row, self._in_hr(corner), settings.crop, scale, rng)
        return unit_batch(lr[None], device)[0]

    def _in_hr(self, corners: I64) -> I64:
        """Return where crops begin in their HR tiles, of corners as `_places` counts them."""
        if self.bank is not None:
            return corners
        if self.kernels is None:
            return corners * self.scale
        return corners + margin(self.kernels.shape[1], self.scale)

    def _noisy(
        self,
        lr: Tensor,
        pairs: I64,
        whose: I64 | None,
        key: tuple[str | int, ...],
        share: slice,
    ) -> Tensor:
        """Return LR with noise by the settings' model.

        ``pairs`` are the rows that LR is of, ``whose`` which bank's noise each gets of several.
        """
        if self.noise is None:
            return lr
        count = len(lr) if share == slice(None) else self.settings.batch
        model, left = model_of(self.settings.noise_model), self.left[pairs]
        draws: Key = (self.settings.seed, *key)
        if whose is None or self.cameras is None:
            return noisy(model, lr, self.noise, left, draws, count, share)
        return noisy_by_bank(model, lr, self.cameras.banks, whose, left, draws, count, share)


def served(
    store: Store,
    scale: int,
    settings: TrainingSettings,
    references: ReferenceTiles | None = None,
) -> TrainingData:
    """Return a store's pairs with what training on them asks for: noise, kernels, cameras.

    Raises:
        SettingsError: LR of imported pairs is to be made on the fly; or as `training_data` says.
        StoreError: Something of it is missing, or was made from other photos, kernels or noise than
            the store holds now.
        TrainingError: As `training_data` says.
    """
    pairs = store.pairs(scale)
    check_pairs_current(store, scale)
    on_the_fly = settings.degradation == "on-the-fly"
    if on_the_fly and (pairs.kernel == -2).any():
        raise SettingsError(
            f"{store.location}: the x{scale} pairs were imported, how their LR was made is "
            "not known: on the fly it would be made otherwise; leave degradation at stored"
        )
    if on_the_fly and (pairs.kernel == BY_LENS).any():
        raise SettingsError(
            f"{store.location}: LR of the x{scale} pairs has a lens's kernel of each place, crops "
            "on the fly would not; leave degradation at stored, or build the pairs with "
            "--kernels estimated"
        )
    if pairs.camera is not None:
        bank = None if settings.degradation == "stored" else store.camera()
        return training_data(pairs, None, settings, None, references, None, bank)
    kernels = store.kernels(scale) if on_the_fly else None
    noise = store.noise() if settings.noise else None
    for group, found in ((kernels_group(scale), kernels), (NOISE, noise)):
        if found is not None:
            check_measured_on_photos(store, group)
    made_with = store.kernels(scale) if (pairs.kernel >= 0).any() else kernels
    together = None if noise is None else noise_of_kernels(store, made_with)
    left = None
    if together is not None and model_of(settings.noise_model).of_sensor:
        left = noise_left(store, pairs, together)
    cameras = cameras_of(pairs, made_with, together)
    return training_data(pairs, noise, settings, kernels, references, left, cameras=cameras)


def training_data(
    pairs: PairTiles,
    noise: NoiseTiles | None,
    settings: TrainingSettings,
    kernels: KernelBank | None = None,
    references: ReferenceTiles | None = None,
    left: F32 | None = None,
    bank: CameraSamples | None = None,
    cameras: PairCameras | None = None,
) -> TrainingData:
    """Check that a store's pairs, noise, kernels and references serve the settings.

    ``left``, [M], is the share of the noise's variance that each LR has already; None is none.
    ``bank`` has the cameras that took the pairs' LR, to take it anew on the fly; ``cameras`` tells
    which kernels and noise go together.

    Raises:
        SettingsError: Crop, scale, batch, noise or references do not fit what the store holds.
        TrainingError: No pair to train on, or no noise or kernels although they are asked for.
    """
    train, valid = (np.flatnonzero(pairs.split == name) for name in ("train", "valid"))
    if not len(train):
        raise TrainingError(
            f"the x{pairs.scale} pairs have none in split 'train'; "
            f"run `degrade build-pairs --scale {pairs.scale}` with more photos"
        )
    check_crop(pairs, settings.crop)
    content = pairs.content
    has_noise = bool(np.all(np.asarray(pairs.noise) == BY_CAMERA))
    if settings.noise and not has_noise:
        check_noise(pairs, noise, settings.crop)
    content += f" {noise.content}" if settings.noise and noise else " no-noise"
    weights = None
    if settings.degradation == "on-the-fly" and not has_noise:
        weights = fitting_kernels(pairs, kernels, settings.crop)
        content += f" {kernels.content}" if kernels else ""
    found = None
    if isinstance(settings, ReferenceTraining):
        found = fitting_references(references, settings, train)
        content += f" {found.tiles.content}"
    patches = noise if settings.noise else None
    rest = np.zeros(len(pairs.split), np.float32) if left is None else left
    data = TrainingData(
        pairs, patches, weights, settings, train, valid, content, rest, bank, found, cameras
    )
    if settings.batch > (most := data.different_crops):
        raise SettingsError(
            f"batch is {settings.batch}, larger than the set: its {len(train)} training pairs have "
            f"{most} different crops of {settings.crop}; set batch to at most {most}"
        )
    return data
