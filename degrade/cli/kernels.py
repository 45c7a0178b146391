"""`degrade kernels`: look at a store's kernels."""

import math
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from degrade.cli import options

if TYPE_CHECKING:
    from degrade.arrays import F32, U8
    from degrade.kernels.uncertainty import HalfWidths, LearningCurve
    from pipelines.stages.exchange_kernels import NamedKernels

SHEET = 240
"""Kernels drawn in one picture: 16 columns of 15, about 1700 by 2100 pixels."""
SHEET_COLUMNS = 16
SIDE = 96


def kernels(
    store: options.Store = options.DEFAULT_STORE,
    scale: options.StoredScale = None,
    first: Annotated[
        int, typer.Option("--first", min=0, help="Kernels drawn below the table, after the mean.")
    ] = 3,
    log: Annotated[
        bool, typer.Option("--log", help="Draw the weights' logarithm, over four decades.")
    ] = False,
    picture: Annotated[
        Path | None, typer.Option("--picture", help="Write all kernels as one PNG file instead.")
    ] = None,
    json: options.Json = False,
) -> None:
    """Show the store's kernels.

    Example: degrade kernels --scale 4 --picture kernels.png --log
    """
    from degrade.store.kernel_posterior import learning_of
    from degrade.store.reader import open_store, the_scale
    from pipelines.stages.exchange_kernels import named_kernels

    scale = the_scale(open_store(store), "kernels", scale)
    named = named_kernels(store, scale)
    report: dict[str, Any] = {"store": store, "scale": scale}
    if picture is None:
        learning = learning_of(named.kernels)
        report |= {"made_by": named.stage, "kernels": _rows(named, scale)}
        report |= {"enough": {name: asdict(one) for name, one in learning.items()}}
        lines = [*_table(named, scale), *_enough(learning), *_shades(named, first, log=log)]
    else:
        drawn = _draw(named, scale, picture, f"kernels x{scale} of {store}", log=log)
        report["picture"] = {"path": str(picture), "drawn": drawn}
        some = f", the first {drawn} of {len(named.photos)}" if drawn < len(named.photos) else ""
        lines = [f"picture: {picture}{some}"]
    options.answer(report, "\n".join(lines), json)


def _rows(named: "NamedKernels", scale: int) -> list[dict[str, Any]]:
    from degrade.kernels.parametric import shape_exponent

    columns = named.kernels
    half = columns.half_widths(scale)
    return [
        {
            "photo": photo,
            "group": "" if columns.photo_group is None else str(columns.photo_group[row]),
            "score": round(float(columns.score[row]), 4),
            "sigma_major": round(float(columns.sigma_major[row]), 3),
            "sigma_minor": round(float(columns.sigma_minor[row]), 3),
            "ratio": round(float(columns.sigma_major[row] / (columns.sigma_minor[row] or 1)), 3),
            "angle": round(math.degrees(float(columns.angle[row])), 1),
            "shape": round(shape_exponent(columns.weights[row]), 2),
            **_errors(half, row if columns.sigma_major[row] else None),
            "accepted": bool(columns.accepted[row]),
            "reason": str(columns.reason[row]),
        }
        for row, photo in enumerate(named.photos)
    ]


def _errors(half: "HalfWidths | None", row: int | None) -> dict[str, float | None]:
    """Return half the widths of a kernel's 90 % intervals; None if unknown, or without a kernel."""
    names = ("sigma_major_error", "sigma_minor_error", "angle_error")
    if half is None or row is None:
        return dict.fromkeys(names)
    major, minor, angle = half.of(row)
    values = (round(major, 3), round(minor, 3), round(math.degrees(angle), 1))
    return dict(zip(names, values, strict=True))


def _table(named: "NamedKernels", scale: int) -> list[str]:
    rows = _rows(named, scale)
    width = max(len("photo"), *(len(row["photo"]) for row in rows))
    given = "; nobody measured their score" if named.stage == "import-kernels" else ""
    accepted = sum(row["accepted"] for row in rows)
    head = f"kernels x{scale}: {accepted} of {len(rows)} accepted, by {named.stage}{given}"
    titles = f"{'photo':{width}}  score  sigmas, pixels  angle, degrees  shape (1 = Gaussian)"
    if any(row["angle_error"] is not None for row in rows):
        titles += "; with the half widths of 90 % intervals"
    groups: dict[str, list[str]] = {}
    for row in rows:
        groups.setdefault(row["group"], []).append(_line(row, width))
    lines = [head, "", titles]
    for name, some in groups.items():
        lines += [options.on_one_line(f"{name}:")] * bool(name) + some
    return lines


