"""The forecast: what it estimates is what the stages then give."""

from pathlib import Path

from distributed import Client

from degrade.images.source_record import SourceRecord
from degrade.kernels.estimator_settings import KernelSettings
from degrade.noise.mining import NoiseSettings
from degrade.pairs import PairSettings
from degrade.store.reader import open_store
from pipelines.recipes.forecast import Forecast, forecast
from pipelines.stages.build_pairs import build_pairs
from pipelines.stages.check import check_photos
from pipelines.stages.mine_noise import mine_noise
from tests.photos import write_photos

NOISE = NoiseSettings(patch=32, stride=24)
PAIRS = PairSettings(scale=2, tile=48, kernels="bicubic")
KERNELS = KernelSettings(scale=2, iterations=15)


def record(height: int, width: int, status: str = "ok") -> SourceRecord:
    state = "ok" if status == "ok" else "refused"
    return SourceRecord("p.png", "0", height, width, state, "", ())


def forecast_of(sources: list[SourceRecord], location: str = "s") -> Forecast:
    return forecast(sources, [], location, KERNELS.min_side, NOISE, PAIRS)


def test_counts_are_those_of_the_stages(tmp_path: Path, client: Client) -> None:
    place = str(tmp_path / "s")
    source = write_photos(tmp_path / "photos", 2, 128, 160)
    write_photos(source / "small", 1, 80, 100)
    clean = write_photos(tmp_path / "clean", 1, 97, 101)
    records = check_photos(place, client, source=source, target=clean).records
    seen = forecast(records["source"], records["target"], place, KERNELS.min_side, NOISE, PAIRS)
    assert seen.photos == 4 and seen.kernel_photos == 2
    assert seen.noise_windows == mine_noise(place, client, NOISE).windows
    built = build_pairs(place, client, PAIRS)
    assert (seen.pairs, seen.pair_photos) == (built.pairs, built.photos) and seen.pairs > 0
    pairs = open_store(place).pairs(2)
    per_pair = pairs.hr.tile(0).nbytes + pairs.lr.tile(0).nbytes
    assert seen.pair_bytes == built.pairs * per_pair
    assert seen.noise_bytes == seen.noise_windows * 32 * 32 * 3
    assert seen.free_bytes > 0


def test_refused_photos_do_not_count() -> None:
    assert forecast_of([record(500, 500, "refused")]) == forecast_of([])
    assert forecast_of([]).photos == forecast_of([]).noise_windows == forecast_of([]).pairs == 0


def test_photos_that_are_too_small_for_a_stage_give_it_nothing() -> None:
    seen = forecast_of([record(31, 900)])
    assert (seen.photos, seen.kernel_photos, seen.noise_windows, seen.pairs) == (1, 0, 0, 0)
    assert forecast_of([record(85, 900)]).kernel_photos == 0
    assert forecast_of([record(86, 86)]).kernel_photos == 1


def test_free_space_is_that_of_the_nearest_folder_that_exists(tmp_path: Path) -> None:
    deep = forecast_of([], str(tmp_path / "not" / "yet" / "there"))
    assert deep.free_bytes > 0
