"""`degrade report`: one HTML file that shows what a store and its runs hold."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from degrade.cli import options

PACKAGES = ("jinja2", "matplotlib")


def report(
    store: options.Store = options.DEFAULT_STORE,
    runs: Annotated[Path, typer.Option(help="Folder of all runs; may be absent.")] = Path("runs"),
    fidelity: Annotated[
        Path | None, typer.Option(help="What `degrade fidelity --json` printed, to be shown.")
    ] = None,
    out: Annotated[Path, typer.Option("--out", help="File to write.")] = Path("report.html"),
    json: options.Json = False,
) -> None:
    """Write one HTML file that shows photos, kernels, noise, pairs and training; it loads nothing.

    Example: degrade report --out report.html
    """
    _check_packages()
    from pipelines.report.page import write_report

    written = write_report(store, out, runs, fidelity)
    lines = [f"{written.path}: {options.megabytes(written.bytes)}"]
    lines += [options.on_one_line(f"  {name}: {text}") for name, text in written.sections.items()]
    options.answer(asdict(written), "\n".join(lines), json)


def _check_packages() -> None:
    from importlib.util import find_spec

    from degrade.errors import SettingsError

    for package in PACKAGES:
        if find_spec(package) is None:
            raise SettingsError(
                f"the report needs {package}, which is not installed: pip install 'degrade[report]'"
            )
