"""Tables for the pages: the store's arrays, a recipe's fields, what recipes leave on the disk."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from degrade.camera.parameters import PARAMETERS
from degrade.cli.options import megabytes
from degrade.images.source_record import SourceRecord
from degrade.kernels.spectral import MIN_SIDE
from degrade.store.schema import (
    CAMERA_PAIR_COLUMNS,
    COMPRESSION_COLUMNS,
    EXIF_COLUMNS,
    IMPORTED_PAIR_COLUMNS,
    KERNEL_COLUMNS,
    KERNEL_POSTERIOR,
    LENS_ARRAYS,
    LENS_PAIR_COLUMNS,
    LIBRARY_COLUMNS,
    NOISE_COLUMNS,
    NOISE_GROUP,
    NOISE_GROUPS,
    NOISE_OF_ISO,
    NOISE_SENSOR,
    PAIR_COLUMNS,
    PHOTO_GROUP,
    SCORE_COLUMNS,
    SOURCE_COLUMNS,
    Column,
    reference_columns,
)
from pipelines.recipes.forecast import Forecast, forecast
from pipelines.recipes.recipe import Recipe, load_recipe

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
            _group("lens/x{s}", "n radii, but for `shift`", {}, LENS_ARRAYS),
            _group("noise", "N patches", PATCHES, NOISE_COLUMNS),
            _sensor(),
            _group("camera", "64 likely cameras", {}, _cameras()),
            _group("camera/tables and so on", "Q ways of compression", {}, COMPRESSION_COLUMNS),
            _group("pairs/x{s}", "M pairs", TILES, PAIR_COLUMNS | SCORE_COLUMNS),
            _group("pairs/x{s} by a camera", "M pairs", {}, CAMERA_PAIR_COLUMNS),
            _group("pairs/x{s} by a lens", "M pairs", {}, LENS_PAIR_COLUMNS),
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
    lines += ["", "| array of several groups | type | meaning |", "|---|---|---|"]
    lines += [f"| `{name}` | str | {its.meaning} |" for name, its in NOISE_GROUP.items()]
    lines += [f"| `{name}` | float64 | {meaning} |" for name, meaning in NOISE_GROUPS.items()]
    lines += [f"| `{name}` | {its.dtype} | {its.meaning} |" for name, its in NOISE_OF_ISO.items()]
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


@dataclass(frozen=True)
class Photos:
    """Photos of one size."""

    count: int
    height: int
    width: int

    def records(self) -> list[SourceRecord]:
        """Return them as files that decoded."""
        size = {
            "height": self.height,
            "width": self.width,
            "status": "ok",
            "reason": "",
            "notes": (),
        }
        return [SourceRecord(path=str(n), sha256="", **size) for n in range(self.count)]


NOTHING = Photos(0, 0, 0)
TRACKS = {
    "ntire2020_track1": (Photos(2650, 1404, 2040), Photos(800, 1404, 2040)),
    "ntire2020_track2": (Photos(5614, 1536, 2048), NOTHING),
}
"""Photos of each track, real and clean, all taken to be of one size."""


def needs(track: str) -> Forecast:
    """Return what a track's recipe needs of its photos."""
    sources, targets = TRACKS[track]
    stages = load_recipe(track).stages
    assert stages.noise
    found = (sources.records(), targets.records(), ".", MIN_SIDE, stages.noise, stages.pairs)
    return forecast(*found)


def disk_table() -> str:
    """Return a table of the tracks' counts and disk."""
    lines = [
        "| recipe | photos taken to be | pairs | their disk | noise windows seen | at most |",
        "|---|---|---|---|---|---|",
    ]
    for track, groups in TRACKS.items():
        counts = " and ".join(f"{g.count} of {g.width}x{g.height}" for g in groups if g.count)
        its = needs(track)
        lines.append(
            f"| `{track}` | {counts} | {its.pairs} | {megabytes(its.pair_bytes)} "
            f"| {its.noise_windows} | {megabytes(its.noise_bytes)} |"
        )
    return "\n".join(lines)
