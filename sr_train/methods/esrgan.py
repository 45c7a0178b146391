"""ESRGAN as RealSR trains it: a PSNR stage with L1, then a GAN stage with three losses.

Wang et al. 2018, *ESRGAN*; Ji et al. 2020, *Real-World Super-Resolution via Kernel Estimation and
Noise Injection*. The discriminator is the 70x70 patch discriminator of RealSR's paper.
"""

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.optim import Adam

from degrade.errors import TrainingError
from degrade.randomness import derive
from sr_train.data import NoiseTiles, PairTiles, TrainingData, training_data
from sr_train.losses.adversarial import discriminator_loss, generator_loss
from sr_train.losses.perceptual import perceptual
from sr_train.losses.pixel import l1
from sr_train.networks.patchgan import PatchDiscriminator
from sr_train.networks.rrdbnet import RRDBNet
from sr_train.networks.vgg19 import VGG19Features, vgg19_missing
from sr_train.parts.checkpoint import FILE_NAME, Checkpoint, load_checkpoint
from sr_train.parts.device import choose_device, cpu_threads, placed
from sr_train.parts.ema import start_average
from sr_train.parts.log import RunLog, write_provenance, write_settings
from sr_train.parts.loop import WEIGHTS_NAME, Progress, Run, Stage, run_stage
from sr_train.parts.seeding import seeded
from sr_train.settings import EsrganSettings, StageSettings
from sr_train.weights import load_into, save_weights

PSNR_WEIGHTS_NAME = "weights_psnr.safetensors"

FREE_FIELDS = {"device", "threads", "log_every", "save_every", "validate_every", "validation_tiles"}
"""Settings that may differ between a run and its resumption, besides the stages still ahead."""


