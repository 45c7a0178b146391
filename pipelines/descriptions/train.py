"""Description of `train`, and what a recipe says of it: a method and its settings."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from degrade.errors import WeightsError
from pipelines.stage import Fields, Job, Stage, Work
from sr_train.settings import METHODS
from sr_train.settings.common import REFERENCE_SCALE, ReferenceTraining, TrainingSettings
from sr_train.settings.esrgan import EsrganSettings
from sr_train.settings.psnr import PsnrSettings
from sr_train.settings.srgan import SrganSettings
from sr_train.settings.srntt import SrnttSettings
from sr_train.settings.ttsr import TtsrSettings

if TYPE_CHECKING:
    from pipelines.recipes.stage_plans import Basis, StagePlan, State


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class EsrganTraining(_Strict):
    """Training ESRGAN on the pairs that the earlier stages built."""

    method: Literal["esrgan"] = Field(description="what to train")
    settings: EsrganSettings = Field(default=EsrganSettings(), description="the method's settings")


class SrganTraining(_Strict):
    """Training SRGAN on the pairs that the earlier stages built."""

    method: Literal["srgan"] = Field(description="what to train")
    settings: SrganSettings = Field(default=SrganSettings(), description="the method's settings")


class PsnrTraining(_Strict):
    """Training for PSNR alone on the pairs that the earlier stages built."""

    method: Literal["psnr"] = Field(description="what to train")
    settings: PsnrSettings = Field(default=PsnrSettings(), description="the method's settings")


class SrnttTraining(_Strict):
    """Training SRNTT on the pairs and references that the earlier stages built."""

    method: Literal["srntt"] = Field(description="what to train")
    settings: SrnttSettings = Field(default=SrnttSettings(), description="the method's settings")


class TtsrTraining(_Strict):
    """Training TTSR on the pairs and references that the earlier stages built."""

    method: Literal["ttsr"] = Field(description="what to train")
    settings: TtsrSettings = Field(default=TtsrSettings(), description="the method's settings")


TrainStage = EsrganTraining | SrganTraining | PsnrTraining | SrnttTraining | TtsrTraining


def _model(fields: Fields) -> type[BaseModel]:
    return METHODS.get(str(fields.get("method")), TrainingSettings)


def _fits(stages: Any) -> None:
    if stages.train is None or not isinstance(stages.train.settings, ReferenceTraining):
        return
    method, wanted = stages.train.method, stages.train.settings.references
    if stages.references is None:
        raise ValueError(f"{method} learns from references: add the stage `references: {{}}`")
    if stages.pairs.scale != REFERENCE_SCALE:
        raise ValueError(f"{method} is built for scale {REFERENCE_SCALE}: set it at the top")
    if wanted > stages.references.count:
        raise ValueError(
            f"{method} asks for {wanted} references of each pair: set references.count"
        )


def _work(job: Job, training: TrainStage) -> Work:
    """Train here, unless workers of a foreign scheduler have a GPU.

    Raises:
        WeightsError: A loss needs VGG19 or DISTS and there is no file of it, or ``init`` is not
            there.
        DegradeError: The network cannot be built here, as its package or an argument is missing.
    """
    from pipelines.execution.workers import has_gpu_workers
    from pipelines.stages.train import dists_for, is_begun, train_method, vgg_for
    from sr_train.methods import METHODS
    from sr_train.settings.networks import OtherNetwork
    from sr_train.weights.published import located

    options, scale = job.options, job.recipe.scale
    vgg = vgg_for(training.settings, options.vgg_weights, options.download_vgg)
    dists = dists_for(training.settings, options.dists_weights)
    if options.init is not None and not located(options.init).is_file():
        raise WeightsError(f"{options.init}: no such weights file; give another with --init")
    if isinstance(getattr(training.settings, "network", None), OtherNetwork):
        METHODS[training.method].generator(training.settings, scale)  # so that it fails now

    def train() -> dict[str, Any]:
        settings = _on(training.settings, options.device)
        if settings.device != "cpu" and has_gpu_workers(job.client):
            from pipelines.execution.remote_training import RemoteTraining, train_on_worker

            task = RemoteTraining(
                options.store,
                training.model_copy(update={"settings": settings}),
                scale,
                job.folder,
                options.vgg_weights,
                options.download_vgg,
                options.dists_weights,
                options.init,
                options.overwrite,
            )
            return train_on_worker(job.client, task).as_dict()
        report = train_method(
            options.store,
            training.method,
            settings,
            job.folder,
            scale=scale,
            vgg=vgg,
            dists=dists,
            init=options.init,
            resume=is_begun(job.folder),
            overwrite=options.overwrite,
        )
        return report.as_dict()

    return train


def _on(settings: TrainingSettings, device: str) -> TrainingSettings:
    """Let the command's device replace the recipe's, unless it leaves the choice."""
    return settings if device == "auto" else settings.model_copy(update={"device": device})


def _weights(folder: Path) -> Path:
    from sr_train.training.loop import WEIGHTS_NAME

    return folder / WEIGHTS_NAME


def _plan(basis: "Basis", training: TrainStage) -> "StagePlan":
    """Time a step of each stage, in this process; its memory is not estimated."""
    from pipelines.recipes.sample import training_seconds
    from pipelines.recipes.stage_plans import StagePlan

    settings = training.settings
    steps = settings.steps
    done = 0 if basis.options.overwrite else _steps_done(basis, settings)
    state: State = "done" if done == steps else "unfinished" if done else "to do"
    if state == "done":
        return StagePlan(TRAIN.name, state, steps, "steps", 0.0, None, 0, "")
    seconds, before = 0.0, 0
    for name, one in training_seconds(
        training.method, settings, basis.recipe.scale, basis.recipe.stages.pairs.tile
    ).items():
        after = before + settings.stages[name].steps
        seconds += one * max(0, after - max(before, done))
        before = after
    note = "in one process; memory is not foretold" + (f"; {done} steps are done" if done else "")
    return StagePlan(TRAIN.name, state, steps, "steps", seconds, None, 0, note)


def _steps_done(basis: "Basis", settings: TrainingSettings) -> int:
    from sr_train.training.checkpoint import FILE_NAME, is_saved, load_checkpoint
    from sr_train.training.run_folder import steps_done

    folder = basis.options.runs / basis.recipe.name
    return steps_done(load_checkpoint(folder / FILE_NAME), settings) if is_saved(folder) else 0


TRAIN = Stage(
    name="train",
    key="train",
    settings=Annotated[TrainStage, Field(discriminator="method")],
    work=_work,
    plan=_plan,
    result=_weights,
    model=_model,
    inner="settings",
    fits=_fits,
)
