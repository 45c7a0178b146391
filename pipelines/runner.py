"""Run a recipe: its stages in order, complete ones skipped, and a manifest of what happened."""

import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from distributed import Client

from degrade.camera.settings import CameraSettings
from degrade.errors import SettingsError, StoreError, WeightsError
from degrade.kernels.settings import KernelSettings, SpectralSettings
from degrade.noise.mining import NoiseSettings
from degrade.references import ReferenceSettings
from degrade.store.reader import open_store
from degrade.store.schema import (
    CAMERA,
    NOISE,
    SOURCES,
    Domain,
    kernels_group,
    pairs_group,
    references_group,
)
from degrade.store.stages import software
from degrade.whole_file import replacing
from pipelines.pair_plan import wanted_hr
from pipelines.recipe import Recipe, TrainStage
from pipelines.remote_training import RemoteTraining, train_on_worker
from pipelines.stages.build_pairs import build_pairs
from pipelines.stages.build_references import build_references
from pipelines.stages.estimate_camera import Looked, estimate_camera
from pipelines.stages.estimate_kernels import Measured, estimate_kernels
from pipelines.stages.mine_noise import Mined, mine_noise
from pipelines.stages.scan import scan
from pipelines.stages.train import is_begun, train_method, vgg_for
from pipelines.visits import Want, end_visits, plan_visits
from pipelines.workers import has_gpu_workers
from sr_train.networks.vgg19 import VGG19Features
from sr_train.parts.loop import WEIGHTS_NAME
from sr_train.settings.common import TrainingSettings

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
    stage: str
    content: Callable[[], str]
    """Returns the hash of what the step makes; empty while it is not made."""
    work: Callable[[], dict[str, Any]]


def run_recipe(recipe: Recipe, options: RunOptions, client: Client) -> Manifest:
    """Run every stage of a recipe.

    What can be known to fail is checked before the first stage. Stages that are complete with the
    same settings and inputs are skipped; a run that was killed goes on where it stopped.

    Raises:
        DegradeError: A stage cannot do its work; the manifest of what was done is written.
    """
    if recipe.target and options.target is None:
        raise SettingsError(f"recipe {recipe.name} uses clean photos: name their folder (--target)")
    training = recipe.stages.train
    folder = options.runs / recipe.name
    steps = _store_steps(recipe, options, client)
    if training:
        vgg = vgg_for(training.settings, options.vgg_weights, options.download_vgg)
        train = partial(_train, training, recipe.scale, options, folder, vgg, client)
        _check_init(options.init)
        steps.append(_Step("train", partial(_hash, folder / WEIGHTS_NAME), train))
    _make(folder)
    described = {name: _plain(value) for name, value in vars(options).items()}
    records: list[StageRecord] = []
    manifest = Manifest(recipe.model_dump(mode="json"), described, software(), records)
    for step in steps:
        records.append(_run(step))
        _write_manifest(folder, manifest)
    return manifest


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(
            f"{folder}: cannot be made ({error.strerror}); pick another --runs folder"
        ) from error


def _check_init(init: Path | None) -> None:
    if init is not None and not init.is_file():
        raise WeightsError(f"{init}: no such weights file; give another with --init")


