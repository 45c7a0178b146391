"""Stage `train`: a store's pairs to network weights, in the process that it is called in."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from degrade import second_order
from degrade.atomic_file import sweep_partials
from degrade.errors import SettingsError, WeightsError
from degrade.store.backend import local_path
from degrade.store.contents import References
from degrade.store.reader import Store, open_store, the_scale
from pipelines.execution.progress import track
from pipelines.stages.build_references import check_pairs
from sr_train.compute.parallel import is_first
from sr_train.data.folders import open_folders
from sr_train.data.training_data import TrainingData, served, training_data
from sr_train.methods import METHODS
from sr_train.networks.dists import Dists, open_dists
from sr_train.networks.lpips import Lpips
from sr_train.networks.shift_tolerant import NAMES, open_shift_tolerant_vgg16
from sr_train.networks.vgg19 import FILE_NAME as VGG19_FILE
from sr_train.networks.vgg19 import VggFeatures, open_vgg19
from sr_train.settings.common import (
    PERCEPTUAL,
    REFERENCE_SCALE,
    ReferenceTraining,
    TrainingSettings,
)
from sr_train.training.checkpoint import FILE_NAME, is_saved, lost_state
from sr_train.training.loop import Progress
from sr_train.training.training_run import train


@dataclass(frozen=True)
class TrainReport:
    """Where the weights are, and how many steps they have seen."""

    weights: str
    steps: int
    note: str | None = None
    """What resuming had to leave out, as a state was damaged."""

    def as_dict(self) -> dict[str, Any]:
        """Return plain values, without a note where there is none."""
        return {name: value for name, value in asdict(self).items() if value is not None}


def vgg_for(settings: TrainingSettings, path: Path | None, download: bool) -> VggFeatures | None:
    """Return VGG19 if a loss needs it; called before any work, so that a missing file costs none.

    The path ``stlpips-vgg16`` stands for the VGG16 that the package of ST-LPIPS brings along.

    Raises:
        WeightsError: A loss needs it and there is no file, or it cannot do with VGG16.
    """
    if not settings.vgg_layers:
        return None
    if path == NAMES["st-vgg"] and not path.is_file():
        if settings.vgg_use != PERCEPTUAL:
            raise WeightsError(
                f"{path}: is a VGG16 whose maps have other sizes, and {settings.vgg_use.what} "
                f"needs torchvision's VGG19: give {VGG19_FILE}"
            )
        return open_shift_tolerant_vgg16(settings.vgg_layers)
    return open_vgg19(settings.vgg_layers, path, download, settings.vgg_use)


def dists_for(settings: TrainingSettings, path: Path | None) -> Dists | None:
    """Return DISTS' network if a loss needs it; called before any work, as `vgg_for` is.

    Raises:
        WeightsError: A loss needs it, and its weights are not at hand.
    """
    return open_dists(path) if settings.uses_dists else None


def train_method(
    location: str,
    method: str,
    settings: TrainingSettings,
    run_folder: Path,
    *,
    scale: int | None = None,
    vgg: VggFeatures | None = None,
    dists: Dists | None = None,
    init: Path | None = None,
    init_discriminator: Path | None = None,
    resume: bool = False,
    overwrite: bool = False,
    folders: tuple[Path, Path] | None = None,
    on_step: Callable[[int], None] | None = None,
    lpips: Lpips | None = None,
) -> TrainReport:
    """Train a method on a store's pairs; ``overwrite`` drops the run that the folder holds.

    Args:
        location: The store.
        method: A key of `sr_train.methods.METHODS`.
        settings: The method's settings.
        run_folder: Gets the weights, see `sr_train.training.training_run.train`.
        scale: Which pairs; None if the store has those of one scale.
        vgg: See `vgg_for`.
        dists: See `dists_for`.
        init: Weights to start from.
        init_discriminator: The same for the discriminator.
        resume: Go on from the folder's checkpoint, if there is one.
        overwrite: Drop the run that the folder holds.
        folders: Paired folders of LR and HR to train on in place of a store.
        on_step: Called with the run's steps so far after each; None shows them here.
        lpips: Measured at validation, too.

    Raises:
        DegradeError: As `open_folders`, `training_data` and `training_run.train` do.
    """
    if folders:
        data = _folder_data(folders, scale, settings)
        known = {"lr": str(folders[0].resolve()), "hr": str(folders[1].resolve())}
    else:
        data = store_data(location, scale, settings)
        local = local_path(location)
        known = {"store": str(local.resolve()) if local else location}
    if settings.random_share:
        known["random_degradation"] = second_order.ABOUT
    sweep_partials(run_folder)
    going_on = resume and is_begun(run_folder)
    note = lost_state(run_folder / FILE_NAME) if going_on else None
    with _step_callback(method, settings.steps, on_step) as show:
        weights = train(
            METHODS[method],
            data,
            settings,
            run_folder,
            resume=going_on,
            overwrite=overwrite,
            vgg=vgg,
            dists=dists,
            init=init,
            init_discriminator=init_discriminator,
            provenance=known,
            progress=show,
            lpips=lpips,
        )
    return TrainReport(str(weights), settings.steps, note)


def store_data(location: str, scale: int | None, settings: TrainingSettings) -> TrainingData:
    """Return what a method learns from of a store; see `sr_train.data.training_data.served`."""
    store = open_store(location)
    chosen = the_scale(store, "pairs", scale)
    return served(store, chosen, settings, _references(store, settings, chosen))


def _folder_data(
    folders: tuple[Path, Path], scale: int | None, settings: TrainingSettings
) -> TrainingData:
    if settings.noise or settings.degradation == "on-the-fly":
        raise SettingsError(
            "noise and degradation on the fly need a store's noise and kernels, which --lr and "
            "--hr do not have: pass --set noise=false, and leave degradation at stored"
        )
    return training_data(open_folders(*folders, scale, settings.crop), None, settings)


def _references(store: Store, settings: TrainingSettings, scale: int) -> References | None:
    """Return the references of the pairs that the store holds now, if the method needs any."""
    if not isinstance(settings, ReferenceTraining):
        return None
    if scale != REFERENCE_SCALE:
        raise SettingsError(
            f"the pairs are x{scale}: methods with references are built for x{REFERENCE_SCALE}; "
            f"run `degrade build-pairs --scale {REFERENCE_SCALE}`"
        )
    references = store.references(scale)
    check_pairs(store, scale)
    return references


@contextmanager
def _step_callback(
    method: str, steps: int, on_step: Callable[[int], None] | None
) -> Iterator[Callable[[Progress], None]]:
    """Yield what is called after each step, by the first of several processes."""
    if on_step is not None:
        yield lambda progress: on_step(progress.step)
        return
    if not is_first():
        yield lambda progress: None
        return
    with track(f"train {method}", steps, "steps") as counter:
        yield lambda progress: counter.advance(progress.step - counter.done)


def is_begun(run_folder: Path) -> bool:
    """Return whether a run can be resumed from a folder."""
    return is_saved(run_folder)
