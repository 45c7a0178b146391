"""Two cameras in one folder: each keeps its own kernels and noise, and pairs join them."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from distributed import Client

from degrade.arrays import F32
from degrade.camera.search_settings import CameraSettings
from degrade.errors import SettingsError, StoreError
from degrade.kernels.acceptance import KernelEstimate
from degrade.kernels.clusters import clusters
from degrade.kernels.estimator_settings import SpectralSettings, settings_model
from degrade.kernels.estimator_table import estimator_of
from degrade.kernels.shape import bicubic_kernel
from degrade.noise.mining import NoiseSettings
from degrade.pairs import PairSettings
from degrade.store.photo_groups import groups_known, known_cameras, noise_of_kernels
from degrade.store.reader import open_store
from pipelines.stages.build_pairs import build_pairs
from pipelines.stages.check import check_photos
from pipelines.stages.estimate_camera import estimate_camera
from pipelines.stages.estimate_kernels import KernelsReport, estimate_kernels
from pipelines.stages.mine_noise import NoiseReport, mine_noise
from sr_train import PairDataset
from tests.cli.answers import one_object, refusal
from tests.conftest import Command
from tests.photos import contents
from tests.pipelines.two_cameras import NARROW, PHOTOS, WIDE, Lens, photo, write

NOISE = NoiseSettings(patch=32)


@dataclass(frozen=True)
class Made:
    """A store, what its stages said, and its kernels by photo."""

    location: str
    kernels: KernelsReport
    noise: NoiseReport

    def of(self, lens: Lens) -> Mapping[str, F32]:
        """Return the kernels of a camera's photos by file name."""
        store = open_store(self.location)
        kernels, paths = store.kernels(2), store.sources().path
        named = {Path(str(paths[row])).name: n for n, row in enumerate(kernels.source)}
        return {name: kernels.weights[n] for name, n in named.items() if lens.name in name}

    def curve(self, group: str) -> float:
        """Return the mean standard deviation of a group's noise."""
        return float(np.sqrt(open_store(self.location).noise().of_group(group).sensor.curve).mean())


def make(place: Path, folder: Path, client: Client) -> Made:
    check_photos(str(place), client, source=folder)
    kernels = estimate_kernels(str(place), client, SpectralSettings(scale=2))
    return Made(str(place), kernels, mine_noise(str(place), client, NOISE))


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory, client: Client) -> dict[Lens, Made]:
    """Each camera by itself."""
    base = tmp_path_factory.mktemp("alone")
    return {
        lens: make(base / f"{lens.name}.zarr", write(base / lens.name, lens), client)
        for lens in (NARROW, WIDE)
    }


@pytest.fixture(scope="module", params=["exif", "folder", "estimates"])
def mixed(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, client: Client
) -> Made:
    """Both cameras in one folder, separated by EXIF, subfolders or nothing."""
    base, by = tmp_path_factory.mktemp("mixed"), request.param
    folder = write(base / "photos", NARROW, WIDE, exif=by == "exif", apart=by == "folder")
    made = make(base / "s.zarr", folder, client)
    assert made.kernels.grouped_by == made.noise.grouped_by == by
    return made


def test_each_keeps_the_kernels_and_noise_that_it_has_alone(
    mixed: Made, alone: dict[Lens, Made]
) -> None:
    assert [group.photos for group in mixed.kernels.groups] == [PHOTOS, PHOTOS]
    for lens, own in alone.items():
        assert own.kernels.groups == own.noise.groups == ()
        found = mixed.of(lens)
        distances = [np.abs(found[name] - k).sum() for name, k in own.of(lens).items()]
        assert len(distances) == PHOTOS and max(distances) < 0.06
        group = _group_of(mixed, lens)
        assert mixed.curve(group) == pytest.approx(own.curve(""), rel=0.1)
    assert alone[WIDE].curve("") > 1.5 * alone[NARROW].curve("")


def test_with_group_none_it_mixes_the_cameras(
    mixed: Made, alone: dict[Lens, Made], tmp_path: Path, client: Client
) -> None:
    if mixed.kernels.grouped_by != "estimates":
        pytest.skip("the way by which cameras were told apart does not matter here")
    folder = Path(open_store(mixed.location).sources().folders["source"])
    check_photos(str(tmp_path / "s"), client, source=folder)
    one = SpectralSettings(scale=2, group="none")
    report = estimate_kernels(str(tmp_path / "s"), client, one)
    assert report.groups == () and open_store(tmp_path / "s").kernels(2).photo_group is None
    made = Made(str(tmp_path / "s"), report, mixed.noise)
    apart = [np.abs(made.of(NARROW)[n] - k).sum() for n, k in alone[NARROW].of(NARROW).items()]
    assert np.mean(apart) > 0.1


