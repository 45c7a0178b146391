"""What a published model's page says, from its run: OpenModelDB's JSON, Hugging Face's README."""

import json
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import yaml

from degrade import second_order
from degrade.errors import SettingsError
from degrade.yaml_settings import read_yaml
from sr_train.network_files import load_network
from sr_train.networks.generator import Generator
from sr_train.training.loop import WEIGHTS_NAME
from sr_train.weights.weights_file import file_sha256

FORMATS = {".pth": "pth", ".safetensors": "safetensors", ".onnx": "onnx", ".param": "ncnn"}
PLATFORMS = {".onnx": "onnx", ".param": "ncnn"}
"""OpenModelDB's names of platforms other than pytorch."""
ARCHITECTURES = {"RRDBNet": "esrgan", "SRResNet": "srgan"}
"""OpenModelDB's names of architectures that are not the class's name in small letters."""
NUMBERS = {"features": "nf", "blocks": "nb", "growth": "gc"}
"""How OpenModelDB abbreviates sizes."""
SCORES = ("psnr", "ssim", "lpips")
"""What validation records."""


@dataclass(frozen=True)
class About:
    """What no run knows."""

    author: str
    licence: str
    """SPDX's, such as CC-BY-4.0."""
    name: str


@dataclass(frozen=True)
class Card:
    """The two texts."""

    openmodeldb: str
    """JSON."""
    readme: str
    """Markdown with a YAML head."""


def model_card(run: Path, file: Path, about: About, scores: Path | None = None) -> Card:
    """Describe a model by what its run's folder holds.

    Args:
        run: The run's folder, as training writes it.
        file: The model as it is published, such as `export_model` wrote it.
        about: Author, licence and name.
        scores: What ``degrade evaluate --json`` printed of it; None: validation's scores alone.

    Raises:
        SettingsError: A file is not there or is not what it should be.
        WeightsError: The run's weights cannot be read.
    """
    if file.suffix not in FORMATS:
        raise SettingsError(f"{file}: give a model's file, ending in {', '.join(FORMATS)}")
    for path in (file, run / "settings.yaml", run / "provenance.json"):
        if not path.is_file():
            raise SettingsError(f"{path}: is not there; give the run's folder and the model's file")
    network = load_network(run / WEIGHTS_NAME)
    settings, records = read_yaml(run / "settings.yaml"), _records(run)
    data = _object(run / "provenance.json").get("data", {})
    facts = _facts(network, settings, records, data)
    found = _object(scores) if scores else None
    return Card(_openmodeldb(file, about, network, facts), _readme(file, about, facts, found))


def _records(run: Path) -> list[dict[str, Any]]:
    path = run / "log" / "metrics.jsonl"
    found = []
    for line in path.read_text().splitlines() if path.is_file() else []:
        with suppress(ValueError):  # a line cut short by a kill
            found.append(json.loads(line))
    return found


