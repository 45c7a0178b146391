"""The report's last section: commands and settings that make the store again."""

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from degrade.errors import SettingsError
from degrade.store.contents import Sources
from degrade.store.reader import Store
from degrade.store.schema import NOISE, kernels_group, pairs_group, references_group
from degrade.store.stage_inputs import IMPORT_PAIRS
from degrade.store.stages import software
from degrade.yaml_settings import read_yaml
from pipelines.recipes.recipe import Recipe, print_recipe
from pipelines.report.runs import SETTINGS, run_folders
from pipelines.stage_table import STAGES
from pipelines.stages.import_noise import STAGE as IMPORT_NOISE
from sr_train.settings import METHODS

Stages = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Remake:
    """How to make one scale again: a recipe to save, and the commands."""

    scale: int
    file: str
    recipe: str
    commands: str


@dataclass(frozen=True)
class RemakeBody:
    """What the section shows."""

    summary: str
    remakes: tuple[Remake, ...]
    without_pairs: str
    training: str
    differences: tuple[str, ...]
    """Versions that made the stages and are not those of the command that wrote the report."""
    stages: tuple[tuple[str, str], ...]
    """Every stage with its attributes as JSON."""


def remake_body(store: Store, runs: Path) -> RemakeBody:
    """Gather how the store was made, from what its stages recorded.

    Raises:
        StoreError: There was no check.
    """
    stages, sources = store.stages(), store.sources()
    scales = [scale for scale in store.scales("pairs") if stages[pairs_group(scale)]["complete"]]
    return RemakeBody(
        summary=f"{len(stages)} stages recorded",
        remakes=tuple(_remake(store.location, stages, sources, scale) for scale in scales),
        without_pairs="" if scales else _commands_before_pairs(store.location, sources),
        training=_training(store.location, runs),
        differences=_differences(stages),
        stages=tuple((name, _json(stage)) for name, stage in stages.items()),
    )


def recipe_of(stages: Stages, sources: Sources, scale: int) -> Recipe | None:
    """Return the recipe whose stages have the settings that the store's stages recorded.

    None if no recipe could have made them: stages of several seeds, another scale, or imported.
    """
    pairs = stages[pairs_group(scale)]["parameters"]
    if stages[pairs_group(scale)]["stage"] == IMPORT_PAIRS:
        return None
    made: dict[str, Any] = {}
    for stage in STAGES:
        recorded = stages.get(stage.group_at(scale), {}) if stage.key and stage.group else {}
        if recorded.get("stage") == stage.name and stage.by_recipe(recorded):
            made[stage.key] = recorded["parameters"]
    fields = {
        "name": f"remake_x{scale}",
        "scale": scale,
        "seed": pairs["seed"],
        "target": "target" in sources.folders and pairs["use_target"],
        "images": {**sources.policy, **sources.selection.model_dump()},
        "stages": made,
    }
    seeds = {stage["seed"] for stage in made.values() if "seed" in stage}
    try:
        return Recipe(**fields) if len(seeds) == 1 else None
    except ValidationError:
        return None


def _remake(location: str, stages: Stages, sources: Sources, scale: int) -> Remake:
    recipe = recipe_of(stages, sources, scale)
    file = f"remake_x{scale}.yaml"
    store = f"--store {shlex.quote(location)}"
    run = f"degrade run {file} {_folders(sources)} {store}"
    kernels = stages.get(kernels_group(scale), {})
    lines = []
    if NOISE in stages and stages[NOISE]["stage"] == IMPORT_NOISE:
        lines.append(f"degrade import --noise {shlex.quote(stages[NOISE]['folder'])} {store}")
    if kernels.get("stage") == "import-kernels":
        lines += [
            f"degrade check {_folders(sources)} {store}",
            f"degrade import --kernels FOLDER_OF_MAT_FILES --scale {scale} {store}",
        ]
    pairs = stages[pairs_group(scale)]
    if pairs["stage"] == IMPORT_PAIRS:
        flags = " ".join(f"--{name} {value}" for name, value in pairs["parameters"].items())
        places = (pairs["lr_folder"], sources.folders.get("target", "HR_FOLDER"))
        lr, hr = (shlex.quote(place) for place in places)
        lines.append(f"degrade import {lr} --hr {hr} {flags} {store}")
    if recipe is not None:
        lines.append(run)
    references = stages.get(references_group(scale), {"inputs": {}})
    if set(references["inputs"]) == {"pairs", "library"}:
        flags = " ".join(f"--{name} {value}" for name, value in references["parameters"].items())
        lines.append(f"degrade build-references {flags} --from FOLDER_OF_PHOTOS {store}")
    if line := _cufed(sources, pairs, references):
        return Remake(scale, file, "", f"{line} {store}")
    return Remake(scale, file, print_recipe(recipe) if recipe else "", "\n".join(lines))


def _cufed(sources: Sources, pairs: Mapping[str, Any], references: Mapping[str, Any]) -> str:
    """Return the command that reads CUFED or CUFED5, photos and all; nothing for other stores."""
    folder = Path(dict(sources.folders).get("source", ""))
    if "cufed" in references["inputs"]:
        return f"degrade build-references --cufed {shlex.quote(str(folder.parent))}"
    if "cufed5" in references["inputs"]:
        flags = f"--tile {pairs['parameters']['tile']}"
        flags += f" --features {references['parameters']['features']}"
        return f"degrade build-references --cufed5 {shlex.quote(str(folder))} {flags}"
    return ""


def _commands_before_pairs(location: str, sources: Sources) -> str:
    return f"degrade check {_folders(sources)} --store {shlex.quote(location)}"


def _folders(sources: Sources) -> str:
    folders = dict(sources.folders)
    given = [shlex.quote(folders["source"])] if "source" in folders else []
    if "target" in folders:
        given.append(f"--target {shlex.quote(folders['target'])}")
    return " ".join(given)


def _training(location: str, runs: Path) -> str:
    """Return a command for every run, with the settings that its folder holds."""
    return "\n".join(
        f"degrade train {_method(folder)} --name {shlex.quote(folder.name)} "
        f"--runs {shlex.quote(str(runs))} --config {shlex.quote(str(folder / SETTINGS))} "
        f"--store {shlex.quote(location)}"
        for folder in run_folders(runs)
    )


def _method(run: Path) -> str:
    """Return the method whose settings a run has, or a word in its place."""
    try:
        fields = read_yaml(run / SETTINGS)
    except SettingsError:
        return "METHOD"
    fitting = [name for name, model in METHODS.items() if set(model.model_fields) == set(fields)]
    return fitting[0] if len(fitting) == 1 else "METHOD"


def _differences(stages: Stages) -> tuple[str, ...]:
    now = software()
    return tuple(
        f"{group}: {name} {version}, here {now.get(name, 'absent')}"
        for group, stage in stages.items()
        for name, version in stage.get("software", {}).items()
        if now.get(name) != version
    )


def _json(stage: Mapping[str, Any]) -> str:
    rest = {key: value for key, value in stage.items() if key not in ("refused", "arrays")}
    return json.dumps(rest, indent=2, ensure_ascii=False)
