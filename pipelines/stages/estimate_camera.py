"""Stage `estimate-camera`: photos to the cameras that may have taken them."""

import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any, Literal

import numpy as np
from threadpoolctl import threadpool_limits

from degrade.arrays import F64, U8, Image
from degrade.camera.content import matched
from degrade.camera.crops import Lossy
from degrade.camera.fit import Fitted, Shown, fit_cameras
from degrade.camera.flat import FlatPlaces, flattest, pooled
from degrade.camera.jpeg_file import read_lossy, standard_lossy, traced_quality
from degrade.camera.parameters import PARAMETERS, Cameras
from degrade.camera.settings import FEWEST_PHOTOS, CameraSettings
from degrade.camera.statistics import SIDE
from degrade.camera.views import SCENES, VIEWS, Scenes, look_at, scene_views, simulated
from degrade.errors import NothingToDo, SettingsError, StoreError
from degrade.images.colour import to_uint8
from degrade.images.files import resolve_inside
from degrade.images.resize import bicubic
from degrade.randomness import derive, stream
from degrade.store.contents import CameraBank
from degrade.store.made_from import photos_digest
from degrade.store.parts import Arrays, Parts
from degrade.store.photo_groups import PhotoGroups, groups_known, told
from degrade.store.reader import Store, open_store
from degrade.store.schema import CAMERA, COMPRESSION_COLUMNS, Column, Domain
from degrade.store.stages import StageIdentity
from degrade.store.writer import Out as Writer
from pipelines.client import Client
from pipelines.earlier import Earlier, PhotoByPhoto
from pipelines.photos import Photo, bounded_groups, usable_photos
from pipelines.visits import NO_VISITS, Visits
from pipelines.workspace import Done, Out, begin, blocks, per_task

STAGE = "estimate-camera"
PHOTOS_PER_TASK, PIXELS_PER_TASK = 16, 200_000_000
CAMERAS_PER_TASK = 16
SCENES_PART = f"{CAMERA}/scenes"
PICTURES = 32
"""Pictures whose places are offered as scenes."""
KINDS = 64
"""Ways of compression that are kept, those of the most files."""
REDUCTION = 3
"""Factor by which photos are reduced where no clean ones serve as scenes: more than a clean-up's,
for what is left of their blur and sharpening counts as the scenes'."""
POOR = 1.0
"""Misfit above which no camera of this kind explains the photos."""
TRACED = 8
"""Photos whose pixels are searched for traces of JPEG."""


@dataclass(frozen=True)
class CameraReport:
    """What was found: each parameter's interval, and how well the likely cameras explain it all."""

    cameras: int
    photos: int
    misfit: float
    explained: bool
    """Whether the misfit is small enough to use the cameras."""
    scenes: Domain
    parameters: dict[str, tuple[float, float, float]]
    """5th, 50th and 95th percentile of the likely cameras."""
    compressions: int
    """Ways in which files are compressed."""
    compression: str
    """What is known of it, in words."""
    refused: tuple[tuple[str, str], ...]
    """Photos that were not looked at, and why."""
    group: str = ""
    """The camera whose photos were looked at, where they are of several."""
    groups: dict[str, int] = field(default_factory=dict)
    """The photos of each."""
    grouped_by: str = ""
    """What told them apart: exif, folder or estimates."""


