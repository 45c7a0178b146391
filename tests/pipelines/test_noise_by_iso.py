"""Noise by sensitivity: each range of a camera's ISO has its own curve, and pairs take it."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from distributed import Client
from PIL import Image as Pillow

from degrade.errors import StoreError
from degrade.kernels.estimator_settings import SpectralSettings
from degrade.noise.mining import NoiseSettings
from degrade.pairs import PairSettings
from degrade.store.photo_groups import noise_of_kernels
from degrade.store.reader import Store, open_store
from pipelines.stages.build_pairs import build_pairs
from pipelines.stages.check import check_photos
from pipelines.stages.estimate_kernels import estimate_kernels
from pipelines.stages.mine_noise import NoiseReport, mine_noise
from sr_train import PairDataset
from sr_train.data.noise import noise_left
from tests.conftest import Command
from tests.photos import contents
from tests.pipelines.two_cameras import NARROW, WIDE, Lens, photo

NOISE = NoiseSettings(patch=32)
QUIET, LOUD = "ISO 100-125", "ISO 800"
PHOTOS = 4
SPEEDS = {QUIET: (100, 125, 100, 100), LOUD: (800, 800, 800, 800)}
LENSES = {QUIET: NARROW, LOUD: replace(NARROW, noise=4.0)}


def write(folder: Path, lens: Lens, speeds: tuple[int, ...], first: int = 0) -> Path:
    """Write photos of a camera, each with its sensitivity in EXIF; 0 leaves it out."""
    folder.mkdir(exist_ok=True)
    for number, iso in enumerate(speeds, first):
        said = Pillow.Exif()
        said[271], said[272] = "Maker", lens.name
        if iso:
            said.get_ifd(0x8769)[34855] = iso
        path = folder / f"{number}{lens.name}.png"
        Pillow.fromarray(photo(lens, number)).save(path, exif=said, compress_level=1)
    return folder


def write_both(folder: Path) -> Path:
    """Write what one camera took at two sensitivities."""
    for at, (name, speeds) in enumerate(SPEEDS.items()):
        write(folder, LENSES[name], speeds, at * PHOTOS)
    return folder


def mined(store: Path, folder: Path, client: Client) -> NoiseReport:
    check_photos(str(store), client, source=folder)
    return mine_noise(str(store), client, NOISE)


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory, client: Client) -> Path:
    """A store of one camera's photos at two sensitivities, with kernels and noise."""
    base = tmp_path_factory.mktemp("iso")
    store, folder = str(base / "s"), write_both(base / "photos")
    check_photos(store, client, source=folder)
    estimate_kernels(store, client, SpectralSettings(scale=2))
    mine_noise(store, client, NOISE)
    return base / "s"