def test_pairs_and_their_noise_are_of_one_camera(
    mixed: Made, tmp_path: Path, client: Client
) -> None:
    location = str(_copied(mixed, tmp_path))
    build_pairs(location, client, PairSettings(scale=2, tile=32, bake_noise=True, cleanup=2))
    store = open_store(location)
    pairs, kernels, bank = store.pairs(2), store.kernels(2), store.noise()
    assert kernels.photo_group is not None and bank.photo_group is not None
    of_kernel = kernels.photo_group[pairs.kernel].tolist()
    of_photo = dict(zip(kernels.source.tolist(), kernels.photo_group.tolist(), strict=True))
    assert bank.photo_group[pairs.noise].tolist() == of_kernel
    assert [of_photo[row] for row in pairs.source.tolist()] == of_kernel
    assert len(set(of_kernel)) == 2
    assert len(set(pairs.kernel.tolist())) > 2


@pytest.mark.parametrize("model", ["patch", "scaled", "synthesised"])
def test_training_takes_kernel_and_noise_of_one_camera(
    mixed: Made, tmp_path: Path, client: Client, model: str
) -> None:
    if mixed.kernels.grouped_by != "exif":
        pytest.skip("the way by which cameras were told apart does not matter here")
    location = str(_copied(mixed, tmp_path))
    build_pairs(location, client, PairSettings(scale=2, tile=48))
    options = {"crop": 16, "batch": 8, "noise_model": model}
    for degradation in ("stored", "on-the-fly"):
        made: Any = {**options, "degradation": degradation}
        data = PairDataset(location, **made)._data
        assert data.cameras is not None and len(data.cameras.banks) == 3
        import torch

        whole = data.batch(3, slice(None), torch.device("cpu"))
        halves = [data.batch(3, half, torch.device("cpu")) for half in (slice(0, 4), slice(4, 8))]
        assert torch.equal(torch.cat([half.lr for half in halves]), whole.lr)
        rows = np.repeat(data.train, 3)
        drawn = data.cameras.drawn(rows, np.random.default_rng(0).random(len(rows)))
        assert (data.cameras.of_kernel[drawn] == data.cameras.of_pair[rows]).all()
        assert len(set(drawn.tolist())) > 2


def test_a_store_of_one_camera_is_as_it_was_whatever_is_asked(
    alone: dict[Lens, Made], tmp_path: Path, client: Client
) -> None:
    folder = Path(open_store(alone[WIDE].location).sources().folders["source"])
    with_exif = write(tmp_path / "photos", WIDE, exif=True)
    made = make(tmp_path / "s", with_exif, client)
    for group in ("kernels", "noise"):
        before = contents(Path(alone[WIDE].location) / group)
        after = contents(tmp_path / "s" / group)
        arrays = [name for name in before if not name.endswith("zarr.json")]
        assert before.keys() == after.keys()
        assert all(before[name] == after[name] for name in arrays)
    assert "photo_group" not in open_store(made.location).stages()["kernels/x2"]["arrays"]
    for name in ("camera", "lens", "focal", "iso"):
        assert not (Path(alone[WIDE].location) / "sources" / name).exists()
        assert (tmp_path / "s" / "sources" / name).exists()
    assert folder.is_dir()


def test_noise_that_was_mined_before_the_cameras_were_grouped_is_refused(
    mixed: Made, tmp_path: Path, client: Client
) -> None:
    if mixed.kernels.grouped_by != "estimates":
        pytest.skip("EXIF tells without kernels")
    folder = Path(open_store(mixed.location).sources().folders["source"])
    location = str(tmp_path / "s")
    check_photos(location, client, source=folder)
    assert mine_noise(location, client, NOISE).groups == ()
    estimate_kernels(location, client, SpectralSettings(scale=2))
    with pytest.raises(StoreError, match=r"mined before the kernels' cameras were told apart"):
        noise_of_kernels(open_store(location), open_store(location).kernels(2))
    with pytest.raises(StoreError, match="other groups than now; pass --overwrite"):
        mine_noise(location, client, NOISE)
    assert len(mine_noise(location, client, NOISE, overwrite=True).groups) == 2
    noise_of_kernels(open_store(location), open_store(location).kernels(2))


