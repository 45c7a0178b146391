"""The page: its sections gathered from a store and its runs, rendered, written as one file."""

import base64
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from importlib.resources import files
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from degrade import __version__
from degrade.errors import DegradeError, NothingToDo, StoreError
from degrade.images.write import writing
from degrade.store.reader import Store, open_store
from pipelines.report.fidelity import FidelityBody, fidelity_body
from pipelines.report.remake import remake_body
from pipelines.report.runs import runs_body
from pipelines.report.section import Draft, Section
from pipelines.report.timings import timings_body
from pipelines.stage_table import STAGES


@dataclass(frozen=True)
class WrittenReport:
    """The file that was written, its size in bytes, and each section with what it shows."""

    path: str
    bytes: int
    sections: dict[str, str]


def write_report(
    location: str, out: Path, runs: Path, fidelity: Path | None = None
) -> WrittenReport:
    """Write the report of a store: for one store and its runs, always the same bytes.

    A stage that was not run, is unfinished or damaged is said to be so in its section.

    Args:
        location: The store.
        out: The file; replaced if it is there.
        runs: Folder of runs; may be absent.
        fidelity: What `degrade fidelity --json` printed.

    Raises:
        StoreError: There is no store.
        SettingsError: ``fidelity`` is no such file.
        DegradeError: The file cannot be written.
    """
    store = open_store(location)
    if out.is_dir():
        raise DegradeError(f"{out}: is a folder; name a file with --out")
    judged = fidelity_body(fidelity) if fidelity else None
    sections = [_section(draft) for draft in _contents(store, runs, judged)]
    text = render(store.location, sections)
    with writing(out) as aside:
        aside.write_text(text, encoding="utf-8", newline="\n")
    shows = {part.title: getattr(part.body, "summary", part.absent) for part in sections}
    return WrittenReport(str(out), len(text.encode()), shows)


def render(location: str, sections: list[Section]) -> str:
    """Return the page as HTML that loads nothing."""
    folder = files("pipelines.report") / "templates"
    style = (folder / "page.css").read_text(encoding="utf-8")
    script = (folder / "page.js").read_text(encoding="utf-8")
    environment = Environment(
        autoescape=True,
        loader=PackageLoader("pipelines.report"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("page.html").render(
        store=location,
        sections=sections,
        version=__version__,
        style=style,
        script=script,
        script_hash=_csp_hash(script),
    )


def _csp_hash(text: str) -> str:
    """Return the source that lets a Content-Security-Policy run just this script."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _contents(store: Store, runs: Path, fidelity: FidelityBody | None) -> Iterator[Draft]:
    """Yield the sections in order: of every stage, then of what was made of the store."""
    for stage in STAGES:
        yield from stage.sections(store)
    yield Draft("fidelity", "Fidelity", "fidelity.html", lambda: fidelity, NO_FIDELITY)
    no_run = f"There is no run in {runs}."
    yield Draft("runs", "Training", "runs.html", partial(runs_body, runs, store), no_run)
    timings = f"There is no manifest in {runs}; `degrade run` writes one."
    yield Draft("timings", "Timings", "timings.html", partial(timings_body, runs), timings)
    yield Draft("remake", "To make it again", "remake.html", partial(remake_body, store, runs))


NO_FIDELITY = "No result was given (--fidelity)."


def _section(draft: Draft) -> Section:
    """Gather one section; what its stage lacks becomes its text."""
    frame = (draft.anchor, draft.title, draft.template)
    try:
        found = draft.body()
    except (StoreError, NothingToDo) as error:
        return Section(*frame, None, str(error))
    return Section(*frame, found, draft.absent)
