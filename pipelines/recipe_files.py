"""Recipe files: shipped ones, includes, printing with every default, and the schema for editors."""

import json
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml

from degrade.errors import SettingsError
from degrade.settings import merged, override, parse_yaml, read_yaml, validated
from pipelines.recipe import Recipe, share_fields, strip_shared

INCLUDE = "include"
"""Key of a recipe that names another one to start from: a shipped name, or a file beside it."""


def shipped_recipes() -> list[str]:
    """Return the names of the recipes that come with the package."""
    folder = files("pipelines") / "recipes"
    return sorted(item.name[:-5] for item in folder.iterdir() if item.name.endswith(".yaml"))


def load_recipe(name: str, assignments: Sequence[str] = ()) -> Recipe:
    """Load a recipe by file or shipped name, with includes and ``--set`` assignments applied.

    Raises:
        SettingsError: There is no such recipe, or it has faults; the text lists all of them.
    """
    data = override(_read(name, Path(), ()), assignments)
    return validated(Recipe, share_fields(data), name)


def print_recipe(recipe: Recipe) -> str:
    """Return a recipe as YAML with every default; loading it gives the same recipe."""
    plain = strip_shared(recipe.model_dump(mode="json"))
    return yaml.safe_dump(plain, sort_keys=False, allow_unicode=True)


def recipe_schema() -> str:
    """Return the JSON schema of recipes, as editors use it to complete and check YAML.

    A recipe that includes another need not have the required keys; editors may complain there.
    """
    schema = Recipe.model_json_schema()
    schema["properties"][INCLUDE] = {
        "type": "string",
        "description": "a shipped recipe, or a file beside this one, to start from",
    }
    return json.dumps(schema, indent=2)


def _read(name: str, folder: Path, seen: tuple[str, ...]) -> dict[str, Any]:
    """Read a recipe and, under its own fields, the one that it includes."""
    if name in shipped_recipes():
        key = name
        text = (files("pipelines") / "recipes" / f"{name}.yaml").read_text(encoding="utf-8")
        data = parse_yaml(text, name)
    elif _is_file(folder / name):
        key = str((folder / name).resolve())
        data = read_yaml(folder / name)
    else:
        raise SettingsError(
            f"{name}: is neither a recipe file nor one that ships with degrade "
            f"({', '.join(shipped_recipes())})"
        )
    if key in seen:
        raise SettingsError(f"{name}: includes itself; remove one include")
    included = data.pop(INCLUDE, None)
    if included is None:
        return data
    beside = (folder / name).parent
    if (
        not isinstance(included, str)
        or ".." in Path(included).parts
        or Path(included).is_absolute()
    ):
        raise SettingsError(
            f"{name}: include: give a shipped recipe or a file beside this one, not {included!r}"
        )
    return merged(_read(included, beside, (*seen, key)), data)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name too long, a folder that may not be entered
        return False
