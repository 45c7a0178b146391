"""Photos of simulated phones with a whole image processor, in the folders of the measuring data.

    python -m benchmarks.simulated_phones OUT --scenes FOLDER [--phones plain cheap ...]
        [--valid 6] [--seed 0]

Writes for each phone ``OUT/<phone>/source/*.jpg``, and of the last scenes by name, which are held
out, ``OUT/<phone>/valid/lr/*.png`` (the decoded JPEG) and ``OUT/<phone>/valid/hr/*.png`` (the scene
in the phone's tones); ``OUT/<phone>/truth.json`` has the phone's settings.
"""

import argparse
import json
from dataclasses import asdict
from pathlib import Path

import cv2

from degrade.images.colour import to_uint8
from degrade.images.decode import decode, read_image
from degrade.images.write import write_bytes, write_png
from pipelines.phones.catalogue import PHONES
from pipelines.phones.processor import Shot, take

SUFFIXES = (".jpeg", ".jpg", ".png")
"""Suffixes of the files that are taken as scenes."""


def split(scenes: Path, valid: int) -> tuple[list[Path], list[Path]]:
    """Return a folder's scenes to train on, and the last ``valid`` by name."""
    paths = sorted(path for path in scenes.iterdir() if path.suffix.lower() in SUFFIXES)
    first = max(0, len(paths) - valid)
    return paths[:first], paths[first:]


def photograph(name: str, source: list[Path], valid: list[Path], folder: Path, seed: int) -> None:
    """Take every scene with a phone, and write photos, held-out pairs and the truth."""
    for path in source:
        write_bytes(folder / "source" / f"{path.stem}.jpg", take_scene(path, name, seed).jpeg)
    for path in valid:
        shot, file = take_scene(path, name, seed), f"{path.stem}.png"
        write_png(folder / "valid" / "lr" / file, to_uint8(decode(shot.jpeg, f"{path.stem}.jpg")))
        write_png(folder / "valid" / "hr" / file, shot.hr)
    truth = {"name": name, "seed": seed, **asdict(PHONES[name])}
    write_bytes(folder / "truth.json", json.dumps(truth, indent=1).encode())


def take_scene(path: Path, name: str, seed: int) -> Shot:
    """Photograph the scene of a file with a named phone."""
    return take(to_uint8(read_image(path)), PHONES[name], f"{name}/{path.stem}", seed)


def main() -> None:
    """Photograph the scenes with each phone."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path, help="gets a folder for each phone")
    parser.add_argument("--scenes", type=Path, required=True, help="folder of sharp photos")
    parser.add_argument("--phones", nargs="+", choices=PHONES, default=list(PHONES))
    parser.add_argument("--valid", type=int, default=6, help="scenes that are held out")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    source, valid = split(options.scenes, options.valid)
    for name in options.phones:
        photograph(name, source, valid, options.out / name, options.seed)
        print(f"{name}: {len(source)} photos, {len(valid)} held out")


if __name__ == "__main__":
    main()