def _object(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SettingsError(f"{path}: holds no JSON ({error}); give another file") from error
    if not isinstance(found, dict):
        raise SettingsError(f"{path}: holds no JSON object; give another file")
    return found


def _facts(
    network: Generator,
    settings: Mapping[str, Any],
    records: list[dict[str, Any]],
    data: Mapping[str, Any],
) -> dict[str, str | int]:
    """Return what the run says of the model, by title; folders by their last name alone."""
    sizes = {key: value for key, value in network.arguments.items() if key in NUMBERS}
    name = network.arguments.get("architecture", type(network).__name__)
    found: dict[str, str | int] = {
        "Architecture": " ".join([str(name), *(f"{n} {key}" for key, n in sizes.items())]),
        "Scale": network.scale,
        "Iterations": max((int(record["step"]) for record in records), default=0),
        "Batch": int(settings["batch"]),
        "HR crop": int(settings["crop"]),
    }
    if store := data.get("store"):
        kept = settings.get("degradation", "auto")
        found["Data"] = f"pairs of the store {Path(store).name} (degrade), degradation {kept}"
        noise = settings.get("noise_model") if settings.get("noise") else "none"
        found["Noise injected"] = str(noise)
    elif "lr" in data:
        found["Data"] = f"paired folders {Path(data['lr']).name} and {Path(data['hr']).name}"
    if share := settings.get("random_share"):
        found["Degraded at random"] = f"{share:.0%} of the crops: {second_order.ABOUT}"
    if data.get("content"):
        found["Hash of the data"] = str(data["content"])
    if data.get("init"):
        found["Started from"] = Path(data["init"]).name
    last = [record for record in records if "psnr" in record]
    if last:
        pairs = settings.get("validation_tiles")
        scores = ", ".join(f"{n.upper()} {last[-1][n]:.4g}" for n in SCORES if n in last[-1])
        found["Validation"] = f"{scores} (RGB, border cut by the scale, up to {pairs} pairs)"
    return found


def _openmodeldb(
    file: Path, about: About, network: Generator, facts: Mapping[str, str | int]
) -> str:
    name = str(network.arguments.get("architecture", type(network).__name__))
    sizes = [
        f"{network.arguments[key]}{NUMBERS[key]}" for key in NUMBERS if key in network.arguments
    ]
    lines = "\n".join(f"{title}: {value}" for title, value in facts.items())
    numbers = file.with_suffix(".bin") if file.suffix == ".param" else file
    entry: dict[str, Any] = {
        "name": about.name,
        "author": re.sub(r"[^a-z0-9]+", "-", about.author.lower()).strip("-"),
        "license": about.licence,
        "tags": ["photo", "restoration"],
        "description": lines,
        "date": date.today().isoformat(),
        "architecture": ARCHITECTURES.get(name, name.lower()),
        "size": sizes or None,
        "scale": network.scale,
        "inputChannels": 3,
        "outputChannels": 3,
        "resources": [
            {
                "platform": PLATFORMS.get(file.suffix, "pytorch"),
                "type": FORMATS[file.suffix],
                "size": numbers.stat().st_size,
                "sha256": file_sha256(numbers),
                "urls": [],
            }
        ],
        "trainingIterations": facts["Iterations"] or None,
        "trainingBatchSize": facts["Batch"],
        "trainingHRSize": facts["HR crop"],
        "trainingOTF": "on-the-fly" in str(facts.get("Data", "")),
        "dataset": facts.get("Data"),
        "images": [],
    }
    return json.dumps({key: value for key, value in entry.items() if value is not None}, indent=4)


def _readme(
    file: Path,
    about: About,
    facts: Mapping[str, str | int],
    scores: Mapping[str, Any] | None,
) -> str:
    head = {
        "license": about.licence.lower(),
        "pipeline_tag": "image-to-image",
        "tags": ["super-resolution", f"x{facts['Scale']}"],
    }
    lines = [
        "---",
        yaml.safe_dump(head, sort_keys=False).rstrip(),
        "---",
        "",
        f"# {about.name}",
        "",
    ]
    lines += [f"By {about.author}. File: `{file.name}`.", "", "| | |", "|---|---|"]
    lines += [f"| {title} | {value} |" for title, value in facts.items()]
    if scores is not None:
        lines += ["", "## Scores", "", *_scores(scores)]
    lines += ["", "## Use", "", f"    degrade upscale {file.name} ./photos --out ./larger", ""]
    return "\n".join(lines)


def _scores(scores: Mapping[str, Any]) -> list[str]:
    """Return a table of means and the protocol that they follow, of one result or several."""
    mean, protocol = scores.get("mean"), scores.get("protocol")
    if not isinstance(mean, dict) or not isinstance(protocol, dict):
        raise SettingsError("the scores are not what `degrade evaluate --json` prints: give that")
    several = all(isinstance(row, dict) for row in mean.values())
    rows = dict(mean) if several else {"this model": mean}
    if not several and "bicubic_mean" in scores:
        rows["bicubic"] = scores["bicubic_mean"]
    names = list(next(iter(rows.values())))
    lines = [f"| | {' | '.join(names)} |", "|---" * (len(names) + 1) + "|"]
    for label, row in rows.items():
        cells = ("" if row.get(name) is None else f"{row[name]:.4g}" for name in names)
        lines.append(f"| {Path(label).name} | {' | '.join(cells)} |")
    plain = {key: value for key, value in protocol.items() if not isinstance(value, dict)}
    return [*lines, "", "Protocol: " + "; ".join(f"{key} {value}" for key, value in plain.items())]
