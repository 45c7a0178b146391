"""Pairs may take kernels from what the estimates leave open; by default they do not."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from distributed import Client
from pydantic import ValidationError

from degrade.errors import StoreError
from degrade.images.write import write_png
from degrade.kernels.estimator_settings import KernelSettings, SpectralSettings
from degrade.kernels.spectral import Blur
from degrade.pairs import PairSettings
from degrade.store.kernel_posterior import learning_of
from degrade.store.reader import open_store
from pipelines.stages.build_pairs import build_pairs
from pipelines.stages.check import check_photos
from pipelines.stages.estimate_kernels import estimate_kernels
from tests.cli.answers import one_object
from tests.conftest import Command
from tests.degrade.kernels.test_spectral import photo
from tests.photos import contents, write_photos

PLAIN = PairSettings(scale=2, tile=64)
JITTER = PairSettings(scale=2, tile=64, kernel_jitter=True)


@pytest.fixture(scope="module")
def estimated(tmp_path_factory: pytest.TempPathFactory, client: Client) -> Path:
    folder = tmp_path_factory.mktemp("jitter")
    (folder / "photos").mkdir()
    kernel = Blur(np.array([-1.2, 0.3, 0.1, 0.0]), np.zeros(4)).kernel(2)
    for number in range(4):
        cut = np.ascontiguousarray(photo(number, kernel)[:256, :256])
        write_png(folder / "photos" / f"{number}.png", cut)
    check_photos(str(folder / "s"), client, source=folder / "photos")
    estimate_kernels(str(folder / "s"), client, SpectralSettings(scale=2))
    return folder / "s"


def test_each_kernel_has_its_posterior(estimated: Path, degrade: Command) -> None:
    kernels = open_store(estimated).kernels(2)
    assert kernels.accepted.all() and kernels.blur is not None
    assert kernels.blur_deviation is not None and kernels.photo_blur is not None
    half = kernels.half_widths(2)
    assert half is not None and (half.sigma_major > half.sigma_minor).all()
    for row in range(4):
        stored = Blur(kernels.blur[row].astype(float), np.zeros(4)).kernel(2)
        np.testing.assert_allclose(kernels.weights[row], stored, atol=1e-6)
    assert (np.ptp(kernels.photo_blur, axis=0) >= np.ptp(kernels.blur, axis=0))[:3].all()
    (learning,) = learning_of(kernels).values()
    answer = one_object(degrade("kernels", "--store", estimated, "--json"))
    assert answer["enough"][""]["errors"] == {
        str(count): pytest.approx(error) for count, error in learning.errors.items()
    }
    assert answer["kernels"][0]["sigma_major_error"] == pytest.approx(half.sigma_major[0], abs=1e-3)
    shown = degrade("kernels", "--store", estimated).out
    assert "half widths of 90 % intervals" in shown and shown.count("±") == 12
    assert "from these 4" in shown


def test_pairs_draw_from_it_when_asked_to(estimated: Path, client: Client) -> None:
    def built(settings: PairSettings) -> tuple[np.ndarray, np.ndarray]:
        build_pairs(str(estimated), client, settings, overwrite=True)
        pairs = open_store(estimated).pairs(2)
        hr, lr = ([side.tile(row) for row in range(len(side))] for side in (pairs.hr, pairs.lr))
        return np.stack(hr), np.stack(lr)

    plain, jittered = built(PLAIN), built(JITTER)
    assert open_store(estimated).recorded("pairs/x2")["parameters"]["kernel_jitter"]
    np.testing.assert_array_equal(plain[0], jittered[0])
    apart = np.abs(plain[1].astype(int) - jittered[1]).mean()
    assert 0 < apart < 5
    once = contents(estimated / "pairs")
    built(JITTER)
    assert contents(estimated / "pairs") == once
    np.testing.assert_array_equal(built(PLAIN)[1], plain[1])
    assert "kernel_jitter" not in open_store(estimated).recorded("pairs/x2")["parameters"]


def test_kernels_without_a_posterior_are_refused(tmp_path: Path, client: Client) -> None:
    place = str(tmp_path / "s")
    check_photos(place, client, source=write_photos(tmp_path / "photos", 1))
    trained = KernelSettings(scale=2, iterations=15, crop=40, shave=2)
    estimate_kernels(place, client, trained, device="cpu")
    assert open_store(place).kernels(2).half_widths(2) is None
    assert learning_of(open_store(place).kernels(2)) == {}
    with pytest.raises(
        StoreError, match="did not tell how sure it is, which --kernel-jitter draws"
    ):
        build_pairs(place, client, JITTER)


def test_what_does_not_go_together_is_said() -> None:
    others: list[dict[str, Any]] = [{"kernels": "bicubic"}, {"degradation": "camera"}]
    for fields in others:
        with pytest.raises(ValidationError, match="kernel_jitter needs degradation linear"):
            PairSettings(scale=2, tile=64, kernel_jitter=True, **fields)
