"""Stage `train`: a store's pairs to network weights, in this process."""

from dataclasses import dataclass
from pathlib import Path

from degrade.errors import SettingsError
from degrade.store.backend import local_path
from degrade.store.reader import NoiseBank, Store, open_store
from pipelines.progress import track
from pipelines.stages.build_pairs import check_pairs_current
from sr_train.methods import esrgan
from sr_train.networks.vgg19 import VGG19Features, open_vgg19
from sr_train.parts.checkpoint import FILE_NAME
from sr_train.parts.loop import Progress
from sr_train.settings import EsrganSettings


@dataclass(frozen=True)
class TrainReport:
    """Where the weights are, and how many steps they have seen."""

    weights: str
    steps: int


def the_scale(store: Store, kind: str, wanted: int | None) -> int:
    """Return the scale to work on: the one asked for, or the only one the store has.

    Raises:
        SettingsError: None was asked for and the store has several, or none.
    """
    found = store.scales(kind)
    if wanted is not None:
        return wanted
    if len(found) == 1:
        return found[0]
    if not found:
        raise SettingsError(f"{store.location}: holds no {kind}; run `degrade build-pairs` first")
    listed = ", ".join(f"x{scale}" for scale in found)
    raise SettingsError(f"{store.location}: holds {kind} for {listed}; say which with --scale N")


def vgg_for(settings: EsrganSettings, path: Path | None, download: bool) -> VGG19Features | None:
    """Return VGG19 if a loss needs it; called before any work, so that a missing file costs none.

    Raises:
        WeightsError: A loss needs it and there is no file.
    """
    return (
        open_vgg19(list(settings.perceptual_layers), path, download) if settings.needs_vgg else None
    )


def train_esrgan(
    location: str,
    settings: EsrganSettings,
    run_folder: Path,
    *,
    scale: int | None = None,
    vgg: VGG19Features | None = None,
    init: Path | None = None,
    resume: bool = False,
    overwrite: bool = False,
) -> TrainReport:
    """Train ESRGAN on a store's pairs; ``overwrite`` drops the run that the folder holds.

    Raises:
        DegradeError: As `sr_train.methods.esrgan.train` does.
    """
    store, folder = open_store(location), local_path(location)
    pairs = store.pairs(the_scale(store, "pairs", scale))
    check_pairs_current(store, pairs.scale)
    noise: NoiseBank | None = store.noise() if settings.noise else None
    total = settings.psnr.steps + settings.gan.steps
    with track("train esrgan", total, "steps") as counter:

        def show(progress: Progress) -> None:
            counter.advance(progress.step - counter.done)

        weights = esrgan.train(
            pairs,
            noise,
            settings,
            run_folder,
            resume=resume and is_begun(run_folder),
            overwrite=overwrite,
            vgg=vgg,
            init=init,
            provenance={"store": str(folder.resolve()) if folder else location},
            progress=show,
        )
    return TrainReport(str(weights), total)


def is_begun(run_folder: Path) -> bool:
    """Return whether a run can be resumed from a folder."""
    return (run_folder / FILE_NAME).exists()
