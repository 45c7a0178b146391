"""`degrade estimate-camera`: the cameras that may have taken the photos."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from degrade.cli import options
from degrade.cli.from_settings import CAMERA, SETTINGS, of

if TYPE_CHECKING:
    from pipelines.camera_report import CameraReport


def estimate_camera(
    source: options.Source = None,
    store: options.Store = options.DEFAULT_STORE,
    target: Annotated[
        Path | None,
        typer.Option("--target", help="Folder of clean photos: what cameras are simulated on."),
    ] = None,
    scale: Annotated[int, of(CAMERA, "scale")] = SETTINGS,
    jpeg: Annotated[int | None, of(CAMERA, "jpeg")] = SETTINGS,
    seed: Annotated[int, of(CAMERA, "seed", min=0)] = SETTINGS,
    only: Annotated[str | None, of(CAMERA, "only", metavar="CAMERA")] = SETTINGS,
    workers: options.Workers = 0,
    scheduler: options.Scheduler = None,
    overwrite: options.Overwrite = False,
    json: options.Json = False,
) -> None:
    """Find the camera: lens, mosaic, noise, demosaicing, denoising, tones, sharpening, JPEG.

    Cameras are simulated on scenes until their photos look like the photos. What the photos cannot
    tell stays a range: the store gets the 64 nearest cameras, and pairs draw from them.

    Example: degrade estimate-camera ./phone --target ./clean --workers 2
    """
    from degrade.camera.search_settings import CameraSettings
    from degrade.yaml_settings import validated
    from pipelines.stages.check import use_sources
    from pipelines.stages.estimate_camera import estimate_camera as estimate

    fields = {"scale": scale, "jpeg": jpeg, "seed": seed, "only": only}
    settings = validated(CameraSettings, fields, "estimate-camera")
    store = options.shared(store, scheduler)
    with options.client(workers, scheduler) as client, options.writing(store):
        use_sources(store, client, source, target, overwrite=overwrite)
        report = estimate(store, client, settings, overwrite=overwrite)
    options.answer(asdict(report), camera_text(report), json)


def camera_text(report: "CameraReport") -> str:
    """Write what was found of a camera for people."""
    from degrade.camera.parameters import PARAMETERS, written

    clean = "clean photos" if report.scenes == "target" else "the photos themselves, reduced"
    lines = [
        f"camera: {report.cameras} that may have taken the {report.photos} photos, found on "
        f"{clean}; misfit {report.misfit:.2f} (up to 1: what scenes explain)",
        f"compression: {report.compression}",
        f"{'':15} {'from':>9} {'middle':>9} {'to':>9}",
    ]
    if report.groups:
        others = "; ".join(f"{name}: {n}" for name, n in report.groups.items())
        text = (
            f"photos of {len(report.groups)} cameras by {report.grouped_by} ({others}): these are "
            f"of {report.group} alone; --only NAME takes another's"
        )
        lines.insert(0, options.on_one_line(text))
    for name, cuts in report.parameters.items():
        low, middle, high = (written(name, value) for value in cuts)
        lines.append(f"{name:15} {low:>9} {middle:>9} {high:>9}  {PARAMETERS[name].meaning}")
    if report.why_linear:
        unless = "`degrade build-pairs` uses --degradation linear unless another is given"
        lines.append(f"{report.why_linear}; {unless}")
    return "\n".join([*lines, *options.refusals(report.refused)])
