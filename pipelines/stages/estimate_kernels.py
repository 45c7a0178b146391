"""Stage `estimate-kernels`: photos to blur kernels, photos side by side in batches."""

from collections import Counter
from dataclasses import dataclass

import numpy as np
from distributed import Client, get_worker

from degrade.kernels.settings import KernelSettings
from degrade.store.parts import Arrays, save_part
from degrade.store.reader import Kernels, open_store
from degrade.store.schema import KERNEL_COLUMNS, kernels_group
from degrade.store.stages import StageIdentity, begin_stage, finish_stage
from degrade.store.writer import write_array, write_columns
from pipelines.cluster import stream
from pipelines.parted import Tally, read_parts, run_parts
from pipelines.photos import Photo, groups, usable_photos
from pipelines.stages.scan import photos_digest

_STAGE = "estimate-kernels"


@dataclass(frozen=True)
class KernelsReport:
    """What was estimated: how many, how many accepted, and why the others were not."""

    kernels: int
    accepted: int
    mean_score: float
    refused: tuple[tuple[str, str], ...]
    """Photo and reason of each refused estimate."""

    def reasons(self) -> Counter[str]:
        """Count the refusals by reason."""
        return Counter(reason for _, reason in self.refused)


@dataclass(frozen=True)
class _Task:
    location: str
    index: int
    photos: tuple[Photo, ...]
    settings: KernelSettings
    device: str

    @property
    def items(self) -> int:
        return len(self.photos)


def estimate_kernels(
    location: str,
    client: Client,
    settings: KernelSettings,
    *,
    device: str = "auto",
    overwrite: bool = False,
) -> KernelsReport:
    """Estimate the kernel of every usable source photo into the store's `kernels/x{s}`.

    Photos are grouped in the order of the store, so that a photo's neighbours in its batch, and
    with them its bytes, are a function of the folder alone.

    Raises:
        NothingToDo: There are no usable photos.
        TrainingError: The device is not there.
        StoreError: There was no scan, or the kernels were begun with other settings.
    """
    sources = open_store(location).sources()
    photos = usable_photos(sources, "source")
    group = kernels_group(settings.scale)
    device = next(stream(client, _device_there, [device]))
    parameters = {**settings.model_dump(), "device": device}
    inputs = {"photos": photos_digest(sources, "source")}
    identity = StageIdentity("estimate-kernels", parameters, inputs)
    if begin_stage(location, group, identity, overwrite=overwrite) != "complete":
        tasks = [
            _Task(location, index, batch, settings, device)
            for index, batch in enumerate(groups(photos, settings.photos_per_batch))
        ]
        run_parts(client, location, group, tasks, _estimate, unit="photos", name=_STAGE)
        parts = list(read_parts(location, group, len(tasks)))
        names = ["weights", *KERNEL_COLUMNS]
        columns = {name: np.concatenate([part[name] for part in parts]) for name in names}
        write_array(location, group, "weights", columns.pop("weights"))
        write_columns(location, group, KERNEL_COLUMNS, columns)
        finish_stage(location, group)
    return _report(open_store(location).kernels(settings.scale), sources.path)


def _device_there(name: str) -> str:
    """Return the device that a worker has for ``auto``, ``cpu`` or ``cuda``."""
    from sr_train.parts.device import choose_device

    return choose_device(name).type


def _estimate(task: _Task) -> Tally:
    """Estimate one batch; torch is imported here, in the worker that needs it."""
    import torch

    from degrade.kernels.kernelgan import estimate_kernels as estimate

    torch.set_num_threads(1)
    worker = get_worker()
    total = task.settings.iterations * task.settings.restarts

    def tell(iterations: int) -> None:
        worker.log_event(_STAGE, iterations / total)

    keys = [photo.sha256 for photo in task.photos]
    pixels = [photo.read() for photo in task.photos]
    estimates = estimate(pixels, keys, task.settings, task.device, tell)
    rows = np.repeat([photo.row for photo in task.photos], task.settings.restarts)
    accepted = np.array([estimate.accepted for estimate in estimates])
    part: Arrays = {
        "weights": np.stack([estimate.weights for estimate in estimates]),
        "source": rows.astype(np.int32),
        "seed": np.array([estimate.seed for estimate in estimates], np.int64),
        "score": np.array([estimate.score for estimate in estimates], np.float32),
        "accepted": accepted,
        "reason": np.array([estimate.reason for estimate in estimates]),
    }
    save_part(task.location, kernels_group(task.settings.scale), task.index, part)
    lost = ~accepted.reshape(len(task.photos), -1).any(axis=1)
    return Tally(len(task.photos), int(lost.sum()))


def _report(kernels: Kernels, paths: np.ndarray[tuple[int], np.dtype[np.generic]]) -> KernelsReport:
    refused = np.flatnonzero(~kernels.accepted)
    scores = kernels.score[kernels.accepted]
    return KernelsReport(
        kernels=len(kernels.accepted),
        accepted=int(kernels.accepted.sum()),
        mean_score=float(scores.mean()) if len(scores) else 0.0,
        refused=tuple((str(paths[kernels.source[i]]), str(kernels.reason[i])) for i in refused),
    )
