"""Estimating kernels: a row per photo and restart, refused ones too, in an order of its own."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from distributed import Client

from degrade.errors import StoreError, TrainingError
from degrade.images.write import write_png
from degrade.kernels.estimator_settings import KernelSettings
from degrade.kernels.shape import centre_of_mass, x2_to_x4
from degrade.store.contents import Kernels
from degrade.store.reader import open_store
from pipelines.stages.check import check_photos
from pipelines.stages.estimate_kernels import KernelsReport, estimate_kernels
from tests.photos import contents, make_photo, write_photos

SETTINGS = KernelSettings(
    scale=2, iterations=40, restarts=2, lanes=4, crop=40, shave=2, learning_rate=2e-3
)


@dataclass(frozen=True)
class Estimated:
    folder: Path
    place: Path
    report: KernelsReport
    kernels: Kernels


def odd_photos(folder: Path) -> Path:
    """Write three good photos and three that KernelGAN cannot learn from."""
    write_photos(folder, 3, 64, 72)
    flat = np.full((64, 64, 3), 99, np.uint8)
    photo = make_photo(5, 64, 64)
    write_png(folder / "a flat.png", flat)
    write_png(folder / "b rows.png", np.repeat(photo[:, :1], 64, axis=1))
    write_png(folder / "c small.png", photo[:30])
    return folder


@pytest.fixture(scope="module")
def estimated(tmp_path_factory: pytest.TempPathFactory, client: Client) -> Estimated:
    base = tmp_path_factory.mktemp("kernels")
    folder = odd_photos(base / "photos")
    check_photos(str(base / "s"), client, source=folder, keep="")
    report = estimate_kernels(str(base / "s"), client, SETTINGS, device="cpu")
    return Estimated(folder, base / "s", report, open_store(base / "s").kernels(2))


def test_a_row_per_photo_and_restart_in_order(estimated: Estimated) -> None:
    kernels = estimated.kernels
    assert kernels.weights.shape == (12, 16, 16)
    assert kernels.source.tolist() == [row for row in range(6) for _ in range(2)]
    assert kernels.seed.tolist() == [0, 1] * 6
    assert ((kernels.score >= 0) & (kernels.score <= 1)).all()
    assert (kernels.reason != "").tolist() == (~kernels.accepted).tolist()


def test_photos_that_cannot_be_learned_from_are_kept_with_their_reason(
    estimated: Estimated,
) -> None:
    reasons = estimated.kernels.reason[::2]
    assert reasons[0] == "flat: all pixels have one value"
    assert reasons[1].startswith("constant along one axis")
    assert reasons[2].startswith("64x30 pixels, too small: each side needs 46")
    assert not estimated.kernels.accepted[:6].any()
    assert not estimated.kernels.weights[:6].any()
    named = {path for path, _ in estimated.report.refused}
    assert {"a flat.png", "b rows.png", "c small.png"} <= named


def test_kernels_sum_to_one_and_are_centred_or_are_absent(estimated: Estimated) -> None:
    kernels = estimated.kernels
    present = kernels.weights[kernels.weights.any(axis=(1, 2))]
    assert 0 < kernels.accepted.sum() <= len(present) <= 6
    assert np.allclose(present.sum(axis=(1, 2)), 1, atol=1e-5)
    for kernel in present:
        assert np.allclose(centre_of_mass(kernel), 7.5, atol=0.02)
    assert np.isfinite(kernels.weights).all()
    assert kernels.weights[kernels.accepted].any(axis=(1, 2)).all()


def test_the_report_is_what_the_store_holds(estimated: Estimated) -> None:
    report, kernels = estimated.report, estimated.kernels
    assert report.kernels == 12 and report.accepted == int(kernels.accepted.sum())
    assert len(report.refused) == 12 - report.accepted
    assert report.mean_score == pytest.approx(kernels.score[kernels.accepted].mean())


def test_again_is_skipped_and_other_settings_need_overwrite(
    estimated: Estimated, client: Client
) -> None:
    before = contents(estimated.place)
    again = estimate_kernels(str(estimated.place), client, SETTINGS, device="cpu")
    assert again == estimated.report and contents(estimated.place) == before
    other = SETTINGS.model_copy(update={"iterations": 41, "crop": 42})
    with pytest.raises(StoreError, match="crop = 40, not 42; iterations = 40, not 41; pass --over"):
        estimate_kernels(str(estimated.place), client, other, device="cpu")
    assert contents(estimated.place) == before


def test_the_same_bytes_twice(estimated: Estimated, tmp_path: Path, client: Client) -> None:
    check_photos(str(tmp_path / "s"), client, source=estimated.folder, keep="")
    estimate_kernels(str(tmp_path / "s"), client, SETTINGS, device="cpu")
    assert contents(tmp_path / "s") == contents(estimated.place)


def test_the_store_records_what_the_device_chose(estimated: Estimated) -> None:
    attributes = json.loads((estimated.place / "kernels" / "x2" / "zarr.json").read_text())
    parameters = attributes["attributes"]["parameters"]
    assert parameters["device"] == "cpu"
    assert parameters["precision"] in ("float32", "bfloat16")


def test_x4_follows_from_x2(estimated: Estimated, tmp_path: Path, client: Client) -> None:
    check_photos(str(tmp_path / "s"), client, source=estimated.folder, keep="")
    four = SETTINGS.model_copy(update={"scale": 4})
    estimate_kernels(str(tmp_path / "s"), client, four, device="cpu")
    kernels = open_store(tmp_path / "s").kernels(4)
    assert kernels.weights.shape == (12, 32, 32)
    for small, large in zip(estimated.kernels.weights, kernels.weights, strict=True):
        assert np.allclose(large, x2_to_x4(small) if small.any() else 0, atol=1e-6)
    present = kernels.weights[kernels.weights.any(axis=(1, 2))]
    assert np.allclose(present.sum(axis=(1, 2)), 1, atol=1e-5)
    for kernel in present:
        assert np.allclose(centre_of_mass(kernel), 15.5, atol=0.02)


def test_an_absent_device_is_refused_before_work(estimated: Estimated, client: Client) -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    with pytest.raises(TrainingError, match="device cuda: torch sees no GPU; use --device cpu"):
        estimate_kernels(str(estimated.place), client, SETTINGS, device="cuda")


def test_combined_kernels_differ_from_both_and_are_the_same_twice(
    estimated: Estimated, tmp_path: Path, client: Client
) -> None:
    folder = tmp_path / "photos"
    write_photos(folder, 2, 160, 176)
    found = {}
    for name, estimator in (("a", "kernelgan"), ("b", "combined"), ("c", "combined")):
        check_photos(str(tmp_path / name), client, source=folder)
        settings = SETTINGS.model_copy(update={"estimator": estimator})
        estimate_kernels(str(tmp_path / name), client, settings, device="cpu")
        found[name] = open_store(tmp_path / name).kernels(2)
    both = found["a"].accepted & found["b"].accepted
    assert found["a"].accepted.any()
    assert not np.array_equal(found["a"].weights, found["b"].weights)
    assert np.allclose(found["b"].weights[found["b"].accepted].sum(axis=(1, 2)), 1, atol=1e-5)
    assert (both | ~found["b"].accepted).all()
    assert contents(tmp_path / "b") == contents(tmp_path / "c")