def test_the_camera_of_the_most_photos_is_looked_for_or_the_one_that_is_named(
    mixed: Made, client: Client, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from pipelines.stages import estimate_camera as stage

    found = []
    monkeypatch.setattr(stage, "_assemble", lambda *given: found.append(given[3]) or _stop())
    location = str(_copied(mixed, tmp_path))
    first, second = (group.name for group in mixed.kernels.groups)
    for only, name in ((None, first), (second, second)):
        with pytest.raises(Stopped):
            estimate_camera(location, client, CameraSettings(only=only), overwrite=True)
        groups = groups_known(open_store(location), "auto")
        assert groups is not None
        assert {groups.of[photo.row] for photo in found[-1]} == {name}
        assert len(found[-1]) == PHOTOS
    with pytest.raises(SettingsError, match="--only nothing: no photos are of that camera or in"):
        estimate_camera(location, client, CameraSettings(only="nothing"), overwrite=True)


def test_the_commands_name_the_cameras(tmp_path: Path, degrade: Command) -> None:
    folder = write(tmp_path / "photos", NARROW, WIDE, exif=True)
    checked = degrade("check", folder)
    assert "2 cameras by EXIF, photos of each: Maker Narrow: 8; Maker Wide: 8" in checked.out
    assert one_object(degrade("check", "--json"))["cameras"] == {
        "Maker Narrow": PHOTOS,
        "Maker Wide": PHOTOS,
    }
    said = degrade("estimate-kernels", "--scale", 2).out
    assert "  by exif, Maker Narrow: 8 of 8 photos, median sigmas" in said
    assert "  by exif, Maker Wide: " in degrade("mine-noise", "--patch", 32).out
    listed = one_object(degrade("kernels", "--json"))["kernels"]
    assert {row["group"] for row in listed} == {"Maker Narrow", "Maker Wide"}
    assert "\nMaker Wide:\n" in degrade("kernels").out
    told_of = degrade("info").out
    assert told_of.count("2 cameras by exif: Maker Narrow: 8 photos; Maker Wide: 8 photos") == 2
    again = degrade("estimate-kernels", "--scale", 2, "--group", "none")
    assert "group = None, not 'none'" in refusal(again)


@pytest.mark.parametrize("name", ["kernelgan", "combined"])
def test_what_kernelgan_saw_is_told_apart_by_spectra(name: str) -> None:
    """Whatever was trained: here one kernel for all, twice for each photo."""
    settings = settings_model({"estimator": name})(
        estimator=name, group="estimates", scale=2, restarts=2, lanes=2
    )
    photos = [photo(lens, number) for lens in (WIDE, NARROW) for number in range(PHOTOS)]
    keys = [str(number) for number in range(len(photos))]
    trained = [
        KernelEstimate(bicubic_kernel(2), key, 0, 1.0, True, "") for key in keys for _ in range(2)
    ]
    estimator = estimator_of(settings)
    blurs = estimator.blurs(estimator.rows(photos, trained, keys, settings))
    assert blurs.keys() == set(range(len(trained)))
    found = clusters([blurs[row] for row in range(0, len(trained), 2)])
    assert found.tolist() == [1] * PHOTOS + [0] * PHOTOS


def test_photos_without_exif_are_grouped_by_folder_beside_those_with_it(
    tmp_path: Path, client: Client
) -> None:
    folder = write(tmp_path / "photos", NARROW, exif=True)
    write(folder / "old", WIDE)
    check_photos(str(tmp_path / "s"), client, source=folder)
    sources = open_store(tmp_path / "s").sources()
    known = known_cameras(sources, "auto")
    assert len(known.known) == len(known.folders) == PHOTOS
    groups = known.settled({})
    assert groups is not None and groups.names == ("Maker Narrow", "no EXIF")
    assert groups.by == "exif"
    by_folder = known_cameras(sources, "folder").settled({})
    assert by_folder is not None and by_folder.names == (".", "old")
    assert known_cameras(sources, "none").settled({}) is None


class Stopped(Exception):
    """Enough was seen."""


def _stop() -> None:
    raise Stopped


def _copied(made: Made, place: Path) -> Path:
    import shutil

    return Path(shutil.copytree(made.location, place / "copy.zarr"))


def _group_of(made: Made, lens: Lens) -> str:
    store = open_store(made.location)
    kernels, paths = store.kernels(2), store.sources().path
    assert kernels.photo_group is not None
    names = {
        str(group)
        for row, group in zip(kernels.source, kernels.photo_group, strict=True)
        if lens.name in str(paths[row])
    }
    assert len(names) == 1
    return names.pop()