def train(
    pairs: PairTiles,
    noise: NoiseTiles | None,
    settings: EsrganSettings,
    run_folder: Path,
    *,
    resume: bool = False,
    overwrite: bool = False,
    vgg: VGG19Features | None = None,
    init: Path | None = None,
    provenance: Mapping[str, Any] | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> Path:
    """Train RRDBNet on pairs and return the path of its weights.

    The folder gets ``weights.safetensors`` (averaged weights), ``weights_psnr.safetensors`` (what
    the GAN stage started from), ``checkpoint.pt``, ``settings.yaml``, ``provenance.json``, ``log/``
    and ``samples/``. On a CPU with the same number of threads a run has the same bytes each time,
    however often it was stopped and resumed.

    Args:
        pairs: ``store.pairs(scale)``; the network has its scale.
        noise: ``store.noise()``; may be None if ``settings.noise`` is off.
        settings: What to do.
        run_folder: Made if it is not there; must hold no other run.
        resume: Go on from the folder's checkpoint.
        overwrite: Drop the run that the folder holds, unless it is resumed.
        vgg: Returns the features of ``settings.perceptual_layers``; see ``open_vgg19``.
        init: Weights to start from, such as RealSR's RRDB_PSNR_x4.pth; left alone on resume.
        provenance: What else is known of the data (store, hashes), for ``provenance.json``.
        progress: Called after every step.

    Raises:
        SettingsError: The settings do not fit the pairs or the noise bank.
        WeightsError: ``init`` does not fit, or there is no VGG19 for the perceptual loss.
        TrainingError: No training pairs, no checkpoint to resume, a run in the way, divergence.
    """
    data = training_data(pairs, noise, settings)
    if settings.needs_vgg and vgg is None:
        raise vgg19_missing()
    device = choose_device(settings.device)
    generator = _generator(settings, pairs.scale)
    if init and not resume:
        load_into(generator, init)
    state = None
    if resume:
        try:
            state = _state_to_resume(run_folder, settings, data)
        except TrainingError:
            if not overwrite:
                raise
    known = {"content": data.content, "scale": pairs.scale, "init": init and str(init)}
    if overwrite and state is None:
        drop_run(run_folder)
    log = _open_folder(run_folder, settings, state, known | dict(provenance or {}))
    run = Run(run_folder, settings, data, device, log, progress)
    with cpu_threads(settings.threads):
        try:
            return _two_stages(run, placed(generator, device), vgg and placed(vgg, device), state)
        finally:
            log.close()


def _two_stages(
    run: Run, generator: RRDBNet, vgg: VGG19Features | None, state: Checkpoint | None
) -> Path:
    if run.settings.psnr.steps and not (state and state.stage == "gan"):
        stage = psnr_stage(run, generator)
        _restore(stage, state)
        run_stage(run, stage)
        generator.load_state_dict(stage.average.state_dict())
        state = None
        if run.settings.gan.steps:
            save_weights(run.folder / PSNR_WEIGHTS_NAME, generator)
    if run.settings.gan.steps:
        stage = gan_stage(run, generator, vgg)
        _restore(stage, state)
        run_stage(run, stage)
    return run.folder / WEIGHTS_NAME


def psnr_stage(run: Run, generator: RRDBNet) -> Stage:
    """Return the first stage: L1 alone."""
    optimiser = _adam(generator, run.settings.psnr)
    average = start_average(generator, run.settings.ema)

    def step(lr: Tensor, hr: Tensor) -> dict[str, Tensor]:
        loss = l1(generator(lr), hr)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        return {"pixel": loss.detach()}

    return Stage(
        name="psnr",
        settings=run.settings.psnr,
        step=step,
        live=generator,
        average=average,
        networks={"generator": generator, "average": average},
        optimisers={"generator": optimiser},
    )


def gan_stage(run: Run, generator: RRDBNet, vgg: VGG19Features | None) -> Stage:
    """Return the second stage: each step updates the generator, then the discriminator.

    Both see the SR of the generator before its update. SR is not clamped for any loss.
    """
    weights, layers = run.settings.loss, run.settings.perceptual_layers
    with seeded(derive(run.settings.seed, "initial-weights", "discriminator")):
        discriminator = placed(PatchDiscriminator(), run.device)
    generator_adam = _adam(generator, run.settings.gan)
    discriminator_adam = _adam(discriminator, run.settings.gan)
    average = start_average(generator, run.settings.ema)

    def update_generator(sr: Tensor, hr: Tensor) -> dict[str, Tensor]:
        discriminator.requires_grad_(False)
        terms = {"pixel": l1(sr, hr)}
        if weights.perceptual and vgg is not None:
            terms["perceptual"] = perceptual(vgg, sr, hr, layers)
        if weights.adversarial:
            terms["adversarial"] = generator_loss(discriminator(hr), discriminator(sr))
        loss = torch.stack([getattr(weights, name) * term for name, term in terms.items()]).sum()
        generator_adam.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        generator_adam.step()
        return {name: term.detach() for name, term in terms.items()}

    def update_discriminator(sr: Tensor, hr: Tensor) -> dict[str, Tensor]:
        discriminator.requires_grad_(True)
        real, fake = discriminator(hr), discriminator(sr)
        loss = discriminator_loss(real, fake)
        discriminator_adam.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        discriminator_adam.step()
        return {
            "discriminator": loss.detach(),
            "logit_real": real.detach().mean(),
            "logit_fake": fake.detach().mean(),
        }

    def step(lr: Tensor, hr: Tensor) -> dict[str, Tensor]:
        sr = generator(lr)
        return update_generator(sr, hr) | update_discriminator(sr.detach(), hr)

    return Stage(
        name="gan",
        settings=run.settings.gan,
        step=step,
        live=generator,
        average=average,
        networks={"generator": generator, "average": average, "discriminator": discriminator},
        optimisers={"generator": generator_adam, "discriminator": discriminator_adam},
        before=run.settings.psnr.steps,
    )


def _generator(settings: EsrganSettings, scale: int) -> RRDBNet:
    with seeded(derive(settings.seed, "initial-weights", "generator")):
        return RRDBNet(scale, **settings.network.model_dump())


def _adam(network: torch.nn.Module, stage: StageSettings) -> Adam:
    return Adam(network.parameters(), lr=stage.learning_rate, betas=stage.betas)


def _restore(stage: Stage, state: Checkpoint | None) -> None:
    if state and state.stage == stage.name:
        state.restore(stage.networks, stage.optimisers)
        stage.done = state.step


def drop_run(folder: Path) -> None:
    """Delete what an earlier run left in a folder."""
    for name in (FILE_NAME, WEIGHTS_NAME, PSNR_WEIGHTS_NAME):
        (folder / name).unlink(missing_ok=True)
    for name in ("log", "samples"):
        shutil.rmtree(folder / name, ignore_errors=True)


def _steps_done(state: Checkpoint | None, settings: EsrganSettings) -> int:
    if state is None:
        return 0
    return state.step + (settings.psnr.steps if state.stage == "gan" else 0)


def _open_folder(
    folder: Path, settings: EsrganSettings, state: Checkpoint | None, provenance: Mapping[str, Any]
) -> RunLog:
    """Write the run's settings, and its provenance if it is new; return its log."""
    if not state and (folder / FILE_NAME).exists():
        raise TrainingError(
            f"{folder}: holds a run already; go on with --resume, or train anew with --overwrite"
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_settings(folder, settings.model_dump(mode="json"))
        if not state:
            write_provenance(folder, provenance)
        return RunLog(folder, _steps_done(state, settings))
    except OSError as error:
        raise TrainingError(f"{folder}: cannot be written ({error}); choose another") from error


def _state_to_resume(folder: Path, settings: EsrganSettings, data: TrainingData) -> Checkpoint:
    state = load_checkpoint(folder / FILE_NAME)
    free = FREE_FIELDS | ({"gan"} if state.stage == "gan" else {"psnr", "gan"})
    asked = settings.model_dump(mode="json")
    changed = [
        f"{name} was {was}, is {asked.get(name)}"
        for name, was in state.settings.items()
        if name not in free and asked.get(name) != was
    ]
    if state.content != data.content:
        changed.append("the store's pairs or noise are others")
    if changed:
        raise TrainingError(
            f"{folder}: the checkpoint is of another run: {'; '.join(changed)}; "
            "give the settings it began with, or pass --overwrite to train anew"
        )
    return state
