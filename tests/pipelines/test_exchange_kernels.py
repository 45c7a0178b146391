"""Kernels in and out of a store as KernelGAN's files: what goes out comes in, odd files by name."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from distributed import Client
from scipy.io import loadmat, savemat

from degrade.degradation import degrade
from degrade.errors import NothingToDo, SettingsError, StoreError
from degrade.images.colour import to_uint8
from degrade.images.decode import read_image
from degrade.images.write import write_png
from degrade.kernels.estimator_settings import SpectralSettings
from degrade.kernels.exchange import photo_names
from degrade.kernels.matfile import write_mat
from degrade.kernels.parametric import gaussian_kernel
from degrade.kernels.shape import canvas_size
from degrade.pairs import PairSettings
from degrade.store.reader import open_store
from pipelines.stages.build_pairs import build_pairs
from pipelines.stages.check import check_photos
from pipelines.stages.estimate_kernels import estimate_kernels
from pipelines.stages.exchange_kernels import export_kernels, import_kernels, named_kernels
from tests.degrade.kernels.test_shape import gaussian
from tests.photos import contents, make_photo

SIGMAS = {"photo 0": (2.0, 1.0), "photo 1": (1.5, 1.5), "stranger": (2.5, 1.2)}


def given(folder: Path, scale: int) -> Path:
    """Write what KernelGAN leaves: a folder per photo, one of them of no photo in the store."""
    size = canvas_size(scale)
    for name, sigmas in SIGMAS.items():
        (folder / name).mkdir(parents=True, exist_ok=True)
        kernel = gaussian_kernel((sigmas[0] * scale / 2, sigmas[1] * scale / 2), 0.5, size)
        write_mat(folder / name / f"{name}_kernel_x{scale}.mat", kernel, scale)
    return folder


@dataclass(frozen=True)
class CheckedPhotos:
    """A store that knows the photos, and a folder of kernels."""

    store: str
    mats: Path


@pytest.fixture
def checked(tmp_path: Path, photos: Path, client: Client) -> CheckedPhotos:
    check_photos(str(tmp_path / "s"), client, source=photos)
    return CheckedPhotos(str(tmp_path / "s"), given(tmp_path / "mats", 4))


def test_kernels_come_in_with_their_photo_and_shape(checked: CheckedPhotos) -> None:
    report = import_kernels(checked.store, checked.mats, 4)
    assert (report.kernels, report.accepted, report.matched, report.refused) == (3, 3, 2, ())
    kernels, sources = open_store(checked.store).kernels(4), open_store(checked.store).sources()
    paths = [str(sources.path[row]) if row >= 0 else "" for row in kernels.source]
    assert paths == ["photo 0.png", "photo 1.png", ""]
    assert kernels.weights.shape == (3, 32, 32) and kernels.accepted.all()
    for index, (major, minor) in enumerate(SIGMAS.values()):
        truth = gaussian_kernel((2 * major, 2 * minor), 0.5, 32)
        assert np.abs(kernels.weights[index] - truth).sum() < 0.03
        assert kernels.sigma_major[index] == pytest.approx(2 * major, rel=0.03)
        assert kernels.sigma_minor[index] == pytest.approx(2 * minor, rel=0.03)
    assert kernels.angle[0] == pytest.approx(0.5, abs=0.02)
    stage = open_store(checked.store).stages()["kernels/x4"]
    assert stage["stage"] == "import-kernels" and stage["complete"]
    assert sum(name.endswith(".mat") for name in stage["inputs"]) == 3
    assert all(len(digest) == 64 for digest in stage["inputs"].values())


def test_pairs_are_built_with_imported_kernels(
    checked: CheckedPhotos, photos: Path, client: Client
) -> None:
    import_kernels(checked.store, checked.mats, 4)
    settings = PairSettings(scale=4, tile=64, cleanup=1, kernels="estimated", valid=0.2)
    build_pairs(checked.store, client, settings)
    store = open_store(checked.store)
    pairs, kernels, sources = store.pairs(4), store.kernels(4), store.sources()
    assert len(pairs.hr) == 5 * 6 and set(pairs.kernel.tolist()) <= {0, 1, 2}
    for i in range(0, len(pairs.hr), 5):
        hr = read_image(photos / str(sources.path[pairs.source[i]]))
        lr = to_uint8(degrade(hr, kernels.weights[pairs.kernel[i]], 4))
        row, col = int(pairs.row[i]) // 4, int(pairs.col[i]) // 4
        assert np.array_equal(pairs.lr.tile(i), lr[row : row + 16, col : col + 16])


def test_without_a_check_a_store_is_made_and_no_photo_is_known(tmp_path: Path) -> None:
    location = str(tmp_path / "new")
    assert import_kernels(location, given(tmp_path / "mats", 2), 2).matched == 0
    named = named_kernels(location, 2)
    assert named.photos[2] == "stranger/stranger_kernel_x2.mat"
    assert named.names == ("photo 0", "photo 1", "stranger")


@pytest.mark.parametrize("scale", [2, 4])
def test_what_goes_out_comes_in(tmp_path: Path, scale: int) -> None:
    one, two = str(tmp_path / "one"), str(tmp_path / "two")
    import_kernels(one, given(tmp_path / "mats", scale), scale)
    report = export_kernels(one, tmp_path / "out", scale)
    assert (report.files, report.left_out) == (3, 0)
    written = loadmat(tmp_path / "out" / "stranger" / f"stranger_kernel_x{scale}.mat")["Kernel"]
    assert written.shape == ((17, 17) if scale == 2 else (33, 33))
    import_kernels(two, tmp_path / "out", scale)
    before, after = (open_store(place).kernels(scale).weights for place in (one, two))
    assert np.abs(before - after).sum(axis=(1, 2)).max() < 1e-3
    with np.load(tmp_path / "out" / "kernels.npz") as table:
        assert np.array_equal(table["weights"], before)
        assert table["photo"][2] == f"stranger/stranger_kernel_x{scale}.mat"
        assert table["accepted"].all() and table["sigma_major"].shape == (3,)


def test_export_of_estimates_leaves_out_the_refused(tmp_path: Path, client: Client) -> None:
    for index in range(2):
        write_png(tmp_path / "photos" / str(index) / "same.png", make_photo(index, 256, 256))
    write_png(tmp_path / "photos" / "flat.png", np.full((256, 256, 3), 9, np.uint8))
    location = str(tmp_path / "s")
    check_photos(location, client, source=tmp_path / "photos", keep="")
    estimate_kernels(location, client, SpectralSettings(scale=2))
    kernels = open_store(location).kernels(2)
    report = export_kernels(location, tmp_path / "out", 2)
    assert report.files == kernels.accepted.sum() > 0
    assert report.files + report.left_out == 3
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names - {"kernels.npz"} <= {"0__same.png", "1__same.png"}
    imported = import_kernels(location, tmp_path / "out", 2, overwrite=True)
    assert imported.matched == imported.accepted == report.files


def test_odd_files_are_refused_by_name_and_the_others_go_on(checked: CheckedPhotos) -> None:
    kernel = np.full((9, 9), 1 / 81)
    holed = kernel.copy()
    holed[4, 4] = np.nan
    odd = {
        "bright": ({"Kernel": 1.4 * kernel}, "its weights sum to 1.4, not 1"),
        "holed": ({"Kernel": holed}, "kernel with the sum nan"),
        "named": ({"K": kernel}, 'holds no array "Kernel"'),
        "oblong": ({"Kernel": kernel[:5]}, "kernel of shape (5, 9): give a square one"),
    }
    for name, (content, _) in odd.items():
        savemat(checked.mats / f"{name}.mat", content)
    good = next(checked.mats.rglob("*_x4.mat")).read_bytes()
    (checked.mats / "cut.mat").write_bytes(good[:150])
    (checked.mats / "empty.mat").write_bytes(b"")
    savemat(checked.mats / "photo 3.mat", {"Kernel": kernel})
    report = import_kernels(checked.store, checked.mats, 4)
    reasons = dict(report.refused)
    assert set(reasons) == {"cut.mat", "empty.mat", *(f"{name}.mat" for name in odd)}
    for name, (_, text) in odd.items():
        assert reasons[f"{name}.mat"].startswith(text)
    assert all("\n" not in reason for reason in reasons.values())
    assert (report.kernels, report.accepted, report.matched) == (10, 4, 3)
    kernels = open_store(checked.store).kernels(4)
    assert (
        not kernels.weights[~kernels.accepted].any() and not kernels.score[~kernels.accepted].any()
    )


def test_again_is_skipped_and_other_kernels_need_overwrite(
    checked: CheckedPhotos, client: Client
) -> None:
    first = import_kernels(checked.store, checked.mats, 4)
    before = contents(Path(checked.store))
    assert import_kernels(checked.store, checked.mats, 4) == first
    assert contents(Path(checked.store)) == before
    (checked.mats / "photo 1" / "photo 1_kernel_x4.mat").unlink()
    with pytest.raises(
        StoreError,
        match=r"made with other photo 1/photo 1_kernel_x4\.mat than now; pass --overwrite",
    ):
        import_kernels(checked.store, checked.mats, 4)
    assert contents(Path(checked.store)) == before
    assert import_kernels(checked.store, checked.mats, 4, overwrite=True).kernels == 2
    estimate_kernels(checked.store, client, SpectralSettings(scale=4), overwrite=True)
    estimated = contents(Path(checked.store))
    with pytest.raises(StoreError, match="holds kernels made by estimate-kernels; pass --over"):
        import_kernels(checked.store, checked.mats, 4)
    empty = checked.mats.with_name("none")
    empty.mkdir()
    savemat(empty / "a.mat", {"K": 1})
    with pytest.raises(
        NothingToDo, match=r"none of 1 files holds a kernel, the first, a\.mat, bec"
    ):
        import_kernels(checked.store, empty, 4, overwrite=True)
    assert contents(Path(checked.store)) == estimated


def test_what_cannot_be_exchanged_is_said(checked: CheckedPhotos, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"--kernels .*absent: no such folder"):
        import_kernels(checked.store, tmp_path / "absent", 4)
    with pytest.raises(NothingToDo, match=r"holds no kernels for x2 \(3 for other scales\); expec"):
        import_kernels(checked.store, checked.mats, 2)
    with pytest.raises(
        SettingsError, match=r"--scale 3: KernelGAN's \.mat layout has scales 2 and 4"
    ):
        import_kernels(checked.store, checked.mats, 3)
    with pytest.raises(StoreError, match="run `degrade estimate-kernels --scale 4` first"):
        export_kernels(checked.store, tmp_path / "out", 4)
    import_kernels(checked.store, checked.mats, 4)
    before = contents(checked.mats)
    with pytest.raises(SettingsError, match=r"^/.*mats: is there and not empty; name a new"):
        export_kernels(checked.store, checked.mats, 4)
    assert contents(checked.mats) == before
    (tmp_path / "empty").mkdir()
    export_kernels(checked.store, tmp_path / "empty", 4)
    assert {path.name for path in tmp_path.iterdir()} == {"s", "mats", "empty"}


def test_kernels_of_photos_that_changed_are_not_misnamed(
    checked: CheckedPhotos, tmp_path: Path, client: Client
) -> None:
    import_kernels(checked.store, checked.mats, 4)
    write_png(tmp_path / "other" / "a.png", make_photo(9))
    check_photos(checked.store, client, source=tmp_path / "other", overwrite=True)
    with pytest.raises(StoreError, match="kernels/x4: the photos changed since these kernels were"):
        named_kernels(checked.store, 4)


def test_photos_are_named_apart() -> None:
    assert photo_names(["a/x.png", "b/y.jpg"]) == ["x", "y"]
    assert photo_names(["a/x.png", "b/X.jpg", "z.png"]) == ["a__x.png", "b__X.jpg", "z"]
    with pytest.raises(
        SettingsError, match=r"a__x\.png: its kernel would have the name of a/x\.png"
    ):
        photo_names(["a/x.png", "x.png", "a__x.png", "b/a__x.jpg"])


def placed(folder: Path, side: int, centre: float, sigma: float = 1.3) -> Path:
    """Write one kernel with its centre at a pixel of both axes."""
    (folder / "k").mkdir(parents=True, exist_ok=True)
    savemat(folder / "k" / "k.mat", {"Kernel": gaussian(side, centre, centre, sigma)})
    return folder


@pytest.mark.parametrize(("side", "centre"), [(17, 8.5), (15, 7.0), (16, 7.5), (11, 5.05)])
def test_both_places_of_a_centre_are_taken(tmp_path: Path, side: int, centre: float) -> None:
    report = import_kernels(str(tmp_path / "s"), placed(tmp_path / "mats", side, centre), 2)
    assert (report.accepted, report.moved) == (1, ())


@pytest.mark.parametrize(("side", "off"), [(17, 2.0), (17, -1.0), (21, 0.2)])
def test_an_off_centre_kernel_is_moved_only_if_asked(tmp_path: Path, side: int, off: float) -> None:
    place, location = (side - 1) / 2 + (0.5 if off > 0 else 0.0) + off, str(tmp_path / "s")
    mats = placed(tmp_path / "mats", side, place)
    placed_well = gaussian(17, 8.5, 8.5, 1.3)
    (mats / "good").mkdir()
    savemat(mats / "good" / "good.mat", {"Kernel": placed_well})
    report = import_kernels(location, mats, 2)
    assert report.accepted == 1
    assert report.refused == (
        (
            "k/k.mat",
            f"it is off-centre by {off:.2f}, {off:.2f} pixels (down, right); --centre moves it",
        ),
    )
    with pytest.raises(StoreError, match="pass --overwrite"):
        import_kernels(location, mats, 2, centre=True)
    report = import_kernels(location, mats, 2, centre=True, overwrite=True)
    assert report.accepted == 2 and [file for file, _ in report.moved] == ["k/k.mat"]
    assert report.moved[0][1] == pytest.approx((-off, -off), abs=0.02)
    good, moved = open_store(location).kernels(2).weights
    assert np.abs(good - moved).sum() < 0.05


@pytest.mark.parametrize("centre", [False, True])
def test_a_kernel_that_the_canvas_would_cut_is_refused(tmp_path: Path, centre: bool) -> None:
    mats = placed(tmp_path / "mats", 65, 32.0, 9.0)
    with pytest.raises(NothingToDo, match="canvas of 16x16 would cut off 61% of its weight: it is"):
        import_kernels(str(tmp_path / "s"), mats, 2, centre=centre)
    wide = placed(tmp_path / "mats", 65, 32.0, 1.5)
    assert import_kernels(str(tmp_path / "s"), wide, 2).accepted == 1, "its tails are nothing"
