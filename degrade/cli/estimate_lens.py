"""`degrade estimate-lens`: what the photos' lens does by place and by colour."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from degrade.cli import options
from degrade.cli.from_settings import LENS, SETTINGS, of

if TYPE_CHECKING:
    from degrade.store.contents import StoredLens
    from pipelines.lens_report import LensReport

SIDE = 128
"""Side of a kernel in the picture, pixels."""


def estimate_lens(
    source: options.Source = None,
    store: options.Store = options.DEFAULT_STORE,
    scale: Annotated[int, of(LENS, "scale")] = SETTINGS,
    rings: Annotated[int, of(LENS, "rings")] = SETTINGS,
    only: Annotated[str | None, of(LENS, "only", metavar="CAMERA")] = SETTINGS,
    picture: Annotated[
        Path | None, typer.Option("--picture", help="Write the kernels as a PNG file, too.")
    ] = None,
    workers: options.Workers = 0,
    scheduler: options.Scheduler = None,
    overwrite: options.Overwrite = False,
    json: options.Json = False,
) -> None:
    """Measure the lens: blur by distance from the middle and by colour, shifts of red and blue.

    On photos whose kernel `estimate-kernels` accepted, all of one size. Where they do not show that
    kernels differ by place or by colour, there is one kernel.

    Example: degrade estimate-lens --scale 4 --picture lens.png
    """
    from degrade.kernels.lens_settings import LensSettings
    from degrade.store.reader import open_store
    from degrade.yaml_settings import validated
    from pipelines.stages.check import use_sources
    from pipelines.stages.estimate_lens import estimate_lens as estimate

    fields = {"scale": scale, "rings": rings, "only": only}
    settings = validated(LensSettings, fields, "estimate-lens")
    store = options.shared(store, scheduler)
    with options.client(workers, scheduler) as client, options.writing(store):
        use_sources(store, client, source, overwrite=overwrite)
        report = estimate(store, client, settings, overwrite=overwrite)
    lines = _lines(report, scale)
    if picture is not None:
        _draw(open_store(store).lens(scale), f"lens x{scale} of {store}", picture)
        lines.append(f"picture: {picture}")
    options.answer(asdict(report), "\n".join(lines), json)


def _lines(report: "LensReport", scale: int) -> list[str]:
    lines = [f"lens x{scale} from {report.photos} photos: {report.verdict}"]
    if report.groups:
        others = "; ".join(f"{name}: {n}" for name, n in report.groups.items())
        text = (
            f"photos of {len(report.groups)} cameras by {report.grouped_by} ({others}): this is of "
            f"{report.group} alone; --only NAME takes another's"
        )
        lines.append(options.on_one_line(text))
    lines.append(f"{'radius':>8}{'red':>8}{'green':>8}{'blue':>8}  sigma, photo pixels")
    for radius, widths in zip(report.radii, report.sigma, strict=True):
        lines.append(f"{radius:8.2f}" + "".join(f"{width:8.2f}" for width in widths))
    for name in ("place", "colour"):
        test = report.tests[name]
        lines.append(
            f"by {name}: F {test['statistic']:.1f}, p {test['probability']:.2g}, L1 distance "
            f"{test['l1']:.2f}{'' if test['supported'] else ': not believed'}"
        )
    for name in ("red", "blue"):
        test = report.tests[name]
        lines.append(
            f"{name} lies {test['pixels']:+.2f} ± {test['error']:.2f} photo pixels outwards of "
            f"green at the corner, p {test['probability']:.2g}"
            f"{'' if test['supported'] else ': not believed'}"
        )
    return [*lines, *options.refusals(report.refused)]


def _draw(lens: "StoredLens", title: str, path: Path) -> None:
    """Write the kernels as a sheet: a row for each radius, red, green and blue side by side."""
    from degrade.images.write import write_png
    from degrade.kernels.lens import COLOURS
    from degrade.pictures import Cell, kernel_picture, sheet

    cells = [
        Cell(kernel_picture(kernel, SIDE), (f"{colour}, radius {radius:.2f}", f"sigma {width:.2f}"))
        for radius, kernels, widths in zip(lens.radii, lens.weights, lens.sigma, strict=True)
        for colour, kernel, width in zip(COLOURS, kernels, widths, strict=True)
    ]
    write_png(path, sheet(title, cells, len(COLOURS)))
