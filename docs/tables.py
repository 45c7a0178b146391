"""Tables of the store's arrays and of a recipe's fields, written from what defines them."""

from collections.abc import Mapping
from typing import Any

from degrade.camera.parameters import PARAMETERS
from degrade.store.schema import (
    CAMERA_PAIR_COLUMNS,
    COMPRESSION_COLUMNS,
    EXIF_COLUMNS,
    IMPORTED_PAIR_COLUMNS,
    KERNEL_COLUMNS,
    KERNEL_POSTERIOR,
    LIBRARY_COLUMNS,
    NOISE_COLUMNS,
    NOISE_GROUP,
    NOISE_GROUPS,
    NOISE_SENSOR,
    PAIR_COLUMNS,
    PHOTO_GROUP,
    SCORE_COLUMNS,
    SOURCE_COLUMNS,
    Column,
    reference_columns,
)
from pipelines.recipe import Recipe

KERNELS = {"weights": "[K, S, S] float32"}
PATCHES = {"patches": "[N, P, P, 3] uint8"}
TILES = {"hr": "[M, T, T, 3] uint8", "lr": "[M, T/s, T/s, 3] uint8"}
REFERENCES = {
    "hr": "[M, R, T, T, 3] uint8",
    "library": "[L, T, T, 3] uint8, with `--from`, `--cufed` or `--cufed5`",
}


def store_tables() -> str:
    """Return a table for each group of the store."""
    return "\n\n".join(
        [
            _group("sources", "F files", {}, SOURCE_COLUMNS | SCORE_COLUMNS),
            _group("sources where photos have EXIF data", "F files", {}, EXIF_COLUMNS),
            _group("kernels/x{s}", "K estimates", KERNELS, KERNEL_COLUMNS),
            _group("kernels/x{s} of the spectral estimator", "K estimates", {}, KERNEL_POSTERIOR),
            _group("kernels/x{s} and noise of several cameras", "K, N rows", {}, PHOTO_GROUP),
            _group("noise", "N patches", PATCHES, NOISE_COLUMNS),
            _sensor(),
            _group("camera", "64 likely cameras", {}, _cameras()),
            _group("camera/tables and so on", "Q ways of compression", {}, COMPRESSION_COLUMNS),
            _group("pairs/x{s}", "M pairs", TILES, PAIR_COLUMNS | SCORE_COLUMNS),
            _group("pairs/x{s} by a camera", "M pairs", {}, CAMERA_PAIR_COLUMNS),
            _group("pairs/x{s} of an import", "M pairs", {}, IMPORTED_PAIR_COLUMNS),
            _group("references/x{s}", "M pairs", REFERENCES, reference_columns(1)),
            _group("references/x{s}, of the library", "L tiles", {}, LIBRARY_COLUMNS),
        ]
    )


def _cameras() -> dict[str, Column]:
    return {name: Column("float64", its.meaning) for name, its in PARAMETERS.items()}


def _group(name: str, rows: str, arrays: Mapping[str, str], columns: Mapping[str, Column]) -> str:
    lines = [f"| array, a row for each of {rows} | type | meaning |", "|---|---|---|"]
    lines += [f"| `{array}` | {shape} | |" for array, shape in arrays.items()]
    for column, its in columns.items():
        width = "" if not its.row else " each" if name.startswith("ref") else f", {its.row[0]} each"
        lines.append(f"| `{column}` | {its.dtype}{width} | {its.meaning} |")
    return "\n".join([f"### `{name}`" if "," not in name else "### The library", "", *lines])


def _sensor() -> str:
    """Return the arrays of ``noise`` that have no row per patch."""
    lines = ["| array of all photos | type | meaning |", "|---|---|---|"]
    lines += [f"| `{name}` | float64 | {meaning} |" for name, meaning in NOISE_SENSOR.items()]
    lines += ["", "| array of several cameras | type | meaning |", "|---|---|---|"]
    lines += [f"| `{name}` | str | {its.meaning} |" for name, its in NOISE_GROUP.items()]
    lines += [f"| `{name}` | float64 | {meaning} |" for name, meaning in NOISE_GROUPS.items()]
    return "\n".join(lines)


def recipe_tables() -> str:
    """Return a table of fields for a recipe's top and for each of its settings."""
    schema = Recipe.model_json_schema()
    parts = {"Recipe": schema, **schema["$defs"]}
    return "\n\n".join(_fields(name, part) for name, part in parts.items() if "properties" in part)


def _fields(name: str, part: Mapping[str, Any]) -> str:
    lines = [f"### {_title(name)}", "", part.get("description", "").splitlines()[0], ""]
    lines += ["| field | values | default | meaning |", "|---|---|---|---|"]
    for field, its in part["properties"].items():
        default = "needed" if field in part.get("required", ()) else _default(its.get("default"))
        meaning = " ".join(str(its.get("description", "")).split())
        lines.append(f"| `{field}` | {_values(its)} | {default} | {meaning} |")
    return "\n".join(lines)


def _title(name: str) -> str:
    """Return a model's name; the schema puts the module before names that occur twice."""
    *module, last = name.split("__")
    return f"{last} of {module[-1]}" if module else last


def _default(value: Any) -> str:
    return "its own" if isinstance(value, dict) and len(value) > 2 else f"`{value}`"


def _values(its: Mapping[str, Any]) -> str:
    if "$ref" in its:
        title = _title(its["$ref"].rsplit("/", 1)[1])
        return f"[{title}](#{title.lower().replace(' ', '-')})"
    if "enum" in its or "const" in its:
        return ", ".join(f"`{value}`" for value in its.get("enum", [its.get("const")]))
    for key in ("anyOf", "oneOf"):
        if key in its:
            return " or ".join(_values(choice) for choice in its[key])
    limits = [f"{sign} {its[key]}" for key, sign in LIMITS.items() if key in its]
    return " ".join([its.get("type", "any"), ", ".join(limits)]).strip()


LIMITS = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
