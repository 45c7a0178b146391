"""`degrade info`: what the store holds."""

from typing import Any

from degrade.cli import options


def info(store: options.Store = options.DEFAULT_STORE, json: options.Json = False) -> None:
    """Say what the store holds: stages, settings, counts.

    Example: degrade info --store ./degrade.zarr
    """
    from degrade.store.reader import open_store

    stages = open_store(store).stages()
    options.answer({"store": store, "stages": stages}, _text(store, stages), json)


def _text(store: str, stages: dict[str, dict[str, Any]]) -> str:
    lines = [f"{store}:" if stages else f"{store}: empty; run `degrade check SRC`"]
    for group, stage in stages.items():
        state = "" if stage["complete"] else " (unfinished: run the command again to go on)"
        shapes = ", ".join(f"{name} {shape}" for name, shape in stage["arrays"].items())
        settings = ", ".join(f"{key} {value}" for key, value in stage["parameters"].items())
        lines += [f"  {group}{state}: {shapes}", f"    by {stage['stage']} with {settings}"]
        lines += _cameras(stage)
    return "\n".join(lines)


def _cameras(stage: dict[str, Any]) -> list[str]:
    """Say of which cameras a stage's photos are, where of several."""
    groups: dict[str, int] = stage.get("groups", {})
    if not groups:
        return []
    from degrade.store.photo_groups import kind_of

    said = "; ".join(f"{name}: {photos} photos" for name, photos in groups.items())
    text = f"    {len(groups)} {kind_of(stage['grouped_by'])} by {stage['grouped_by']}: {said}"
    return [options.on_one_line(text)]
