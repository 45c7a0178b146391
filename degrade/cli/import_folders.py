"""`degrade import`: pairs, kernels and noise that other tools made, into a store."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from degrade.cli import options


def import_folders(
    lr: Annotated[
        Path | None,
        typer.Argument(help="Folder of LR images, named as their HR.", metavar="[LR_FOLDER]"),
    ] = None,
    hr: Annotated[
        Path | None, typer.Option("--hr", help="Folder of HR images, --scale times as large.")
    ] = None,
    noise: Annotated[
        Path | None,
        typer.Option("--noise", help="Folder of noise patches, as RealSR's scripts leave it."),
    ] = None,
    kernels: Annotated[
        Path | None, typer.Option("--kernels", help="Folder of KernelGAN's .mat files.")
    ] = None,
    centre: Annotated[
        bool,
        typer.Option("--centre", help="Move kernels that are off-centre; left out: refuse them."),
    ] = False,
    store: options.Store = options.DEFAULT_STORE,
    scale: options.Scale = 4,
    tile: Annotated[
        int | None, typer.Option(help="Side of an HR tile in pixels; left out: 256, 255 at x3.")
    ] = None,
    valid: Annotated[float, typer.Option(help="Share of the images kept for validation.")] = 0.1,
    seed: options.Seed = 0,
    align: Annotated[
        Literal["check", "shift", "refuse"],
        typer.Option(
            help="Pairs that are displaced: named (check), HR moved by whole pixels and refused if "
            "too much is left (shift), or refused."
        ),
    ] = "check",
    tolerance: Annotated[
        float, typer.Option(help="Displacement from which a pair counts as so, LR pixels.")
    ] = 0.2,
    workers: options.Workers = 0,
    scheduler: options.Scheduler = None,
    overwrite: options.Overwrite = False,
    json: options.Json = False,
) -> None:
    """Read pairs, kernels and noise that other tools made into the store.

    Example: degrade import ./pairs/LR --hr ./pairs/HR --scale 4 --tile 256
    """
    from degrade.errors import SettingsError
    from degrade.pairs import PairSettings
    from degrade.yaml_settings import validated
    from pipelines.aligned_pairs import AlignSettings
    from pipelines.stages.exchange_kernels import import_kernels
    from pipelines.stages.import_noise import import_noise
    from pipelines.stages.import_pairs import crop_only, import_pairs

    if (lr is None) != (hr is None):
        raise SettingsError("import: pairs are two folders; give LR_FOLDER and --hr HR_FOLDER")
    if lr is noise is kernels is None:
        raise SettingsError(
            "import: nothing to import; give LR_FOLDER --hr HR_FOLDER, --noise or --kernels"
        )
    asked = {"scale": scale, "valid": valid, "seed": seed}
    cut = crop_only(asked if tile is None else {**asked, "tile": tile})
    settings = validated(PairSettings, cut, "import")
    aligning = AlignSettings(align, tolerance)
    store = options.shared(store, scheduler)
    report: dict[str, Any] = {"store": store}
    lines: list[str] = []
    with options.writing(store):
        if kernels is not None:
            given = import_kernels(store, kernels, scale, centre=centre, overwrite=overwrite)
            report["kernels"] = asdict(given)
            lines.append(
                f"kernels x{scale}: {given.accepted} of {given.kernels} from {kernels} accepted, "
                f"{given.matched} named after a photo of the store"
            )
            lines += options.refusals(given.refused)
            lines += [
                options.on_one_line(
                    f"  moved {name} by {down:.2f}, {right:.2f} pixels (down, right)"
                )
                for name, (down, right) in given.moved
            ]
        if noise is not None:
            bank = import_noise(store, noise, overwrite=overwrite)
            report["noise"] = asdict(bank)
            lines.append(f"noise: {bank.patches} patches of {bank.side} pixels from {noise}")
            lines += options.refusals(bank.refused)
        if lr is not None and hr is not None:
            with options.client(workers, scheduler) as client:
                made = import_pairs(
                    store, client, lr, hr, settings, aligning=aligning, overwrite=overwrite
                )
            report["pairs"] = asdict(made)
            lines.append(
                f"pairs x{scale}: {made.pairs} of {made.images} images, {made.valid} for validation"
            )
            lines += [made.alignment.line, *(f"  {note}" for note in made.alignment.notes)]
            lines += options.refusals(made.refused)
    options.answer(report, "\n".join(lines), json)