@dataclass(frozen=True)
class Looked:
    """What one photo shows of its camera."""

    seed: int

    def room(self, height: int, width: int) -> int | None:
        """As `pipelines.visits.Want`: the result becomes a part of the stage."""
        return 0 if min(height, width) >= SIDE else None

    def __call__(self, pixels: Image) -> Arrays:
        """Return ``statistics`` [S], ``content`` [V, C], and ``gray``: whether all is gray.

        And what `flat.flattest` returns.
        """
        key = str(zlib.crc32(pixels[len(pixels) // 2].tobytes()))
        gray = np.array_equal(pixels[..., 0], pixels[..., 1])
        found, shown = look_at(pixels, key, self.seed)
        flat = flattest(pixels)
        return {"statistics": found, "content": shown, "gray": np.array(gray), **flat}


def estimate_camera(
    location: str,
    client: Client,
    settings: CameraSettings,
    *,
    overwrite: bool = False,
    visits: Visits = NO_VISITS,
) -> CameraReport:
    """Find the cameras that may have taken the source photos, into the store's `camera`.

    Cameras are simulated on scenes: clean target photos where the store knows some, else the photos
    themselves, reduced.

    Raises:
        NothingToDo: Fewer than `FEWEST_PHOTOS` photos are large enough and in colour.
        StoreError: There was no scan, or the cameras were found with other settings or photos.
    """
    store = open_store(location)
    sources = store.sources()
    photos = usable_photos(sources, "source")
    groups = _cameras(store, settings)
    group = (settings.only or groups.names[0]) if groups is not None else ""
    if groups is not None:
        photos = [photo for photo in photos if groups.of[photo.row] == group]
    domain: Domain = "target" if len(sources.usable("target")) else "source"
    inputs = {"photos": photos_digest(sources, "source"), "scenes": photos_digest(sources, domain)}
    inputs |= groups.inputs() if groups is not None else {}
    identity = StageIdentity(STAGE, settings.model_dump(), inputs)
    with begin(store, client, CAMERA, identity, overwrite=overwrite) as out:
        if out.needed:
            size = per_task(PHOTOS_PER_TASK, len(photos))
            tasks, want = bounded_groups(photos, size, PIXELS_PER_TASK), Looked(settings.seed)
            each = PhotoByPhoto(Earlier.of(location, CAMERA), visits, want)
            look, drop = partial(_look, each), partial(visits.drop, want)
            parts = out.run(tasks, look, "photos", after=drop)
            scenes = photos if domain == "source" else usable_photos(sources, domain)
            _assemble(out, settings, list(parts), photos, scenes)
            if groups is not None:
                out.results.update({"group": group, **groups.facts()})
    return camera_report(store)


def _cameras(store: Store, settings: CameraSettings) -> PhotoGroups | None:
    """Return the photos' cameras; None where there is one.

    Raises:
        SettingsError: There is none of the name that is wanted.
    """
    found = groups_known(store, "auto")
    if settings.only is None or (found is not None and settings.only in found.names):
        return found
    folders = told(store.sources(), "folder").settled({})
    if folders is not None and settings.only in folders.names:
        return folders
    names = [name for groups in (found, folders) if groups is not None for name in groups.names]
    raise SettingsError(
        f"--only {settings.only}: no photos are of that camera or in that subfolder; there are "
        f"{', '.join(names) or 'none to choose from: leave it out'}"
    )


def best_degradation(location: str) -> Literal["linear", "camera"]:
    """Return ``camera`` where a store holds cameras that explain its photos, else ``linear``."""
    try:
        found = open_store(location).camera()
    except StoreError:
        return "linear"
    return "camera" if found.misfit <= POOR else "linear"


def renew_camera(location: str, client: Client) -> bool:
    """Find the cameras again where clean photos came after they were found on the photos alone.

    Clean photos are the better scenes: nothing of the camera is in them. Returns whether it was
    done.
    """
    store = open_store(location)
    if store.camera().scenes == "target" or not len(store.sources().usable("target")):
        return False
    found = store.stages()[CAMERA]
    if found["stage"] != STAGE:  # imported: of other photos
        return False
    settings = CameraSettings(**found["parameters"])
    estimate_camera(location, client, settings, overwrite=True)
    return True


def how_taken(location: str, renewed: bool) -> str:
    """Say in a line which cameras took the pairs' LR."""
    found = open_store(location).camera()
    again = ", found again on the clean photos" if renewed else ""
    return (
        f"LR by {len(found.cameras)} likely cameras{again} (misfit {found.misfit:.2f}); "
        "--degradation linear takes kernels and noise instead"
    )


def _look(each: PhotoByPhoto, photos: Sequence[Photo]) -> Done:
    """Sum up a group of photos, and read how their files are compressed."""
    found, reasons, lossy = [], [], []
    large = [photo for photo in photos if min(photo.height, photo.width) >= SIDE]
    seen = {photo.row: one for photo, one in zip(large, each.find(large), strict=True)}
    for photo in photos:
        looked = seen.get(photo.row)
        reasons.append(_fault(photo, looked))
        lossy.append(read_lossy(resolve_inside(Path(photo.folder), photo.path)))
        if looked is not None and not reasons[-1]:
            found.append(looked)
    part: Arrays = {
        "reason": np.array(reasons),
        "tables": np.stack([np.zeros((2, 8, 8)) if one is None else one.tables for one in lossy]),
        "subsampling": np.array(["" if one is None else one.subsampling for one in lossy]),
    }
    if found:
        for name in ("statistics", "blocks", "count"):
            part[name] = np.stack([looked[name] for looked in found])
        part["content"] = np.concatenate([looked["content"] for looked in found])
    return Done(part, sum(map(bool, reasons)))


def _fault(photo: Photo, looked: Arrays | None) -> str:
    if looked is None:
        return f"{photo.width}x{photo.height} has a side of less than {SIDE} pixels"
    return "has no colour, which shows nothing of a mosaic" if looked["gray"] else ""


def _assemble(
    out: Out,
    settings: CameraSettings,
    parts: Sequence[Arrays],
    photos: Sequence[Photo],
    scenes: Sequence[Photo],
) -> None:
    """Search for cameras, and write them; a stage that finds too few photos is taken back."""
    reasons = np.concatenate([part["reason"] for part in parts])
    rows = [part["statistics"] for part in parts if "statistics" in part]
    observed = np.concatenate(rows) if rows else np.zeros((0, 1))
    if len(observed) < FEWEST_PHOTOS:
        first = next((str(reason) for reason in reasons if reason), "there are no more")
        raise NothingToDo(
            f"{len(observed)} photos to tell a camera from ({first}); give {FEWEST_PHOTOS} or "
            "more in colour, or build pairs with --degradation linear"
        )
    kinds, said = _compressions(parts, settings, photos)
    lossy = _of_scenes(kinds)
    shown = np.concatenate([part["content"] for part in parts if "content" in part])
    views = _scene_views(settings, scenes, np.asarray(shown, np.float64))
    flat = _flat_places(parts)
    Parts(out.location, SCENES_PART).save(0, {"views": views, "colours": flat.colours})
    seen = Shown(np.asarray(observed, np.float64), flat.power.ravel())
    fitted = _fit(out, settings, seen, lossy)
    write_bank(out, fitted.cameras, kinds)
    refused = [[photo.path, str(why)] for photo, why in zip(photos, reasons, strict=True) if why]
    facts = {"misfit": fitted.misfit, "scenes": scenes[0].domain, "photos": len(observed)}
    out.results.update({**facts, "compression": said, "refused": refused})


def _flat_places(parts: Sequence[Arrays]) -> FlatPlaces:
    """Return the flat places of all photos together."""
    both = [(part["blocks"], part["count"]) for part in parts if "blocks" in part]
    blocks, counts = (np.concatenate(each) for each in zip(*both, strict=True))
    return pooled(np.asarray(blocks, np.float32), np.asarray(counts, np.int64))


def _of_scenes(kinds: Sequence[tuple[Lossy, int]]) -> tuple[Lossy, ...] | None:
    """Return how the photos of each scene are compressed: in the files' ways, as often."""
    if not kinds:
        return None
    ends = np.cumsum([files for _, files in kinds])
    places = (np.arange(SCENES) + 0.5) / SCENES * ends[-1]
    return tuple(kinds[int(row)][0] for row in np.searchsorted(ends, places))


def _compressions(
    parts: Sequence[Arrays], settings: CameraSettings, photos: Sequence[Photo]
) -> tuple[list[tuple[Lossy, int]], str]:
    """Return the ways in which files are compressed, the most frequent first, and a word on it."""
    counts: Counter[tuple[bytes, str]] = Counter()
    for part in parts:
        for tables, kind in zip(part["tables"], part["subsampling"], strict=True):
            if kind:
                counts[np.asarray(tables, np.float32).tobytes(), str(kind)] += 1
    if counts:
        kinds = [
            (Lossy(np.frombuffer(data, np.float32).reshape(2, 8, 8), kind), files)
            for (data, kind), files in counts.most_common(KINDS)
        ]
        return kinds, f"{sum(counts.values())} JPEG files, compressed in {len(counts)} ways"
    if settings.jpeg is not None:
        return [(standard_lossy(settings.jpeg), 1)], f"no JPEG files; quality {settings.jpeg} given"
    traces = [traced_quality(photo.read()) for photo in photos[:TRACED]]
    seen = [quality for quality in traces if quality is not None]
    if 2 * len(seen) > len(traces):
        quality = int(np.median(seen))
        said = f"no JPEG files; their pixels show traces of quality {quality}"
        return [(standard_lossy(quality), 1)], said
    return [], "no JPEG files, and no traces of JPEG: none is simulated (--jpeg QUALITY adds it)"


def _scene_views(settings: CameraSettings, scenes: Sequence[Photo], shown: F64) -> U8:
    """Return [SCENES, VIEWS, n, n, 3]: places of scenes that look like the photos.

    Args:
        settings: Of the stage.
        scenes: The pictures.
        shown: `content` of the photos' views.
    """
    order = sorted(scenes, key=lambda p: derive(settings.seed, "camera-scenes", p.sha256))
    offered = [
        scene_views(scene_of(photo), settings.scale, photo.sha256, settings.seed)
        for photo in order[:PICTURES]
    ]
    cut, features = (np.concatenate(column) for column in zip(*offered, strict=True))
    rng = stream(settings.seed, "camera-scenes")
    rows = matched(shown, features, SCENES * VIEWS, rng)
    return np.asarray(cut[rows].reshape(SCENES, VIEWS, *cut.shape[1:]), np.uint8)


def scene_of(photo: Photo) -> U8:
    """Return a photo as a scene: clean ones as they are, others reduced."""
    pixels = photo.read()
    if photo.domain == "source":
        pixels = np.clip(bicubic(pixels, Fraction(1, REDUCTION)), 0, 1)
    return to_uint8(pixels)


def _fit(
    out: Out, settings: CameraSettings, observed: Shown, lossy: tuple[Lossy, ...] | None
) -> Fitted:
    """Search for cameras, simulating them in tasks that leave parts behind."""
    round_of = count()

    def simulate(shares: F64) -> Shown:
        cut = [shares[rows.start : rows.stop] for rows in blocks(len(shares), CAMERAS_PER_TASK)]
        work = partial(_simulate, out.location, lossy, settings)
        parts = list(out.run(cut, work, "cameras", parts=f"simulated/{next(round_of)}"))
        scenes, flat = (
            np.concatenate([np.asarray(part[name], np.float64) for part in parts])
            for name in ("scenes", "flat")
        )
        return Shown(scenes, flat)

    # One thread, so that the search's bytes do not depend on the number of cores.
    with threadpool_limits(1, user_api="blas"):
        return fit_cameras(observed, simulate, settings.seed)


def _simulate(
    location: str, lossy: tuple[Lossy, ...] | None, settings: CameraSettings, shares: F64
) -> Done:
    part = Parts(location, SCENES_PART).part(0)
    views, colours = np.asarray(part["views"], np.uint8), np.asarray(part["colours"], np.float64)
    scenes = Scenes(views, colours, settings.scale, lossy, settings.seed)
    found = [simulated(share, scenes) for share in shares]
    each = {"scenes": [one.scenes for one in found], "flat": [one.flat for one in found]}
    return Done({name: np.stack(arrays) for name, arrays in each.items()})


def write_bank(out: Writer, cameras: Cameras, kinds: Sequence[tuple[Lossy, int]]) -> None:
    """Write cameras, and in how many files each kind of compression was found, as columns."""
    columns = {name: Column("float64", p.meaning) for name, p in PARAMETERS.items()}
    values = dict(zip(PARAMETERS, cameras.values.T, strict=True))
    out.columns(columns, values)
    compressions: dict[str, Any] = {
        "tables": np.array([kind.tables for kind, _ in kinds], np.float32),
        "subsampling": [kind.subsampling for kind, _ in kinds],
        "files": [files for _, files in kinds],
    }
    out.columns(COMPRESSION_COLUMNS, compressions)


def camera_report(store: Store) -> CameraReport:
    """Sum up the cameras that a store holds."""
    bank, attributes = store.camera(), store.stages()[CAMERA]
    return CameraReport(
        cameras=len(bank.cameras),
        photos=attributes["photos"],
        misfit=bank.misfit,
        explained=bank.misfit <= POOR,
        scenes=bank.scenes,
        parameters=intervals(bank),
        compressions=len(bank.lossy),
        compression=attributes["compression"],
        refused=tuple((str(path), str(why)) for path, why in attributes["refused"]),
        group=attributes.get("group", ""),
        groups=attributes.get("groups", {}),
        grouped_by=attributes.get("grouped_by", ""),
    )


def intervals(bank: CameraBank) -> dict[str, tuple[float, float, float]]:
    """Return the 5th, 50th and 95th percentile of every parameter over the likely cameras."""
    cuts = np.percentile(bank.cameras.values, (5, 50, 95), axis=0)
    return {
        name: (float(cuts[0, i]), float(cuts[1, i]), float(cuts[2, i]))
        for i, name in enumerate(PARAMETERS)
    }
