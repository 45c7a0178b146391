"""Run a recipe: its stages in order, complete ones skipped, and a manifest of what happened."""

import hashlib
import json
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from degrade.atomic_file import replacing
from degrade.errors import SettingsError, StoreError
from degrade.store.reader import open_store
from degrade.store.schema import Domain
from degrade.store.stages import software
from pipelines.execution.cluster import Client
from pipelines.execution.stage_time import StageTime, clocked
from pipelines.photos.cache import PhotoMeasure, end_cache, plan_cache
from pipelines.recipes.recipe import Recipe, stages_of
from pipelines.stage import Job, Stage, Work

MANIFEST = "manifest.json"
SCRATCH = 20_000_000_000
"""Bytes: the HR images of about 2000 photos of 12 megapixels, halved."""


@dataclass(frozen=True)
class RunOptions:
    """What a recipe does not say: where the photos, the store and the results are.

    Attributes:
        source: Folder of real photos; None takes the one the store knows.
        target: Folder of clean photos, for recipes that need one.
        store: The store.
        runs: Folder in which the run's folder is made.
        device: Device of kernel estimation and training: "auto", "cpu" or "cuda"; "auto" leaves
            training the recipe's.
        overwrite: Make stages again whose settings or inputs changed.
        vgg_weights: File of VGG19 weights; None looks in the torch hub cache.
        download_vgg: Fetch the VGG19 weights if they are not there.
        dists_weights: File of VGG16's weights, for the loss dists; None looks there, too.
        init: Weights that training starts from.
        scratch: Bytes of disk that cleaned-up photos may take until pairs are made of them; a photo
            that finds no room is decoded a second time.
    """

    source: Path | None
    target: Path | None
    store: str
    runs: Path
    device: str = "auto"
    overwrite: bool = False
    vgg_weights: Path | None = None
    download_vgg: bool = False
    dists_weights: Path | None = None
    init: Path | None = None
    scratch: int = SCRATCH


@dataclass(frozen=True)
class StageRecord:
    """One line of the manifest."""

    stage: str
    seconds: float
    skipped: bool
    content: str
    report: dict[str, Any]


@dataclass(frozen=True)
class Manifest:
    """What a run did; written beside its results, never into the store."""

    recipe: dict[str, Any]
    options: dict[str, Any]
    software: dict[str, str]
    stages: list[StageRecord]


@dataclass(frozen=True)
class _Step:
    stage: Stage
    settings: Any
    work: Work


def run_recipe(recipe: Recipe, options: RunOptions, client: Client) -> Manifest:
    """Run every stage of a recipe.

    What can be known to fail is checked before the first stage. Stages that are complete with the
    same settings and inputs are skipped; a run that was killed goes on where it stopped.

    The first stage decodes each photo once, and caches there and then what the later stages measure
    of its pixels: see `pipelines.photos.cache`. The time of that is charged to the stages it is
    for, as is that of any stage which caches something for a later one.

    Raises:
        DegradeError: A stage cannot do its work; the manifest of what was done is written.
    """
    if recipe.target and options.target is None:
        raise SettingsError(f"recipe {recipe.name} uses clean photos: name their folder (--target)")
    folder = options.runs / recipe.name
    chosen = stages_of(recipe)
    cache = plan_cache(options.store, options.scratch, _measures(recipe, options))
    job = Job(recipe, options, client, folder, cache)
    steps = [_Step(stage, settings, stage.work(job, settings)) for stage, settings in chosen]
    _make(folder)
    described = {name: _plain(value) for name, value in vars(options).items()}
    records: list[StageRecord] = []
    manifest = Manifest(recipe.model_dump(mode="json"), described, software(), records)
    last = max(i for i, step in enumerate(steps) if not i or step.stage.measures(step.settings))
    owed = StageTime()
    for number, step in enumerate(steps):
        with clocked() as spent:
            record = _run(step, job)
        own = record.seconds - sum(spent.others.values()) + owed.others.get(step.stage.name, 0.0)
        owed.add(spent)
        records.append(replace(record, seconds=round(own, 2)))
        if number == last:
            end_cache(options.store, client)
        _write_manifest(folder, manifest)
    return manifest


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(
            f"{folder}: cannot be made ({error.strerror}); pick another --runs folder"
        ) from error


def _measures(recipe: Recipe, options: RunOptions) -> dict[Domain, dict[str, PhotoMeasure]]:
    """Return what the stages that are still to be made measure of each domain's photos."""
    measures: dict[Domain, dict[str, PhotoMeasure]] = {}
    for stage, settings in stages_of(recipe):
        wanted = stage.measures(settings)
        if wanted and (
            options.overwrite or not _content(options.store, stage.group_at(recipe.scale))
        ):
            for domain, measure in wanted.items():
                measures.setdefault(domain, {})[stage.name] = measure
    return measures


def _run(step: _Step, job: Job) -> StageRecord:
    before = _made(step.stage, job)
    began = time.monotonic()
    report = dict(step.work())
    seconds = round(time.monotonic() - began, 2)
    content = _made(step.stage, job)
    skipped = bool(content) and before == content
    return StageRecord(step.stage.name, seconds, skipped, content, report)


def _made(stage: Stage, job: Job) -> str:
    """Return the hash of what a stage makes, empty while it is not made."""
    if stage.result is not None:
        return _hash(stage.result(job.folder))
    return _content(job.options.store, stage.group_at(job.recipe.scale))


def _content(location: str, group: str) -> str:
    """Return the content hash of a stage's group, empty if it is not complete."""
    try:
        stage = open_store(location).stages().get(group)
    except StoreError:
        return ""  # nothing there yet, or damaged: the stage itself says so, or mends it
    return str(stage.get("content", "")) if stage else ""


def _hash(path: Path) -> str:
    """Return the SHA-256 of a file, empty if there is none."""
    if not path.is_file():
        return ""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _write_manifest(folder: Path, manifest: Manifest) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with replacing(folder / MANIFEST) as aside:
        aside.write_text(json.dumps(asdict(manifest), indent=2) + "\n", encoding="utf-8")


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, Path) else value
