"""A whole run: checks, folder, generator, then the stages of a method one after the other."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from degrade.errors import SettingsError, TrainingError
from degrade.randomness import derive
from sr_train.architectures import Discriminator
from sr_train.compute.device import check_compilation, choose_device, cpu_threads, seeded, to_device
from sr_train.compute.parallel import joined, rank, share, share_statistics
from sr_train.losses.perceptual import FrozenNetworks
from sr_train.network_files import load_into, save_weights
from sr_train.networks.dists import Dists, dists_missing
from sr_train.networks.generator import Generator
from sr_train.networks.lpips import Lpips
from sr_train.networks.vgg19 import VggFeatures, vgg19_missing
from sr_train.settings.common import TrainingSettings
from sr_train.training.checkpoint import Checkpoint
from sr_train.training.loop import WEIGHTS_NAME, Data, Progress, Run, TrainingStage, run_stage
from sr_train.training.optimisers import prepare_gradients
from sr_train.training.run_folder import drop_run, open_folder, state_to_resume, steps_before
from sr_train.training.validation import check_validation
from sr_train.weights.published import origin

DISCRIMINATOR_NAME = "weights_discriminator.safetensors"

MakeStage = Callable[[Any, Any, FrozenNetworks], TrainingStage]
"""Builds a stage from the method's settings, its generator and what its losses look through."""


@dataclass(frozen=True)
class Method:
    """What a method file offers.

    ``generator`` builds the network from the method's settings and a scale; ``stages`` has a
    builder for each stage of the settings, by its field's name. ``discriminator`` builds what the
    stage ``gan`` trains against, if there is one. ``start`` gives a new generator weights of VGG19.
    """

    generator: Callable[[Any, int], Generator]
    stages: Mapping[str, MakeStage]
    discriminator: Callable[[Any], Discriminator] | None = None
    start: Callable[[Any, VggFeatures], None] | None = None


def train(
    method: Method,
    data: Data,
    settings: TrainingSettings,
    run_folder: Path,
    *,
    resume: bool = False,
    overwrite: bool = False,
    vgg: VggFeatures | None = None,
    dists: Dists | None = None,
    init: Path | None = None,
    init_discriminator: Path | None = None,
    provenance: Mapping[str, Any] | None = None,
    progress: Callable[[Progress], None] | None = None,
    lpips: Lpips | None = None,
) -> Path:
    """Train a method's generator and return the path of its weights.

    The folder gets ``weights.safetensors`` (averaged weights), ``weights_STAGE.safetensors`` (what
    the stage after STAGE started from), ``weights_discriminator.safetensors`` if there is one,
    ``checkpoint.pt`` and ``checkpoint_older.pt`` (the last two states), ``settings.yaml``,
    ``provenance.json``, ``log/`` and ``samples/``. On a CPU with the same number of threads a run
    has the same bytes each time, however often it was stopped and resumed.

    Args:
        method: What to train.
        data: Batches; the network has its scale.
        settings: The method's settings.
        run_folder: Made if it is not there; must hold no other run.
        resume: Go on from the folder's checkpoint.
        overwrite: Drop the run that the folder holds, unless it is resumed.
        vgg: Returns the features of ``settings.vgg_layers``; see ``open_vgg19``.
        dists: Of the loss ``dists``; see ``open_dists``.
        init: Weights to start from, such as RealSR's RRDB_PSNR_x4.pth; left alone on resume.
        init_discriminator: The same for the discriminator, if the run begins with the GAN stage.
        provenance: What else is known of the data (store, hashes), for ``provenance.json``.
        progress: Called after every step.
        lpips: Measured at validation beside PSNR and SSIM; see ``open_lpips``.

    Raises:
        WeightsError: Weights to start from do not fit, or there is no VGG19 for the perceptual
            loss or no DISTS for its own.
        SettingsError: ``init_discriminator`` for a run that does not begin with a GAN stage, crops
            too small for LPIPS.
        TrainingError: No checkpoint to resume, a run in the way, divergence; compilation asked for
            where torch cannot compile.
    """
    if settings.vgg_layers and vgg is None:
        raise vgg19_missing(None, settings.vgg_use)
    if settings.uses_dists and dists is None:
        raise dists_missing()
    check_validation(settings.crop, lpips)
    with seeded(derive(settings.seed, "initial-weights", "generator")):
        generator = method.generator(settings, data.scale)
    state = _state(run_folder, settings, data, overwrite) if resume else None
    if init and state is None:
        load_into(generator, init)
    elif method.start and vgg and state is None:
        method.start(generator, vgg)
    if init_discriminator and state is None:
        _check_discriminator(method, settings, init_discriminator)
    known: dict[str, Any] = {
        "content": data.content,
        "scale": data.scale,
        "init": init and str(init),
    }
    if init and (whose := origin(init)):
        known["init_published"] = whose
    known["init_discriminator"] = init_discriminator and str(init_discriminator)
    frozen = FrozenNetworks(vgg, dists)
    for name, files in (("lpips", lpips.files if lpips else ()), *frozen.files()):
        known[name] = [asdict(file) | {"path": str(file.path)} for file in files] or None
    with joined(choose_device(settings.device)) as device, cpu_threads(settings.threads):
        share(settings.batch)
        if settings.compile:
            check_compilation(device)
        log = None
        if rank() == 0:
            if overwrite and state is None:
                drop_run(run_folder)
            log = open_folder(run_folder, settings, state, known | dict(provenance or {}))
        lpips = lpips and lpips.to(device)
        run = Run(run_folder, settings, data, device, log, progress if log else None, lpips)
        try:
            to_device(generator, device)
            ready = frozen.ready(settings, device)
            _run_stages(run, method, generator, ready, state, init_discriminator)
        finally:
            if log:
                log.close()
    return run_folder / WEIGHTS_NAME


