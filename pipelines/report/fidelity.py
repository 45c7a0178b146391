"""The report's fidelity: the answer of `degrade fidelity --json`, as tables and a plot."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes

from degrade.errors import SettingsError
from pipelines.report.plots import INK, SERIES, Plot, plot

AREA = "auc"
"""Column of the area under the ROC curve; 0.5 = real and synthetic cannot be told apart."""
LONGEST = 24
"""Longer lists of numbers are curves, which a table does not show."""


@dataclass(frozen=True)
class Table:
    """A table of text; the first cell of a row is its heading."""

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class FidelityBody:
    """What the section shows."""

    summary: str
    facts: tuple[tuple[str, str], ...]
    tables: tuple[Table, ...]
    plots: tuple[Plot, ...]


def fidelity_body(path: Path) -> FidelityBody:
    """Read a fidelity result.

    Raises:
        SettingsError: The file cannot be read, or is no JSON object.
    """
    try:
        result = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SettingsError(
            f"{path}: cannot be read as JSON ({error}); give what `degrade fidelity --json` printed"
        ) from error
    if not isinstance(result, dict):
        raise SettingsError(
            f"{path}: is no JSON object; give what `degrade fidelity --json` printed"
        )
    tables = tuple(_tables("", result))
    areas = _areas(result)
    return FidelityBody(
        summary=", ".join(f"{name} {area:.2f}" for name, area in areas.items()) or path.name,
        facts=tuple((_name(key), _text(value)) for key, value in result.items() if _is_cell(value)),
        tables=tables,
        plots=(_plot(areas),) if areas else (),
    )


def _areas(result: Mapping[str, Any]) -> dict[str, float]:
    """Return every area under a curve in the result, by the name of what it was measured on."""
    found = {}
    for row_name, row in _rows_everywhere(result):
        area = row.get(AREA)
        if isinstance(area, int | float):
            found[row_name] = float(area)
    return found


def _rows_everywhere(value: Any, name: str = "") -> list[tuple[str, Mapping[str, Any]]]:
    if isinstance(value, Mapping):
        inner = [row for key, item in value.items() for row in _rows_everywhere(item, str(key))]
        return [(name or AREA, value), *inner]
    if isinstance(value, list):
        return [
            row
            for number, item in enumerate(value)
            for row in _rows_everywhere(item, _first_text(item) or f"{name} {number + 1}")
        ]
    return []


def _first_text(item: Any) -> str:
    values = item.values() if isinstance(item, Mapping) else ()
    return next((value for value in values if isinstance(value, str)), "")


def _tables(title: str, value: Mapping[str, Any]) -> list[Table]:
    """Return tables of the result's inner objects, depth first."""
    tables = []
    for key, item in value.items():
        name = f"{title}, {_name(key)}" if title else _name(key)
        if isinstance(item, list) and item and all(isinstance(row, Mapping) for row in item):
            tables.append(_table(name, [(str(i + 1), row) for i, row in enumerate(item)]))
        elif isinstance(item, Mapping) and item:
            if all(isinstance(row, Mapping) for row in item.values()):
                tables.append(_table(name, [(_name(k), row) for k, row in item.items()]))
            else:
                cells = [(_name(k), _text(v)) for k, v in item.items() if _is_cell(v)]
                tables += [Table(name, ("", "value"), tuple(cells))] if cells else []
                tables += _tables(name, {k: v for k, v in item.items() if not _is_cell(v)})
    return tables


def _table(title: str, rows: list[tuple[str, Mapping[str, Any]]]) -> Table:
    keys = list(dict.fromkeys(k for _, row in rows for k, v in row.items() if _is_cell(v)))
    return Table(
        title,
        ("", *(_name(key) for key in keys)),
        tuple((name, *(_text(row.get(key, "")) for key in keys)) for name, row in rows),
    )


def _is_cell(value: Any) -> bool:
    if isinstance(value, list):
        plain = all(isinstance(item, int | float | str) for item in value)
        return plain and 0 < len(value) <= LONGEST
    return isinstance(value, int | float | str | bool) or value is None


def _text(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(_text(item) for item in value)
    if isinstance(value, float):
        return f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"
    return "" if value is None else str(value)


def _name(key: str) -> str:
    return str(key).replace("_", " ")


def _plot(areas: Mapping[str, float]) -> Plot:
    def draw(axes: Axes) -> None:
        names = [_name(name) for name in areas][::-1]
        axes.barh(names, list(areas.values())[::-1], color=SERIES[0], height=0.55)
        axes.axvline(0.5, color=INK, lw=0.8, ls=":")
        axes.set(xlim=(0, 1), xlabel="area under the ROC curve")

    alt = ", ".join(f"{_name(name)} {area:.2f}" for name, area in areas.items())
    return plot(
        "fidelity-auc",
        "How well a network tells it from real photos; 0.5, dotted, is not at all",
        f"Area under ROC: {alt}",
        draw,
    )
