"""Training a method, as `degrade train` does, for a caller of functions."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from degrade import arguments
from degrade.api.store import StoreArrays, open_store
from degrade.api.texts import in_arguments
from degrade.arguments import PathLike
from degrade.yaml_settings import validated
from pipelines.execution.progress import ProgressCallback
from pipelines.stages.train import dists_for, train_method, vgg_for
from sr_train.settings import METHODS
from sr_train.weights.published import weights_path

MethodName = Literal["esrgan", "srgan", "psnr", "srntt", "ttsr"]


def train(
    method: MethodName,
    source: StoreArrays | PathLike,
    folder: PathLike,
    *,
    hr: PathLike | None = None,
    scale: int | None = None,
    steps: int | None = None,
    settings: Mapping[str, Any] | None = None,
    perceptual: bool = True,
    vgg_weights: PathLike | None = None,
    dists_weights: PathLike | None = None,
    init: PathLike | None = None,
    resume: bool = False,
    overwrite: bool = False,
    progress: ProgressCallback | None = None,
) -> Path:
    """Train a network on a store's pairs, or on two folders of images.

    Args:
        method: ``esrgan``, ``srgan``, ``psnr``, ``srntt`` or ``ttsr``.
        source: The store, or its address; with ``hr`` the folder of LR images.
        folder: Gets ``weights.safetensors``, checkpoints, a log and samples.
        hr: Folder of HR images, each ``scale`` times the size of its LR.
        scale: Which pairs; None if there is one scale.
        steps: Steps in all; the stages keep their shares. None trains as long as published.
        settings: The method's fields that are to differ from the published ones, nested as in a
            recipe's YAML: ``{"crop": 64, "network": {"blocks": 3}}``.
        perceptual: Whether there is a perceptual loss, which needs ``vgg_weights``.
        vgg_weights: torchvision's VGG19 weights; or ``stlpips-vgg16`` (extra ``stlpips``), with
            ``perceptual_layers`` of VGG16 such as ``{"conv5_3": 1.0}``.
        dists_weights: torchvision's VGG16 weights, for the loss ``dists`` (extra ``dists``); None:
            torch hub's cache.
        init: Weights to start from; or ``realsr-df2k`` or ``realesrgan-x4plus`` (extra
            ``published``).
        resume: Go on from the folder's checkpoint, if there is one.
        overwrite: Drop the run that the folder holds.
        progress: Called with ``train METHOD``, how many steps are done, and all of them.

    Returns:
        The weights' path, for `load_network`.

    Raises:
        PathNotFound: The store, a folder or a file is not there (a `FileNotFoundError`).
        SettingsError: An argument or a setting is not acceptable (a `ValueError`).
        WeightsError: A file of weights is of no use (a `ValueError`).
        TrainingError: Training cannot start, or diverged.
    """
    name = arguments.one_of(method, "method", tuple(METHODS))
    chosen = validated(METHODS[name], dict(settings or {}), f"train {name}")
    if steps is not None:
        chosen = chosen.scaled_to(arguments.whole(steps, "steps", 1))
    if not perceptual:
        chosen = chosen.without_perceptual()
    with in_arguments():
        vgg = vgg_for(chosen, _weights(vgg_weights, "vgg_weights"), download=False)
        dists = dists_for(chosen, _weights(dists_weights, "dists_weights"))
    where = arguments.path(folder, "folder")
    folders = None
    if hr is not None:
        images = source.location if isinstance(source, StoreArrays) else source
        folders = (arguments.folder(images, "source"), arguments.folder(hr, "hr"))
    store = source if folders or isinstance(source, StoreArrays) else open_store(source)
    location = store.location if isinstance(store, StoreArrays) else ""

    def report_step(done: int) -> None:
        if progress is not None:
            progress(f"train {name}", done, chosen.steps)

    with in_arguments():
        report = train_method(
            location,
            name,
            chosen,
            where,
            scale=scale,
            vgg=vgg,
            dists=dists,
            init=_weights(init, "init"),
            resume=resume,
            overwrite=overwrite,
            folders=folders,
            on_step=report_step,
        )
    return Path(report.weights)


def _weights(path: PathLike | None, name: str) -> Path | None:
    return None if path is None else weights_path(path, name)
