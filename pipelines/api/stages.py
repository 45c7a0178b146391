"""The functions of the public face that run stages over a folder of photos."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from degrade import arguments
from degrade.api.camera import Camera
from degrade.api.kernels import ESTIMATORS, Estimator, FolderKernels, described
from degrade.api.lens import MeasuredLens
from degrade.api.store import StoreArrays
from degrade.api.store import open_store as open_arrays
from degrade.api.texts import in_arguments
from degrade.arguments import PathLike
from degrade.camera.search_settings import CameraSettings
from degrade.errors import SettingsError
from degrade.grouping_setting import GroupBy
from degrade.kernels.estimator_settings import SpectralSettings, settings_model
from degrade.kernels.lens_settings import LensSettings
from degrade.noise.mining import NoiseSettings
from degrade.pairs import PairSettings
from degrade.store.lock import exclusive
from degrade.store.reader import open_store
from degrade.yaml_settings import validated
from pipelines.execution.cluster import Client, connect
from pipelines.execution.progress import ProgressCallback, reporting_to
from pipelines.lens_report import lens_report
from pipelines.stages import build_pairs as pairs_stage
from pipelines.stages import estimate_camera as camera_stage
from pipelines.stages import estimate_kernels as kernels_stage
from pipelines.stages import estimate_lens as lens_stage
from pipelines.stages import mine_noise as noise_stage
from pipelines.stages.check import check_photos, use_sources

Pool = Literal["none", "shrink", "single"]


def estimate_kernels(
    folder: PathLike,
    scale: int = 4,
    estimator: Estimator = "spectral",
    *,
    pool: Pool = "shrink",
    group: GroupBy = "auto",
    seed: int = 0,
    iterations: int = 3000,
    device: Literal["auto", "cpu", "cuda"] = "auto",
    store: PathLike | None = None,
    workers: int = 0,
    progress: ProgressCallback | None = None,
) -> FolderKernels:
    """Estimate the blur kernel of every photo of a folder, as `degrade estimate-kernels` does.

    Args:
        folder: Photos, searched with its subfolders.
        scale: HR pixels per LR pixel: 2, 3, 4 or 8; 2 or 4 for estimators other than spectral.
        estimator: See `estimate_kernel`.
        pool: How photos' kernels are pooled by the spectral estimator: not at all; each kernel is
            drawn towards the folder's as far as they do not really differ; or one for all.
        group: What groups photos of several cameras, whose blurs are not pooled: ``exif``,
            ``folder`` (each subfolder is of one), ``estimates`` (clusters of blurs, of the spectral
            estimator), ``none`` (all are of one), or ``auto``: EXIF, and of photos without it
            subfolders that differ or, in one folder, clusters.
        seed: Of KernelGAN's draws.
        iterations: Of KernelGAN's training.
        device: Where KernelGAN is trained.
        store: Where to keep what was found; None keeps it nowhere.
        workers: Processes; 0 works in this one. A script that starts some needs
            ``if __name__ == "__main__":``.
        progress: Called with the stage's name, how many photos are done, and all of them.

    Raises:
        PathNotFound: The folder is not there (a `FileNotFoundError`).
        NothingToDo: It holds no photo that can be used (a `ValueError`).
        SettingsError: An argument is not acceptable (a `ValueError`).
        NoStore: The store holds kernels that were made otherwise (a `ValueError`).
    """
    photos = arguments.folder(folder, "folder")
    chosen = arguments.one_of(estimator, "estimator", ESTIMATORS)
    fields: dict[str, Any] = {"estimator": chosen, "scale": scale}
    more: dict[str, Any] = {"seed": seed, "iterations": iterations}
    more = {"group": group, **({"pool": pool} if chosen == "spectral" else more)}
    settings = validated(settings_model(fields), fields | more, "estimate_kernels")
    with _place(store) as location, _at_work(location, workers, progress) as client:
        check_photos(location, client, source=photos)
        kernels_stage.estimate_kernels(location, client, settings, device=device)
        return _found(location, settings.scale, chosen)


def _found(location: str, scale: int, estimator: str) -> FolderKernels:
    opened = open_store(location)
    sources, found = opened.sources(), opened.kernels(scale)
    refused = {
        str(sources.path[row]): str(sources.reason[row])
        for row in range(len(sources.path))
        if sources.domain[row] == "source" and sources.status[row] != "ok"
    }
    kernels, half = {}, found.half_widths(scale)
    for row, source in enumerate(found.source):
        name = str(sources.path[source])
        if found.accepted[row]:
            weights, score = found.weights[row], float(found.score[row])
            sure = None if half is None else half.of(row)
            kernels[name] = described(weights, scale, score, estimator, name, sure)
        else:
            refused[name] = str(found.reason[row])
    return FolderKernels(kernels, refused)


def estimate_camera(
    folder: PathLike,
    *,
    target: PathLike | None = None,
    scale: int = 2,
    jpeg: int | None = None,
    only: str | None = None,
    seed: int = 0,
    store: PathLike | None = None,
    workers: int = 0,
    overwrite: bool = False,
    progress: ProgressCallback | None = None,
) -> Camera:
    """Find the cameras that may have taken a folder's photos, as `degrade estimate-camera` does.

    Cameras with a whole processor (lens, mosaic, noise, demosaicing, denoising, tones, sharpening,
    JPEG) are simulated on scenes until their photos look like the photos: minutes on two cores.

    Args:
        folder: Five or more photos of one camera, searched with its subfolders.
        target: Folder of clean photos, on which cameras are simulated; without, the photos
            themselves are reduced for that, and show less.
        scale: Size of the simulated photos' scenes over the photos, 1 to 8.
        only: Where the photos are of several cameras: the one to look at, by the name in the
            store, or a subfolder; None takes that of the most photos.
        jpeg: Quality, 1 to 100, that photos which are no JPEG files were compressed at; None: as
            traces in their pixels show, or not.
        seed: Of places, noise and the search.
        store: Where to keep what was found; None keeps it nowhere. What is there already with the
            same settings and photos is returned at once.
        workers: Processes; 0 works in this one. A script that starts some needs
            ``if __name__ == "__main__":``.
        overwrite: Find them again where settings or photos changed.
        progress: Called with the stage's name, how many of its items are done, and all of them.

    Returns:
        The cameras, for `photograph`.

    Raises:
        PathNotFound: A folder is not there (a `FileNotFoundError`).
        NothingToDo: Too few photos are in colour and large enough (a `ValueError`).
        SettingsError: An argument is not acceptable (a `ValueError`).
        NoStore: The store holds cameras that were found otherwise (a `ValueError`).
    """
    photos = arguments.folder(folder, "folder")
    clean = None if target is None else arguments.folder(target, "target")
    fields = {"scale": scale, "jpeg": jpeg, "seed": seed, "only": only}
    settings = validated(CameraSettings, fields, "estimate_camera")
    with _place(store) as location, _at_work(location, workers, progress) as client:
        use_sources(location, client, photos, clean, overwrite=overwrite)
        found = camera_stage.estimate_camera(location, client, settings, overwrite=overwrite)
        return Camera(
            parameters=found.parameters,
            misfit=found.misfit,
            explained=found.explained,
            photos=found.photos,
            compression=found.compression,
            refused=dict(found.refused),
            bank=open_store(location).camera(),
        )


def estimate_lens(
    folder: PathLike,
    scale: int = 4,
    *,
    rings: int = 4,
    only: str | None = None,
    store: PathLike | None = None,
    workers: int = 0,
    overwrite: bool = False,
    progress: ProgressCallback | None = None,
) -> MeasuredLens:
    """Measure what a lens does by place and by colour, as `degrade estimate-lens` does.

    After the stages `check` and `estimate-kernels`, by spectra. A difference is believed where the
    photos' scatter does not explain it, and it matters.

    Args:
        folder: Ten or more whole photos of one camera and of one size, searched with its
            subfolders.
        scale: HR pixels per LR pixel: 2, 3, 4 or 8.
        rings: Rings from the photo's middle to its corner in which the blur is measured, 2 to 6.
        only: Where the photos are of several cameras: the one to look at, by the name in the
            store, or a subfolder; None takes that of the most photos.
        store: Where to keep what was found; None keeps it nowhere. What is there already with the
            same settings and photos is returned at once.
        workers: Processes; 0 works in this one. A script that starts some needs
            ``if __name__ == "__main__":``.
        overwrite: Measure again where settings or photos changed.
        progress: Called with the stage's name, how many of its photos are done, and all of them.

    Raises:
        PathNotFound: The folder is not there (a `FileNotFoundError`).
        NothingToDo: Too few photos tell (a `ValueError`); the text says why not.
        SettingsError: An argument is not acceptable (a `ValueError`).
        NoStore: The store holds kernels or a lens that were made otherwise (a `ValueError`).
    """
    photos = arguments.folder(folder, "folder")
    fields = {"scale": scale, "rings": rings, "only": only}
    settings = validated(LensSettings, fields, "estimate_lens")
    with _place(store) as location, _at_work(location, workers, progress) as client:
        use_sources(location, client, photos, overwrite=overwrite)
        _measure_lens(location, client, settings, overwrite)
        found = lens_report(open_store(location), settings.scale)
        lens = open_store(location).lens(settings.scale)
        return MeasuredLens(
            radii=lens.radii,
            weights=lens.weights,
            shift=lens.shift,
            sigma=lens.sigma,
            scale=settings.scale,
            by_place=found.by_place,
            by_colour=found.by_colour,
            photos=found.photos,
            refused=dict(found.refused),
        )


def _measure_lens(location: str, client: Client, settings: LensSettings, overwrite: bool) -> None:
    spectral = SpectralSettings(scale=settings.scale)
    kernels_stage.estimate_kernels(location, client, spectral, overwrite=overwrite)
    lens_stage.estimate_lens(location, client, settings, overwrite=overwrite)


def build_pairs(
    folder: PathLike,
    store: PathLike = "degrade.zarr",
    scale: int = 4,
    *,
    target: PathLike | None = None,
    kernels: Literal["estimated", "bicubic", "lens"] = "estimated",
    kernel_jitter: bool = False,
    estimator: Estimator = "spectral",
    cleanup: int = 2,
    tile: int | None = None,
    patch: int | None = 256,
    bake_noise: bool = False,
    valid: float = 0.1,
    seed: int = 0,
    workers: int = 0,
    overwrite: bool = False,
    progress: ProgressCallback | None = None,
) -> StoreArrays:
    """Build HR/LR pairs that carry a camera's blur, and mine its noise, into a store.

    The stages `check`, `estimate-kernels`, `mine-noise` and `build-pairs` one after the other:
    those that are complete with the same settings are skipped, one that was stopped goes on.

    Args:
        folder: Photos of one camera, searched with its subfolders.
        store: The store's folder, or an address that fsspec knows.
        scale: HR pixels per LR pixel: 2, 3, 4 or 8; 1 to 8 with bicubic kernels.
        target: Folder of clean photos, which become HR, too, as they are.
        kernels: Blur that makes LR from HR; ``lens`` has one of each place and colour, see
            `estimate_lens`.
        kernel_jitter: Draw each photo's kernel from what its estimate leaves open, instead of
            taking the likeliest; of the spectral estimator's kernels.
        estimator: See `estimate_kernel`.
        cleanup: Bicubic reduction of the photos before they serve as HR; 1 is none.
        tile: Side of an HR tile, pixels; None is 256, 255 at x3.
        patch: Side of a noise patch, pixels; None mines no noise.
        bake_noise: Write noise into the stored LR; without, training adds it.
        valid: Share of the photos kept for validation.
        seed: Of the kernel, noise and split draws.
        workers: Processes; 0 works in this one. A script that starts some needs
            ``if __name__ == "__main__":``.
        overwrite: Make stages again whose settings or photos changed.
        progress: Called with the stage's name, how many of its items are done, and all of them.

    Returns:
        The store, opened.

    Raises:
        PathNotFound: A folder is not there (a `FileNotFoundError`).
        NothingToDo: No photo can be used, is as large as a tile, tells its blur, or holds a noise
            patch (a `ValueError`); the text says what would do.
        SettingsError: An argument is not acceptable (a `ValueError`).
        NoStore: The store was made with other settings, is none, or cannot be written (a
            `ValueError`).
    """
    photos = arguments.folder(folder, "folder")
    clean = None if target is None else arguments.folder(target, "target")
    fields = {
        "scale": scale,
        "cleanup": cleanup,
        "kernels": kernels,
        "kernel_jitter": kernel_jitter,
        "bake_noise": bake_noise,
        "valid": valid,
        "seed": seed,
        **({} if tile is None else {"tile": tile}),
    }
    settings = validated(PairSettings, fields, "build_pairs")
    if bake_noise and patch is None:
        raise SettingsError("patch is None and bake_noise is set: give the side of a noise patch")
    mined = None if patch is None else validated(NoiseSettings, {"patch": patch}, "build_pairs")
    chosen = arguments.one_of(estimator, "estimator", ESTIMATORS)
    asked: dict[str, Any] = {"estimator": chosen, "scale": scale}
    estimated = None
    if kernels == "estimated":
        estimated = validated(settings_model(asked), asked, "build_pairs")
    with _place(store) as location, _at_work(location, workers, progress) as client:
        use_sources(location, client, photos, clean, overwrite=overwrite)
        if estimated is not None:
            kernels_stage.estimate_kernels(location, client, estimated, overwrite=overwrite)
        if kernels == "lens":
            _measure_lens(location, client, LensSettings(scale=settings.scale), overwrite)
        if mined is not None:
            noise_stage.mine_noise(location, client, mined, overwrite=overwrite)
        pairs_stage.build_pairs(location, client, settings, overwrite=overwrite)
        return open_arrays(location)


@contextmanager
def _place(store: PathLike | None) -> Iterator[str]:
    """Yield the store's address; that of one that is gone afterwards if none is named."""
    if store is not None:
        is_text = isinstance(store, str) and bool(store)
        yield arguments.expand_home(str(store)) if is_text else str(arguments.path(store, "store"))
        return
    with tempfile.TemporaryDirectory(prefix="degrade-") as folder:
        yield str(Path(folder) / "degrade.zarr")


@contextmanager
def _at_work(location: str, workers: int, progress: ProgressCallback | None) -> Iterator[Client]:
    """Yield where stages run that write to the store; nothing is printed meanwhile."""
    count = arguments.whole(workers, "workers", 0)
    with reporting_to(progress), in_arguments(), connect(count) as client, exclusive(location):
        yield client