def _line(row: dict[str, Any], width: int) -> str:
    begin = f"{row['photo']:{width}}  {row['score']:5.2f}  "
    if not row["sigma_major"]:
        return f"{begin}{'-':>6}  {'-':>6}  {'-':>5}  {'-':>5}  {row['reason']}"
    errors = row["sigma_major_error"], row["sigma_minor_error"], row["angle_error"]
    major, minor, angle = ["" if e is None else f" ±{e:.2f}" for e in errors]
    angle = angle and f" ±{row['angle_error']:2.0f}"
    shape = f"{row['sigma_major']:6.2f}{major}  {row['sigma_minor']:6.2f}{minor}"
    shape += f"  {row['angle']:5.0f}{angle}  {row['shape']:5.1f}"
    return f"{begin}{shape}  {'accepted' if row['accepted'] else row['reason']}"


def _enough(learning: "Mapping[str, LearningCurve]") -> list[str]:
    """Say how the expected error falls with photos, and how many would halve it."""
    lines = []
    for name, one in learning.items():
        *fewer, (total, now) = one.errors.items()
        estimates = [f"{error:.2f} from {count}" for count, error in fewer if count > 2]
        estimates.append(f"{now:.2f} from these {total}")
        text = "expected error (L1) of the kernels: " + ", ".join(estimates)
        text += f", {one.least:.2f} however many"
        more = "no number of photos" if one.halved is None else f"{one.halved - total} more photos"
        lines.append(f"{name}: " * bool(name) + f"{text}; {more} would halve it")
    return ["", *map(options.on_one_line, lines)] if lines else []


def _shades(named: "NamedKernels", first: int, *, log: bool) -> list[str]:
    """Draw the mean and the first accepted kernels side by side, as many as the terminal holds."""
    import shutil
    import sys

    from degrade.pictures import PLAIN_SHADES, SHADES, TEXT_WIDTH, kernel_text

    good = named.kernels.accepted.nonzero()[0][:first].tolist()
    pictures = [(named.photos[row], named.kernels.weights[row]) for row in good]
    mean = _mean(named)
    if mean is not None:
        pictures.insert(0, ("mean of the accepted", mean))
    per_line = max(1, shutil.get_terminal_size().columns // (TEXT_WIDTH + 2))
    encodable = len(SHADES.encode(sys.stdout.encoding or "ascii", "ignore").strip()) > 0
    shades = SHADES if encodable else PLAIN_SHADES
    lines = []
    for start in range(0, len(pictures), per_line):
        beside = pictures[start : start + per_line]
        labels = (label[-TEXT_WIDTH:].ljust(TEXT_WIDTH) for label, _ in beside)
        drawn = zip(
            *(kernel_text(kernel, log=log, shades=shades) for _, kernel in beside), strict=True
        )
        lines += ["", *("  ".join(line).rstrip() for line in (labels, *drawn))]
    return lines


def _label(row: dict[str, Any]) -> str:
    """Return what stands below a kernel's picture: its score and, if known, its width's error."""
    error = row["sigma_major_error"]
    sure = "" if error is None else f" {row['sigma_major']:.1f}±{error:.1f}"
    return f"{row['score']:.2f}{sure}"


def _mean(named: "NamedKernels") -> "F32 | None":
    good = named.kernels.accepted
    mean: F32 | None = named.kernels.weights[good].mean(axis=0) if good.any() else None
    return mean


def _draw(named: "NamedKernels", scale: int, path: Path, title: str, *, log: bool) -> int:
    """Write the sheet of kernels, the mean first, and return how many kernels are on it."""
    from degrade.images.write import write_png
    from degrade.pictures import Cell, kernel_picture, sheet

    def drawn(kernel: "F32") -> "U8":
        return kernel_picture(kernel, SIDE, log=log)

    count = min(len(named.photos), SHEET - 1)
    cells = [
        Cell(
            drawn(kernel),
            (row["photo"], _label(row) if row["accepted"] else "refused"),
            refused=not row["accepted"],
        )
        for row, kernel in zip(
            _rows(named, scale)[:count], named.kernels.weights[:count], strict=True
        )
    ]
    mean = _mean(named)
    if mean is not None:
        cells.insert(0, Cell(drawn(mean), ("mean of the", "accepted")))
    some = f", first {count} of {len(named.photos)}" if count < len(named.photos) else ""
    wide = min(SHEET_COLUMNS, max(4, math.ceil(math.sqrt(len(cells)))))
    write_png(path, sheet(f"{title}{some}{', log' if log else ''}", cells, wide))
    return count
