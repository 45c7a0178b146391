"""The loop of one training stage: rate, batch, step, average, records, checkpoints."""

import math
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Protocol, TypeVar

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from degrade.errors import TrainingError
from degrade.randomness import derive
from sr_train.compute.device import precision, seeded
from sr_train.compute.parallel import agreed, rank, share
from sr_train.data.batch import Batch
from sr_train.network_files import save_weights
from sr_train.networks.generator import Generator
from sr_train.networks.lpips import Lpips
from sr_train.settings.common import StageSettings, TrainingSettings, averages
from sr_train.training import checkpoint
from sr_train.training.optimisers import copy_average, rate_at, update_average
from sr_train.training.run_log import RunLog
from sr_train.training.validation import validation_scores, validation_sr

WEIGHTS_NAME = "weights.safetensors"
PICTURES = 4
"""Validation pairs shown in a sample picture."""

Step = Callable[[Batch], dict[str, Tensor]]
"""One update from a batch; returns the losses by name, detached."""


class Data(Protocol):
    """Where batches come from; every draw is a function of (seed, step)."""

    @property
    def scale(self) -> int:
        """HR pixels per LR pixel."""

    @property
    def content(self) -> str:
        """Hash of all that the batches depend on."""

    def batch(self, step: int, share: slice, device: torch.device) -> Batch:
        """Return the batch of one step of the run, or a share of it."""

    def validation(self, device: torch.device) -> Batch:
        """Return the pairs that are scored, always the same; may be empty."""


@dataclass(frozen=True)
class Progress:
    """Sent after every step: steps done of the run's total, and the last recorded numbers."""

    stage: str
    step: int
    total: int
    values: dict[str, float]


@dataclass(frozen=True)
class Run:
    """What all stages of a run share."""

    folder: Path
    settings: TrainingSettings
    data: Data
    device: torch.device
    log: RunLog | None
    """None in all but the first of several processes."""
    progress: Callable[[Progress], None] | None
    lpips: Lpips | None = None
    """Validation measures LPIPS too, with this network on ``device``."""


@dataclass
class TrainingStage:
    """One stage: what it trains and how.

    ``networks`` and ``optimisers`` are what a checkpoint must hold; ``average`` is the network that
    is validated and saved, ``live`` the one that it follows. ``before`` counts the run's steps in
    earlier stages, ``done`` those of this one. A group of an optimiser's parameters with an entry
    ``rate_share`` has that share of the stage's rate.
    """

    name: str
    settings: StageSettings
    step: Step
    live: Generator
    average: Generator
    networks: dict[str, nn.Module]
    optimisers: dict[str, Optimizer]
    before: int = 0
    done: int = 0
    values: dict[str, float] = field(default_factory=dict)


def run_stage(run: Run, stage: TrainingStage) -> None:
    """Train until the stage's last step, saving and validating on the way and at its end.

    Raises:
        TrainingError: A loss or weight is not finite; the last good checkpoint is kept.
    """
    part = share(run.settings.batch)
    steps = range(stage.before + stage.done, stage.before + stage.settings.steps)
    with prefetched(partial(run.data.batch, share=part, device=run.device), steps) as batches:
        for batch in batches:
            losses = _one_step(run, stage, batch)
            if _due(stage, run.settings.log_every):
                _record(run, stage, losses)
            _settle(run, stage)
            if run.log and _due(stage, run.settings.validate_every):
                _validate(run, run.log, stage)
            if _due(stage, run.settings.save_every):
                _save(run, stage)
            if run.progress:
                done = stage.before + stage.done
                run.progress(Progress(stage.name, done, run.settings.steps, dict(stage.values)))


def _one_step(run: Run, stage: TrainingStage, batch: Batch) -> dict[str, Tensor]:
    rate = rate_at(stage.settings, stage.done)
    for optimiser in stage.optimisers.values():
        for group in optimiser.param_groups:
            group["lr"] = rate * group.get("rate_share", 1.0)
    draws = derive(run.settings.seed, "layers", stage.before + stage.done, rank())
    # Layers that drop at random draw from torch's generator: the same after a stop as without.
    with precision(run.settings.precision, run.device), seeded(draws):
        losses = stage.step(batch)
    if not averages(stage.settings):
        update_average(stage.average, stage.live, run.settings.ema, stage.done)
    stage.done += 1
    return losses


