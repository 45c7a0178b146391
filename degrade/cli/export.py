"""`degrade export`: pairs, kernels and noise of a store in the formats of other programs."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal

import typer

from degrade.cli import options

Out = Annotated[Path, typer.Argument(help="A new folder; of the same export, stopped: it goes on.")]
Replace = Annotated[
    bool, typer.Option("--overwrite", help="Replace another export that is in OUT.")
]

export = typer.Typer(
    help="Write pairs, kernels or noise as other programs read them.", no_args_is_help=True
)


@export.command("pairs")
def pairs(
    out: Out,
    store: options.Store = options.DEFAULT_STORE,
    scale: options.StoredScale = None,
    form: Annotated[
        Literal["folders", "lmdb", "webdataset", "parquet"],
        typer.Option("--format", help="PNG folders, LMDB, tar shards, or Hugging Face Parquet."),
    ] = "folders",
    split: Annotated[
        Literal["train", "valid", "all"], typer.Option("--split", help="Which pairs.")
    ] = "all",
    noise: Annotated[
        bool, typer.Option("--noise", help="Bake mined noise into LR, one draw a pair.")
    ] = False,
    seed: options.Seed = 0,
    config: Annotated[
        Literal["basicsr"] | None,
        typer.Option("--config", help="Write a training configuration for this program, too."),
    ] = None,
    overwrite: Replace = False,
    json: options.Json = False,
) -> None:
    """Write HR/LR pairs: folders and lists that BasicSR, neosr and traiNNer-redux train on.

    Example: degrade export pairs ./pairs --scale 4 --config basicsr
    """
    from degrade.store.reader import open_store, the_scale
    from pipelines.export.pairs import export_pairs

    scale = the_scale(open_store(store), "pairs", scale)
    report = export_pairs(
        store,
        out,
        scale,
        form,
        split=split,
        noise=noise,
        seed=seed,
        basicsr=config == "basicsr",
        overwrite=overwrite,
    )
    text = f"{out}: {report.train} pairs for training, {report.valid} for validation, as {form}"
    if config:
        text += f"\nconfiguration: {out / 'basicsr.yml'}"
    options.answer(asdict(report), text, json)


@export.command("kernels")
def kernels(
    out: Annotated[Path, typer.Argument(help="A new folder.")],
    store: options.Store = options.DEFAULT_STORE,
    scale: options.StoredScale = None,
    form: Annotated[
        Literal["mat", "npz", "png"],
        typer.Option(
            "--format", help="KernelGAN's .mat files and a table; the NumPy table; pictures."
        ),
    ] = "mat",
    json: options.Json = False,
) -> None:
    """Write the best accepted kernel of each photo, and a table of all.

    Example: degrade export kernels ./kernels --scale 4
    """
    from degrade.store.reader import open_store, the_scale
    from pipelines.stages.exchange_kernels import export_kernels

    scale = the_scale(open_store(store), "kernels", scale)
    report = export_kernels(store, out, scale, ("mat", "npz") if form == "mat" else (form,))
    text = f"{out}: kernels of {report.files} photos as {form}"
    if report.left_out:
        text += f"; {report.left_out} photos have no accepted kernel"
    options.answer(asdict(report), text, json)


@export.command("noise")
def noise(
    out: Out,
    store: options.Store = options.DEFAULT_STORE,
    overwrite: Replace = False,
    json: options.Json = False,
) -> None:
    """Write noise patches as a folder of PNG files, as RealSR's training reads them.

    Example: degrade export noise ./noise
    """
    from pipelines.export.noise import export_noise

    report = export_noise(store, out, overwrite=overwrite)
    text = f"{out}: {report.patches} patches of {report.side} pixels"
    options.answer(asdict(report), text, json)


@export.command("degradation")
def degradation(
    out: Annotated[Path, typer.Argument(help="A folder; files of these names are replaced.")],
    store: options.Store = options.DEFAULT_STORE,
    scale: options.StoredScale = None,
    trainers: Annotated[
        list[str] | None,
        typer.Option(
            "--for", help="neosr, trainner-redux, real-esrgan or wtp; several times; else all."
        ),
    ] = None,
    json: options.Json = False,
) -> None:
    """Write the measured blur, noise and compression as configuration of other trainers.

    Example: degrade export degradation ./config --scale 4 --for neosr
    """
    from degrade.store.reader import open_store, the_scale
    from pipelines.export.degradation import export_degradation

    scale = the_scale(open_store(store), "kernels", scale)
    report = export_degradation(store, out, scale, trainers or ())
    options.answer(asdict(report), "\n".join(report.files), json)
