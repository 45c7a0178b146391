"""`degrade import`: kernels and noise that other tools made, into a store."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from degrade.cli import options


def import_folders(
    noise: Annotated[
        Path | None,
        typer.Option("--noise", help="Folder of noise patches, as RealSR's scripts leave it."),
    ] = None,
    kernels: Annotated[
        Path | None, typer.Option("--kernels", help="Folder of KernelGAN's .mat files.")
    ] = None,
    store: options.Store = options.DEFAULT_STORE,
    scale: options.Scale = 4,
    overwrite: options.Overwrite = False,
    json: options.Json = False,
) -> None:
    """Read kernels and noise that other tools made into the store.

    Example: degrade import --noise ./noise --kernels ./kernels
    """
    from degrade.errors import SettingsError
    from pipelines.stages.exchange_kernels import import_kernels
    from pipelines.stages.import_noise import import_noise

    if noise is kernels is None:
        raise SettingsError("import: nothing to import; name a folder with --noise or --kernels")
    report: dict[str, Any] = {"store": store}
    lines: list[str] = []
    with options.writing(store):
        if kernels is not None:
            given = import_kernels(store, kernels, scale, overwrite=overwrite)
            report["kernels"] = asdict(given)
            lines.append(f"kernels x{scale}: {given.accepted} of {given.kernels} accepted")
            lines += options.refusals(given.refused)
        if noise is not None:
            bank = import_noise(store, noise, overwrite=overwrite)
            report["noise"] = asdict(bank)
            lines.append(f"noise: {bank.patches} patches of {bank.side} pixels from {noise}")
            lines += options.refusals(bank.refused)
    options.answer(report, "\n".join(lines), json)