@pytest.fixture
def own(mixed: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    import shutil

    return Path(shutil.copytree(mixed, tmp_path / "copy"))


def rows_at(store: Store) -> dict[str, set[int]]:
    """Return the rows of `sources` at each sensitivity."""
    iso = store.sources().iso
    return {name: set(np.flatnonzero(np.isin(iso, speeds))) for name, speeds in SPEEDS.items()}


def test_each_sensitivity_has_the_curve_that_it_has_alone(
    mixed: Path, tmp_path: Path, client: Client
) -> None:
    store = open_store(mixed)
    bank = store.noise()
    assert bank.group_name is not None and set(bank.group_name) == {QUIET, LOUD}
    assert store.recorded("noise")["grouped_by"] == "ISO"
    assert store.kernels(2).photo_group is None, "one camera: kernels are pooled over all"
    for at, name in enumerate(SPEEDS):
        folder = write(tmp_path / name, LENSES[name], SPEEDS[name], at * PHOTOS)
        alone = mined(tmp_path / f"{name}.zarr", folder, client)
        assert alone.groups == ()
        found = np.sqrt(bank.of_group(name).sensor.curve).mean()
        assert found == pytest.approx(np.mean(alone.curve), rel=0.1)
    loud, quiet = (np.sqrt(bank.of_group(name).sensor.curve).mean() for name in (LOUD, QUIET))
    assert loud > 2 * quiet


def test_what_is_of_all_is_as_it_was_without_them(
    mixed: Path, tmp_path: Path, client: Client
) -> None:
    folder = Path(open_store(mixed).sources().folders["source"])
    check_photos(str(tmp_path / "s"), client, source=folder)
    report = mine_noise(str(tmp_path / "s"), client, NOISE.model_copy(update={"group": "none"}))
    assert report.groups == ()
    alike = contents(tmp_path / "s" / "noise")
    of_all = {name: digest for name, digest in alike.items() if not name.endswith("zarr.json")}
    found = contents(mixed / "noise")
    assert of_all and all(found[name] == digest for name, digest in of_all.items())


@pytest.mark.parametrize("kernels", ["estimated", "bicubic"])
@pytest.mark.parametrize("model", ["patch", "scaled"])
def test_a_photos_pairs_have_the_noise_of_its_sensitivity(
    own: Path, client: Client, kernels: str, model: str
) -> None:
    made: Any = {"kernels": kernels, "noise_model": model}
    settings = PairSettings(scale=2, tile=32, bake_noise=True, cleanup=2, **made)
    build_pairs(str(own), client, settings)
    store = open_store(own)
    pairs, bank, at = store.pairs(2), store.noise(), rows_at(store)
    assert bank.photo_group is not None
    for name, rows in at.items():
        of_them = np.isin(pairs.source, list(rows))
        assert of_them.any() and set(bank.photo_group[pairs.noise[of_them]]) == {name}


@pytest.mark.parametrize("degradation", ["stored", "on-the-fly"])
def test_training_adds_the_noise_of_the_photos_sensitivity(
    own: Path, client: Client, degradation: str
) -> None:
    build_pairs(str(own), client, PairSettings(scale=2, tile=48))
    options: Any = {"degradation": degradation, "noise_model": "synthesised"}
    data = PairDataset(str(own), crop=16, batch=8, **options)._data
    assert data.cameras is not None and len(data.cameras.banks) == 3
    store = open_store(own)
    noise = noise_of_kernels(store, store.kernels(2))
    every = np.arange(len(data.pairs.split))
    for kernel in range(len(data.cameras.of_kernel)):
        banks = data.cameras.noise(every, np.full(len(every), kernel))
        for name, rows in rows_at(store).items():
            mine = np.isin(store.pairs(2).source, list(rows))
            assert {noise.names[n] for n in banks[mine]} == {name}
    assert (noise_left(store, store.pairs(2), noise) > 0).all()
    cpu = torch.device("cpu")
    whole = data.batch(3, slice(None), cpu)
    halves = [data.batch(3, half, cpu) for half in (slice(0, 4), slice(4, 8))]
    assert torch.equal(torch.cat([half.lr for half in halves]), whole.lr)


def test_clean_photos_take_the_noise_of_their_kernels_photo(mixed: Path) -> None:
    store = open_store(mixed)
    kernels = store.kernels(2)
    noise = noise_of_kernels(store, kernels)
    clean = len(store.sources().path)
    for name, rows in rows_at(store).items():
        for kernel in np.flatnonzero(np.isin(kernels.source, list(rows))).tolist():
            patches = noise.rows(kernel, clean)
            photo_group = store.noise().photo_group
            assert photo_group is not None and set(photo_group[patches]) == {name}


def test_several_cameras_keep_theirs_apart_and_lend_each_other_nothing(
    tmp_path: Path, client: Client
) -> None:
    """The noise of `WIDE` at 6400 is too strong for any patch: it takes its own camera's."""
    folder = write_both(tmp_path / "photos")
    write(folder, WIDE, (100,) * 3)
    write(folder, replace(WIDE, noise=30.0), (6400,) * 3, 3)
    report = mined(tmp_path / "s", folder, client)
    assert report.grouped_by == "exif and ISO"
    names = {group.name: group for group in report.groups}
    wide = "Maker Wide, ISO 100", "Maker Wide, ISO 6400"
    assert names.keys() == {f"Maker Narrow, {QUIET}", f"Maker Narrow, {LOUD}", *wide}
    assert names[wide[1]].patches == 0 < names[wide[0]].patches
    assert np.mean(names[wide[1]].curve) > 5 * np.mean(names[wide[0]].curve)
    bank = open_store(tmp_path / "s").noise()
    lent = noise_of_kernels(open_store(tmp_path / "s"), None).rows(-1, _row(tmp_path / "s", 6400))
    assert bank.photo_group is not None and set(bank.photo_group[lent]) == {wide[0]}


def _row(store: Path, iso: int) -> int:
    return int(np.flatnonzero(open_store(store).sources().iso == iso)[0])


def test_a_bank_from_before_is_taken_as_it_is_and_not_for_the_new(
    own: Path, client: Client, tmp_path: Path
) -> None:
    """Noise that was mined as one group is that of all; to mine by sensitivity needs a word."""
    folder = Path(open_store(own).sources().folders["source"])
    check_photos(str(tmp_path / "s"), client, source=folder)
    one = NOISE.model_copy(update={"group": "none"})
    mine_noise(str(tmp_path / "s"), client, one)
    noise = noise_of_kernels(open_store(tmp_path / "s"), None)
    assert not noise.several and noise.of(-1, 0) is noise.bank
    with pytest.raises(StoreError, match="pass --overwrite"):
        mine_noise(str(tmp_path / "s"), client, NOISE)


def test_the_commands_name_them(tmp_path: Path, degrade: Command) -> None:
    folder = write_both(tmp_path / "photos")
    said = degrade("mine-noise", folder, "--patch", 32).out
    assert f"  by ISO, {QUIET}: " in said and f"  by ISO, {LOUD}: " in said
    told = degrade("info").out
    assert f"2 groups by ISO: {QUIET}: 4 photos; {LOUD}: 4 photos" in told