def _settle(run: Run, stage: TrainingStage) -> None:
    """Bring an average that the optimiser holds up to date, before it is validated or saved."""
    shown = (run.settings.validate_every, run.settings.save_every)
    if averages(stage.settings) and any(_due(stage, every) for every in shown):
        copy_average(stage.average, stage.live, stage.optimisers["generator"])


def _due(stage: TrainingStage, every: int) -> bool:
    return stage.done % every == 0 or stage.done == stage.settings.steps


def _record(run: Run, stage: TrainingStage, losses: dict[str, Tensor]) -> None:
    mean_losses = agreed(torch.stack([loss.float() for loss in losses.values()]))
    values = dict(zip(losses, mean_losses.tolist(), strict=True))
    for name, value in values.items():
        if not math.isfinite(value):
            raise _diverged(run, stage, f"the {name} loss is {value}")
    stage.values |= values
    rate = next(iter(stage.optimisers.values())).param_groups[0]["lr"]
    if run.log:
        run.log.values(stage.name, stage.before + stage.done, values | {"learning_rate": rate})


def _validate(run: Run, log: RunLog, stage: TrainingStage) -> None:
    pairs = run.data.validation(run.device)
    if not len(pairs):
        return
    sr = validation_sr(stage.average, pairs)
    pairs = pairs.on(torch.device("cpu"))
    scores = validation_scores(sr, pairs.hr, run.data.scale, run.lpips)
    stage.values |= scores
    step = stage.before + stage.done
    log.values(stage.name, step, scores)
    log.pictures(step, pairs.lr[:PICTURES], sr[:PICTURES], pairs.hr[:PICTURES])


def _save(run: Run, stage: TrainingStage) -> None:
    for name, network in stage.networks.items():
        if not all(bool(value.isfinite().all()) for value in network.state_dict().values()):
            raise _diverged(run, stage, f"the {name}'s weights are not finite")
    if rank():
        return
    state = checkpoint.Checkpoint(
        stage=stage.name,
        step=stage.done,
        settings=run.settings.model_dump(mode="json"),
        content=run.data.content,
        networks={name: network.state_dict() for name, network in stage.networks.items()},
        optimisers={name: item.state_dict() for name, item in stage.optimisers.items()},
    )
    save_weights(run.folder / WEIGHTS_NAME, stage.average)
    checkpoint.save_checkpoint(run.folder / checkpoint.FILE_NAME, state)


def _diverged(run: Run, stage: TrainingStage, what: str) -> TrainingError:
    if not checkpoint.is_saved(run.folder):
        return TrainingError(
            f"{stage.name} stage, step {stage.done}: {what}; no state was saved yet: "
            f"lower {stage.name}.learning_rate and train anew"
        )
    path = run.folder / checkpoint.FILE_NAME
    return TrainingError(
        f"{stage.name} stage, step {stage.done}: {what}; the last good state is {path}: "
        f"lower {stage.name}.learning_rate and train on from it with --resume"
    )


Made = TypeVar("Made")
DEPTH = 2
"""How many batches are made before they are needed."""


@contextmanager
def prefetched(make: Callable[[int], Made], numbers: Iterable[int]) -> Iterator[Iterator[Made]]:
    """Yield ``make(n)`` for every number in order, each begun some numbers before it is needed.

    What ``make`` raises is raised where its result is asked for.
    """
    with ThreadPoolExecutor(1, thread_name_prefix="prefetch") as thread:
        try:
            yield _in_order(thread, make, iter(numbers))
        finally:
            thread.shutdown(cancel_futures=True)


def _in_order(
    thread: ThreadPoolExecutor, make: Callable[[int], Made], numbers: Iterator[int]
) -> Iterator[Made]:
    waiting: list[Future[Made]] = [thread.submit(make, n) for n in islice(numbers, DEPTH)]
    while waiting:
        made = waiting.pop(0).result()
        waiting += [thread.submit(make, n) for n in islice(numbers, 1)]
        yield made