def _store_steps(recipe: Recipe, options: RunOptions, client: Client) -> list[_Step]:
    """Return the steps that fill the store, in order."""
    store, overwrite, stages = options.store, options.overwrite, recipe.stages
    visits = plan_visits(store, options.scratch, _wants(recipe, options))

    def check() -> dict[str, Any]:
        report = scan(
            store,
            client,
            source=options.source,
            target=options.target,
            policy=recipe.images,
            overwrite=overwrite,
            visits=visits,
        )
        return report.summary()

    def kernels(settings: SpectralSettings | KernelSettings) -> dict[str, Any]:
        report = estimate_kernels(
            store, client, settings, device=options.device, overwrite=overwrite, visits=visits
        )
        return asdict(report)

    def noise(settings: NoiseSettings) -> dict[str, Any]:
        return asdict(mine_noise(store, client, settings, overwrite=overwrite, visits=visits))

    def camera(settings: CameraSettings) -> dict[str, Any]:
        report = estimate_camera(store, client, settings, overwrite=overwrite, visits=visits)
        return asdict(report)

    def pairs() -> dict[str, Any]:
        report = build_pairs(store, client, stages.pairs, overwrite=overwrite, visits=visits)
        end_visits(store, client)
        return asdict(report)

    def references(settings: ReferenceSettings) -> dict[str, Any]:
        return asdict(build_references(store, client, settings, overwrite=overwrite))

    def made(group: str) -> Callable[[], str]:
        return partial(_content, store, group)

    steps = [_Step("check", made(SOURCES), check)]
    if stages.kernels:
        content = made(kernels_group(recipe.scale))
        steps.append(_Step("estimate-kernels", content, partial(kernels, stages.kernels)))
    if stages.noise:
        steps.append(_Step("mine-noise", made(NOISE), partial(noise, stages.noise)))
    if stages.camera:
        steps.append(_Step("estimate-camera", made(CAMERA), partial(camera, stages.camera)))
    steps.append(_Step("build-pairs", made(pairs_group(recipe.scale)), pairs))
    if stages.references:
        found = made(references_group(recipe.scale))
        steps.append(_Step("build-references", found, partial(references, stages.references)))
    return steps


def _wants(recipe: Recipe, options: RunOptions) -> dict[Domain, tuple[Want, ...]]:
    """Return what the stages that are still to be made want of each domain's photos.

    KernelGAN reads its photos itself: decoding is nothing beside training on them.
    """
    stages = recipe.stages

    def is_made(group: str) -> bool:
        return bool(_content(options.store, group)) and not options.overwrite

    wants: list[Want] = []
    if isinstance(stages.kernels, SpectralSettings) and not is_made(kernels_group(recipe.scale)):
        wants.append(Measured())
    if stages.noise and not is_made(NOISE):
        wants.append(Mined(stages.noise))
    if stages.camera and not is_made(CAMERA):
        wants.append(Looked(stages.camera.seed))
    if is_made(pairs_group(recipe.scale)):
        return {"source": tuple(wants)}
    domains: tuple[Domain, ...] = ("source", "target") if stages.pairs.use_target else ("source",)
    if stages.pairs.degradation == "camera" and stages.pairs.use_target:
        return {"source": tuple(wants), "target": (wanted_hr(stages.pairs, "target"),)}
    hr: dict[Domain, Want] = {domain: wanted_hr(stages.pairs, domain) for domain in domains}
    return {d: (*wants, want) if d == "source" else (want,) for d, want in hr.items()}


def _train(
    training: TrainStage,
    scale: int,
    options: RunOptions,
    folder: Path,
    vgg: VGG19Features | None,
    client: Client,
) -> dict[str, Any]:
    """Train here, unless workers of a foreign scheduler have a GPU."""
    settings = _on(training.settings, options.device)
    if settings.device != "cpu" and has_gpu_workers(client):
        task = RemoteTraining(
            options.store,
            training.model_copy(update={"settings": settings}),
            scale,
            folder,
            options.vgg_weights,
            options.download_vgg,
            options.init,
            options.overwrite,
        )
        return asdict(train_on_worker(client, task))
    report = train_method(
        options.store,
        training.method,
        settings,
        folder,
        scale=scale,
        vgg=vgg,
        init=options.init,
        resume=is_begun(folder),
        overwrite=options.overwrite,
    )
    return asdict(report)


def _on(settings: TrainingSettings, device: str) -> TrainingSettings:
    """Let the command's device replace the recipe's, unless it leaves the choice."""
    return settings if device == "auto" else settings.model_copy(update={"device": device})


def _run(step: _Step) -> StageRecord:
    before = step.content()
    began = time.monotonic()
    report = step.work()
    seconds = round(time.monotonic() - began, 2)
    content = step.content()
    return StageRecord(step.stage, seconds, bool(content) and before == content, content, report)


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
