"""A store's cameras as files: a picture of what they do, and JSON for other programs and HR."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from degrade.arrays import U8
from degrade.camera.crops import Bank, Lossy, taken_tile
from degrade.camera.parameters import DEMOSAICING, OVERSAMPLING, PARAMETERS, Cameras
from degrade.errors import SettingsError
from degrade.images.colour import to_uint8
from degrade.images.write import write_png
from degrade.pictures import enlarge, row, stacked
from degrade.randomness import stream
from degrade.store.reader import Store
from degrade.whole_file import replacing
from pipelines.photos import usable_photos
from pipelines.stages.estimate_camera import camera_report, scene_of

FORMAT = "degrade-camera"
WIDTH, SHOWN, PATCH = 904, 6, 64


def export_camera(store: Store, path: Path) -> None:
    """Write a store's cameras as JSON, which `read_camera` reads.

    Raises:
        SettingsError: The file cannot be written.
    """
    bank, report = store.camera(), camera_report(store)
    meanings = {name: parameter.meaning for name, parameter in PARAMETERS.items()}
    data = {
        "format": FORMAT,
        "version": 1,
        "misfit": report.misfit,
        "photos": report.photos,
        "demosaicing": list(DEMOSAICING),
        "oversampling": list(OVERSAMPLING),
        "parameters": meanings,
        "cameras": [
            dict(zip(PARAMETERS, values, strict=True)) for values in bank.cameras.values.tolist()
        ],
        "compressions": [
            {"share": share, "subsampling": lossy.subsampling, "tables": lossy.tables.tolist()}
            for lossy, share in zip(bank.lossy, bank.frequency.tolist(), strict=True)
        ],
    }
    try:
        with replacing(path) as aside:
            aside.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise SettingsError(
            f"{path}: cannot be written ({error.strerror}); pick another --export"
        ) from error


def read_camera(path: Path) -> Bank:
    """Read cameras that `export_camera` wrote, to photograph other pictures with.

    Raises:
        SettingsError: It is no such file.
    """
    try:
        data: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if data["format"] != FORMAT or data["version"] != 1:
            raise ValueError("of another format or version")
        values = [[float(camera[name]) for name in PARAMETERS] for camera in data["cameras"]]
        lossy = tuple(
            Lossy(np.array(one["tables"], np.float32).reshape(2, 8, 8), str(one["subsampling"]))
            for one in data["compressions"]
        )
        frequency = np.array([float(one["share"]) for one in data["compressions"]])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SettingsError(
            f"{path}: holds no cameras ({error}); write them with `degrade camera --export`"
        ) from error
    return Bank(Cameras(np.array(values)), lossy, frequency)


def draw_camera(store: Store, path: Path) -> None:
    """Write a picture: patches of the photos, and below them photos that the cameras would take."""
    write_png(path, stacked(camera_rows(store, WIDTH)))


def camera_rows(store: Store, width: int) -> list[U8]:
    """Return the two rows of the picture of `draw_camera`, so wide."""
    bank = store.camera()
    photos = usable_photos(store.sources(), "source")[:SHOWN]
    scenes = usable_photos(store.sources(), bank.scenes)[:SHOWN]
    real = [to_uint8(photo.read()) for photo in photos]
    taken = [_taken(scene_of(scene), bank, index) for index, scene in enumerate(scenes)]
    return [
        row("Photos", [("", enlarge(_middle(photo, PATCH), 140)) for photo in real], width),
        row(
            "Simulated by likely cameras, on other scenes",
            [("", enlarge(photo, 140)) for photo in taken],
            width,
        ),
    ]


def _taken(scene: U8, bank: Bank, index: int) -> U8:
    side = min(2 * PATCH, *scene.shape[:2]) // 2 * 2
    corner = tuple((length - side) // 4 * 2 for length in scene.shape[:2])
    rng = stream(0, "camera-picture", index)
    return taken_tile(scene, (corner[0], corner[1]), side, 2, bank, rng)[1]


def _middle(photo: U8, side: int) -> U8:
    top, left = (max(0, (length - side) // 2) for length in photo.shape[:2])
    return photo[top : top + side, left : left + side]
