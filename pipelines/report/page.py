"""The page: its sections gathered from a store and its runs, rendered, written as one file."""

import base64
import hashlib
from collections.abc import Callable, Iterator
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
from pipelines.report.kernels import kernels_body
from pipelines.report.noise import noise_body
from pipelines.report.pairs import pairs_body
from pipelines.report.remake import remake_body
from pipelines.report.runs import runs_body
from pipelines.report.section import Section
from pipelines.report.sources import sources_body
from pipelines.report.timings import timings_body

Body = Callable[[], object | None]


@dataclass(frozen=True)
class Written:
    """The file that was written, its size in bytes, and each section with what it shows."""

    path: str
    bytes: int
    sections: dict[str, str]


def write_report(location: str, out: Path, runs: Path, fidelity: Path | None = None) -> Written:
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
    sections = [_section(*row) for row in _contents(store, runs, judged)]
    text = render(store.location, sections)
    with writing(out) as aside:
        aside.write_text(text, encoding="utf-8", newline="\n")
    shows = {part.title: getattr(part.body, "summary", part.absent) for part in sections}
    return Written(str(out), len(text.encode()), shows)


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


def _contents(
    store: Store, runs: Path, fidelity: FidelityBody | None
) -> Iterator[tuple[str, str, str, Body, str]]:
    """Yield anchor, title, template, body and what to say without one, in the page's order."""
    yield "sources", "Sources", "sources.html", partial(sources_body, store), ""
    yield from _of_scales(store, "kernels", kernels_body, NO_KERNELS)
    yield "noise", "Noise", "noise.html", partial(noise_body, store), ""
    yield from _of_scales(store, "pairs", pairs_body, NO_PAIRS)
    yield "fidelity", "Fidelity", "fidelity.html", lambda: fidelity, NO_FIDELITY
    yield (
        "runs",
        "Training",
        "runs.html",
        partial(runs_body, runs, store),
        f"There is no run in {runs}.",
    )
    timings = f"There is no manifest in {runs}; `degrade run` writes one."
    yield "timings", "Timings", "timings.html", partial(timings_body, runs), timings
    yield "remake", "To make it again", "remake.html", partial(remake_body, store, runs), ""


def _of_scales(
    store: Store, kind: str, body: Callable[[Store, int], object], absent: str
) -> Iterator[tuple[str, str, str, Body, str]]:
    """Yield one section for each scale that was begun, or one that says that none was."""
    title, template = kind.capitalize(), f"{kind}.html"
    scales = store.scales(kind)
    for scale in scales:
        yield f"{kind}-x{scale}", f"{title} x{scale}", template, partial(body, store, scale), ""
    if not scales:
        yield kind, title, template, _nothing, absent


NO_KERNELS = "The store has no kernels; run `degrade estimate-kernels`."
NO_PAIRS = "The store has no pairs; run `degrade build-pairs`."
NO_FIDELITY = "No result was given (--fidelity)."


def _nothing() -> None:
    return None


def _section(anchor: str, title: str, template: str, body: Body, absent: str) -> Section:
    """Gather one section; what its stage lacks becomes its text."""
    try:
        found = body()
    except (StoreError, NothingToDo) as error:
        return Section(anchor, title, template, None, str(error))
    return Section(anchor, title, template, found, absent)