def _check_discriminator(method: Method, settings: TrainingSettings, path: Path) -> None:
    """Refuse weights that do not fit before there is any work."""
    first = next(name for name, stage in settings.stages.items() if stage.steps)
    if method.discriminator is None or first != "gan":
        raise SettingsError(
            f"{path}: weights of a discriminator are for runs that begin with a GAN stage: "
            "leave them out, or set psnr.steps to 0"
        )
    with seeded(settings.seed):
        load_into(method.discriminator(settings), path)


def _state(
    folder: Path, settings: TrainingSettings, data: Data, overwrite: bool
) -> Checkpoint | None:
    """Return what to go on from; with ``overwrite`` none if the folder's run is another."""
    try:
        return state_to_resume(folder, settings, data.content)
    except TrainingError:
        if not overwrite:
            raise
        return None


def _run_stages(
    run: Run,
    method: Method,
    generator: Generator,
    frozen: FrozenNetworks,
    state: Checkpoint | None,
    init_discriminator: Path | None,
) -> None:
    """Run the stages from the checkpoint's on; each starts from the average of the one before."""
    stages = run.settings.stages
    names = [name for name in stages if stages[name].steps or (state and name == state.stage)]
    for name in names[names.index(state.stage) if state else 0 :]:
        stage = method.stages[name](run.settings, generator, frozen)
        stage.before = steps_before(run.settings, name)
        _prepare(run.settings, stage)
        if state and state.stage == name:
            state.restore(stage.networks, stage.optimisers)
            stage.done = state.step
        against = stage.networks.get("discriminator")
        if isinstance(against, Discriminator) and init_discriminator and state is None:
            load_into(against, init_discriminator)
        run_stage(run, stage)
        generator.load_state_dict(stage.average.state_dict())
        if isinstance(against, Discriminator) and rank() == 0:
            save_weights(run.folder / DISCRIMINATOR_NAME, against)
        if name != names[-1] and rank() == 0:
            save_weights(run.folder / f"weights_{name}.safetensors", generator)


def _prepare(settings: TrainingSettings, stage: TrainingStage) -> None:
    """Give a stage what every method has: clipping, several processes, compilation."""
    for optimiser in stage.optimisers.values():
        prepare_gradients(optimiser, settings.clip)
    for network in stage.networks.values():
        share_statistics(network)
    if settings.compile:
        for block in stage.live.body:
            block.compile()
