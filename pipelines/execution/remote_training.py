"""Training on a worker of a cluster that has a GPU, with its progress shown here."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from distributed import Worker, get_worker

from degrade.errors import TrainingError
from pipelines.descriptions.train import TrainStage
from pipelines.execution.cluster import Client
from pipelines.execution.progress import track
from pipelines.execution.streaming import stream, subscribed
from pipelines.stages.train import TrainReport, dists_for, is_begun, train_method, vgg_for
from sr_train.weights.published import origin

SECONDS_BETWEEN_NEWS = 1.0


@dataclass(frozen=True)
class RemoteTraining:
    """A recipe's training: as `train_method` takes it, with the paths that the worker opens."""

    location: str
    training: TrainStage
    scale: int
    run_folder: Path
    vgg_weights: Path | None
    download_vgg: bool
    dists_weights: Path | None
    init: Path | None
    overwrite: bool


def train_on_worker(client: Client, task: RemoteTraining) -> TrainReport:
    """Train on a worker that declares ``GPU=1``; one that dies is replaced from its checkpoint.

    Raises:
        DegradeError: As `train_method` and `pipelines.execution.streaming.stream` do.
    """
    name, steps = _name(task), task.training.settings.steps
    with track(name, steps, "steps") as counter:

        def show_step(step: int) -> None:
            counter.advance(max(0, step - counter.done))

        with subscribed(client, name, show_step):
            (report,) = stream(client, _train, [_absolute(task)], {"GPU": 1.0})
        show_step(steps)
    return replace(report, weights=str(task.run_folder / Path(report.weights).name))


def _name(task: RemoteTraining) -> str:
    return f"train {task.training.method}"


def _absolute(task: RemoteTraining) -> RemoteTraining:
    """Return the task with paths that do not depend on the working folder."""
    return replace(
        task,
        run_folder=task.run_folder.resolve(),
        vgg_weights=_resolved(task.vgg_weights),
        dists_weights=_resolved(task.dists_weights),
        init=_resolved(task.init),
    )


def _resolved(path: Path | None) -> Path | None:
    """Return an absolute path; a published name stands for a file of the worker's own."""
    return path if path is None or origin(path) else path.resolve()


def _train(task: RemoteTraining) -> TrainReport:
    """Train in the worker, or go on from where a killed worker stopped."""
    settings = task.training.settings
    return train_method(
        task.location,
        task.training.method,
        settings,
        task.run_folder,
        scale=task.scale,
        vgg=vgg_for(settings, task.vgg_weights, task.download_vgg),
        dists=dists_for(settings, task.dists_weights),
        init=task.init,
        resume=is_begun(task.run_folder),
        overwrite=task.overwrite,
        on_step=_step_logger(get_worker(), _name(task)),
    )


def _step_logger(worker: Worker, topic: str) -> Callable[[int], None]:
    """Return what logs the steps done every second, and ends a training that nobody waits for."""
    key = worker.get_current_task()
    last = time.monotonic()

    def on_step(step: int) -> None:
        nonlocal last
        if time.monotonic() - last < SECONDS_BETWEEN_NEWS:
            return
        last = time.monotonic()
        # Dask ends no running task: one whose client is gone would write beside its successor.
        task = worker.state.tasks.get(key)
        if task is None or task.state == "cancelled":
            raise TrainingError(f"{topic}: the command that asked for it is gone; run it again")
        worker.log_event(topic, step)

    return on_step
