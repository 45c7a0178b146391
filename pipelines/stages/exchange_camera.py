"""A store's cameras as files: a picture of what they do, and JSON for other programs and HR."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import numpy as np

from degrade.arrays import U8
from degrade.atomic_file import replacing
from degrade.camera.camera_samples import CameraSamples, JpegCompression, taken_tile
from degrade.camera.jpeg import SUBSAMPLING
from degrade.camera.parameters import CHOICES, PARAMETERS, Cameras, from_columns
from degrade.errors import SettingsError
from degrade.images.colour import to_uint8
from degrade.images.write import write_png
from degrade.pictures import enlarge, row, stacked
from degrade.randomness import stream
from degrade.store.reader import Store, open_store
from degrade.store.schema import CAMERA, Domain
from degrade.store.stages import StageIdentity
from degrade.store.writer import begin
from pipelines.camera_evidence import scene_of
from pipelines.camera_report import CameraReport, camera_report
from pipelines.photos.reading import usable_photos
from pipelines.stages.estimate_camera import write_bank

IMPORT_STAGE = "import-camera"
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
        "scenes": report.scenes,
        **{name: list(choices) for name, choices in CHOICES.items()},
        "parameters": meanings,
        "cameras": [
            dict(zip(PARAMETERS, values, strict=True)) for values in bank.cameras.values.tolist()
        ],
        "compressions": [
            {"files": files, "subsampling": lossy.subsampling, "tables": lossy.tables.tolist()}
            for lossy, files in zip(bank.lossy, bank.files.tolist(), strict=True)
        ],
    }
    try:
        with replacing(path) as aside:
            aside.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise SettingsError(
            f"{path}: cannot be written ({error.strerror}); pick another --export"
        ) from error


@dataclass(frozen=True)
class Imported:
    """What a file says of cameras: themselves, their files' compression, and how they were found.

    Attributes:
        cameras: As likely as often.
        kinds: Ways of compression, and the number of files of each.
        facts: ``misfit``, ``photos`` and ``scenes``, see `CameraReport`.
    """

    cameras: Cameras
    kinds: tuple[tuple[JpegCompression, int], ...]
    facts: dict[str, Any]

    @property
    def bank(self) -> CameraSamples:
        """The cameras, to photograph other pictures with."""
        files = np.array([count for _, count in self.kinds], np.float64)
        shares = files / max(1, files.sum())
        return CameraSamples(self.cameras, tuple(lossy for lossy, _ in self.kinds), shares)


def read_camera(path: Path) -> Imported:
    """Read cameras that `export_camera` wrote.

    Raises:
        SettingsError: It is no such file.
    """
    try:
        data: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if data["format"] != FORMAT or data["version"] != 1:
            raise ValueError("of another format or version")
        given = data["cameras"]
        if not given:
            raise ValueError("without cameras")
        columns = {
            name: [float(one[name]) for one in given] for name in PARAMETERS if name in given[0]
        }
        kinds = tuple(_kind(one) for one in data["compressions"])
        facts = {
            "misfit": float(data["misfit"]),
            "photos": int(data["photos"]),
            "scenes": str(data["scenes"]),
        }
        if facts["scenes"] not in get_args(Domain):
            raise ValueError("found on no scenes")
        cameras = _checked(from_columns(columns, len(given)))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SettingsError(
            f"{path}: holds no cameras ({error}); write them with `degrade camera --export`"
        ) from error
    return Imported(cameras, kinds, facts)


def _kind(one: dict[str, Any]) -> tuple[JpegCompression, int]:
    """Return a way of compression and the number of its files."""
    tables, subsampling = np.array(one["tables"], np.float32), str(one["subsampling"])
    if tables.shape != (2, 8, 8) or not (tables >= 1).all() or subsampling not in SUBSAMPLING:
        raise ValueError("a compression without steps [2, 8, 8] or of unknown subsampling")
    return JpegCompression(tables, subsampling), max(1, int(one["files"]))


def _checked(cameras: Cameras) -> Cameras:
    """Refuse values that no camera has."""
    for column, (name, parameter) in zip(cameras.values.T, PARAMETERS.items(), strict=True):
        if not ((parameter.low <= column) & (column <= parameter.high)).all():
            raise ValueError(f"{name} is not between {parameter.low} and {parameter.high}")
    return cameras


def import_camera(location: str, path: Path, *, overwrite: bool = False) -> CameraReport:
    """Write cameras of a file into a store, to photograph the store's own pictures with.

    Raises:
        SettingsError: It is no such file.
        StoreError: The store has other cameras, and they are not to be overwritten.
    """
    given = read_camera(path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    identity = StageIdentity(IMPORT_STAGE, {"file": path.name}, {"file": digest})
    with begin(location, CAMERA, identity, overwrite=overwrite) as out:
        if out.needed:
            write_bank(out, given.cameras, given.kinds)
            said = f"{len(given.kinds)} ways, as {path.name} says"
            out.results.update({**given.facts, "compression": said, "refused": []})
    return camera_report(open_store(location))


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


def _taken(scene: U8, bank: CameraSamples, index: int) -> U8:
    side = min(2 * PATCH, *scene.shape[:2]) // 2 * 2
    corner = tuple((length - side) // 4 * 2 for length in scene.shape[:2])
    rng = stream(0, "camera-picture", index)
    return taken_tile(scene, (corner[0], corner[1]), side, 2, bank, rng)[1]


def _middle(photo: U8, side: int) -> U8:
    top, left = (max(0, (length - side) // 2) for length in photo.shape[:2])
    return photo[top : top + side, left : left + side]
