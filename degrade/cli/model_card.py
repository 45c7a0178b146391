"""`degrade model-card`: what a published model's page says."""

from pathlib import Path
from typing import Annotated

import typer

from degrade.cli import options


def model_card(
    run: Annotated[Path, typer.Argument(help="The run's folder.", metavar="RUN")],
    file: Annotated[Path, typer.Argument(help="The model's file, as export-model wrote it.")],
    author: Annotated[str, typer.Option(help="Who publishes it.")],
    licence: Annotated[str, typer.Option(help="SPDX's name of its licence, such as CC-BY-4.0.")],
    name: Annotated[
        str | None, typer.Option(help="The model's name; left out: the file's, without suffix.")
    ] = None,
    scores: Annotated[
        Path | None, typer.Option(help="What degrade evaluate --json printed of it.")
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a card that is there.")
    ] = False,
    json: options.Json = False,
) -> None:
    """Write a model's card from its run: OpenModelDB's JSON and a README for Hugging Face.

    They stand beside the file: NAME.json of the file's name, and README.md. Scale, size,
    iterations, data and scores come from the run; folders are named by their last part alone.

    Example: degrade model-card runs/esrgan model.pth --author Ada --licence CC-BY-4.0
    """
    from degrade.atomic_file import replacing
    from degrade.errors import SettingsError
    from sr_train.export.model_card import About
    from sr_train.export.model_card import model_card as card

    made = card(run, file, About(author, licence, name or file.stem), scores)
    targets = {
        file.with_suffix(".json"): made.openmodeldb + "\n",
        file.with_name("README.md"): made.readme,
    }
    for path in targets:
        if path.exists() and not overwrite:
            raise SettingsError(f"{path}: is there already; replace it with --overwrite")
    for path, text in targets.items():
        with replacing(path) as aside:
            aside.write_text(text, encoding="utf-8")
    files = [str(path) for path in targets]
    options.answer({"files": files}, f"written: {', '.join(files)}", json)
