"""`degrade build-pairs`: HR/LR pairs that carry the estimated degradation."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal

import typer

from degrade.cli import options
from degrade.cli.from_settings import PAIRS, SETTINGS, of
from degrade.noise.model_names import NoiseName


def build_pairs(
    source: options.Source = None,
    store: options.Store = options.DEFAULT_STORE,
    scale: Annotated[int, of(PAIRS, "scale")] = SETTINGS,
    target: Annotated[
        Path | None,
        typer.Option("--target", help="Folder of clean photos, used as they are."),
    ] = None,
    cleanup: Annotated[int, of(PAIRS, "cleanup")] = SETTINGS,
    tile: Annotated[int | None, of(PAIRS, "tile", left_out="256, 255 at x3")] = None,
    kernels: Annotated[Literal["estimated", "bicubic", "lens"], of(PAIRS, "kernels")] = SETTINGS,
    degradation: Annotated[
        Literal["linear", "camera"] | None,
        typer.Option(
            help="What makes LR: kernels and noise, or whole cameras; left out: cameras where "
            "estimate-camera found some that explain the photos."
        ),
    ] = None,
    kernel_jitter: Annotated[
        bool,
        typer.Option(
            "--kernel-jitter",
            help="Draw each photo's kernel from what its estimate leaves open, not the likeliest.",
        ),
    ] = False,
    bake_noise: Annotated[
        bool, typer.Option("--bake-noise", help="Write mined noise into the stored LR.")
    ] = False,
    noise_model: Annotated[NoiseName, of(PAIRS, "noise_model")] = SETTINGS,
    valid: Annotated[float, of(PAIRS, "valid")] = SETTINGS,
    seed: Annotated[int, of(PAIRS, "seed", min=0)] = SETTINGS,
    workers: options.Workers = 0,
    scheduler: options.Scheduler = None,
    overwrite: options.Overwrite = False,
    json: options.Json = False,
) -> None:
    """Build HR/LR pairs: clean-up, one accepted kernel per photo, tiles, provenance.

    Example: degrade build-pairs --scale 4 --tile 128
    """
    from degrade.pairs import PairSettings
    from degrade.yaml_settings import validated
    from pipelines.camera_report import best_degradation, how_taken
    from pipelines.stages.build_pairs import build_pairs as build
    from pipelines.stages.check import use_sources
    from pipelines.stages.estimate_camera import renew_camera

    store = options.shared(store, scheduler)
    if degradation is None:
        said = bake_noise or kernel_jitter or kernels == "lens"
        degradation = "linear" if said else best_degradation(store)
    fields = {
        "scale": scale,
        "degradation": degradation,
        "cleanup": cleanup,
        "kernels": kernels,
        "kernel_jitter": kernel_jitter,
        "bake_noise": bake_noise,
        "noise_model": noise_model,
        "valid": valid,
        "seed": seed,
    }
    sized = fields if tile is None else {**fields, "tile": tile}
    settings = validated(PairSettings, sized, "build-pairs")
    with options.client(workers, scheduler) as client, options.writing(store):
        use_sources(store, client, source, target, overwrite=overwrite)
        if degradation == "camera":
            renewed = renew_camera(store, client)
        report = build(store, client, settings, overwrite=overwrite)
    lines = [
        f"pairs x{scale}: {report.pairs} of {settings.tile} pixels from {report.photos} photos, "
        f"{report.valid} for validation"
    ]
    if degradation == "camera":
        lines.append(how_taken(store, renewed))
    lines += options.refusals(report.refused)
    options.answer(asdict(report), "\n".join(lines), json)
