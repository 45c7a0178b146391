"""One decoding of each photo, and the bytes of stages that are run one by one."""

import json
import re
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from distributed import Client

from degrade.arrays import Image
from degrade.images import decode
from degrade.images.decode import UncomposedImage
from degrade.images.write import write_png
from degrade.noise.mining import NoiseSettings
from degrade.store.reader import open_store
from degrade.store.task_results import Arrays
from pipelines.execution.stage_time import clocked
from pipelines.pair_plan import HrMeasure
from pipelines.photos.cache import CACHE, PhotoCache, PhotoMeasure
from pipelines.photos.reading import usable_photos
from pipelines.recipes import runner
from pipelines.recipes.recipe import load_recipe
from pipelines.recipes.runner import RunOptions, run_recipe
from pipelines.stages.build_pairs import build_pairs
from pipelines.stages.check import check_photos
from pipelines.stages.estimate_kernels import estimate_kernels
from pipelines.stages.mine_noise import NoiseMeasure, mine_noise
from tests.conftest import Command
from tests.photos import contents, make_photo, write_photos

RECIPE = """
name: cache
scale: 2
target: true
stages:
  kernels: {}
  noise: {patch: 16}
  pairs: {tile: 32, valid: 0.3}
"""
HR_BYTES = 96 * 96 * 3


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five photos, one of them twice, clean ones, a torn file, and a recipe beside them."""
    base = tmp_path_factory.mktemp("cache")
    write_photos(base / "photos", 5, 192, 192)
    (base / "photos" / "twin.png").write_bytes((base / "photos" / "photo 1.png").read_bytes())
    (base / "photos" / "torn.png").write_bytes(b"\x89PNG")
    for number in (20, 21):
        write_png(base / "clean" / f"{number}.png", make_photo(number, 64, 96))
    (base / "recipe.yaml").write_text(RECIPE)
    return base


@pytest.fixture(scope="module")
def by_stages(folder: Path, client: Client) -> dict[str, str]:
    """The store's bytes when each stage is run by itself."""
    store, stages = str(folder / "stages.zarr"), load_recipe(str(folder / "recipe.yaml")).stages
    check_photos(store, client, source=folder / "photos", target=folder / "clean")
    assert stages.kernels and stages.noise
    estimate_kernels(store, client, stages.kernels)
    mine_noise(store, client, stages.noise)
    build_pairs(store, client, stages.pairs)
    return contents(Path(store))


@pytest.fixture
def decodings(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Count how often each file is decoded from now on."""
    counts: Counter[str] = Counter()
    original = decode.decode_uncomposed

    def counting(data: bytes, name: str, *rest: Any) -> UncomposedImage:
        decoded = original(data, name, *rest)
        counts[name] += 1
        return decoded

    monkeypatch.setattr("degrade.images.decode.decode_uncomposed", counting)
    monkeypatch.setattr("degrade.images.source_record.decode_uncomposed", counting)
    return counts


@pytest.fixture
def run(folder: Path, tmp_path: Path, client: Client) -> Callable[..., Path]:
    """Run the recipe into a store of this test's own."""

    def call(workers: Client = client, **options: Any) -> Path:
        store = tmp_path / "s.zarr"
        chosen = RunOptions(
            folder / "photos", folder / "clean", str(store), tmp_path / "runs", **options
        )
        run_recipe(load_recipe(str(folder / "recipe.yaml")), chosen, workers)
        return store

    return call


def test_a_recipe_decodes_each_photo_once(
    run: Callable[..., Path], by_stages: dict[str, str], decodings: Counter[str]
) -> None:
    assert contents(run()) == by_stages
    assert decodings == {
        **{f"photo {i}.png": 1 for i in range(5)},
        "twin.png": 1,
        "20.png": 1,
        "21.png": 1,
    }


def test_without_scratch_photos_are_decoded_again_for_pairs_only(
    run: Callable[..., Path], by_stages: dict[str, str], decodings: Counter[str]
) -> None:
    assert contents(run(scratch=0)) == by_stages
    # Pairs of a photo whose tiles straddle two tasks would be a third; here one task makes all.
    assert decodings == {
        **{f"photo {i}.png": 2 for i in range(5)},
        "twin.png": 1,
        "20.png": 2,
        "21.png": 2,
    }


def test_what_is_kept_stays_within_the_limit(
    run: Callable[..., Path],
    by_stages: dict[str, str],
    decodings: Counter[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    sizes = []

    def noting(store: str, client: Client) -> None:
        folder = Path(store) / ".parts" / CACHE
        sizes.append(int((folder / "taken").read_text()))
        end(store, client)

    def building(store: str, *rest: Any, **more: Any) -> Any:
        held = (tmp_path / "s.zarr" / ".parts" / CACHE).glob("*.npz")
        sizes.extend(path.stat().st_size for path in held)
        return build_pairs(store, *rest, **more)

    end = runner.end_cache
    monkeypatch.setattr(runner, "end_cache", noting)
    monkeypatch.setattr("pipelines.stages.build_pairs.build_pairs", building)
    assert contents(run(scratch=3 * HR_BYTES)) == by_stages
    *held, left = sizes
    assert len(held) == 3 and sum(held) < 3 * HR_BYTES + 2000, "the results, and no others"
    assert left == 0, "each one is deleted when its tiles are written"
    assert decodings.total() == 8 + (5 + 2 - 3)


def test_a_stopped_run_uses_what_was_left(
    run: Callable[..., Path],
    by_stages: dict[str, str],
    decodings: Counter[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("pipelines.stages.estimate_kernels.estimate_kernels", stop)
        run()
    left = sorted((tmp_path / "s.zarr" / ".parts" / CACHE).glob("*.npz"))
    assert len(left) == 5 * 3 + 2
    left[0].write_bytes(left[0].read_bytes()[:-40])
    damaged = bytearray(left[1].read_bytes())
    damaged[len(damaged) // 2] ^= 1
    left[1].write_bytes(damaged)
    (left[0].parent / ".cut short.partial").write_bytes(b"x")
    decodings.clear()
    assert contents(run()) == by_stages
    del decodings["twin.png"]  # refused files are always looked at again
    assert 1 <= decodings.total() <= 2, "what was damaged, and that only"


def test_two_workers_leave_the_same_bytes(
    run: Callable[..., Path], by_stages: dict[str, str], two_workers: Client
) -> None:
    assert contents(run(two_workers)) == by_stages


@pytest.mark.parametrize(("checked", "decoding"), [(False, "check"), (True, "estimate-kernels")])
def test_a_stage_is_charged_for_what_another_did_for_it(
    checked: bool,
    decoding: str,
    run: Callable[..., Path],
    folder: Path,
    client: Client,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The stage that decodes: the first, or, where that is complete, the first that measures."""
    if checked:
        check_photos(
            str(tmp_path / "s.zarr"), client, source=folder / "photos", target=folder / "clean"
        )
    original = NoiseMeasure.__call__

    def slow(measure: NoiseMeasure, pixels: Image) -> Arrays:
        time.sleep(0.4)
        return original(measure, pixels)

    monkeypatch.setattr(NoiseMeasure, "__call__", slow)
    # Four stages' hundredths of a second may add up to more than all of them took.
    monkeypatch.setattr(runner, "round", lambda seconds, digits: seconds, raising=False)
    began = time.monotonic()
    run()
    took = time.monotonic() - began
    manifest = json.loads((tmp_path / "runs/cache/manifest.json").read_text())
    seconds = {stage["stage"]: stage["seconds"] for stage in manifest["stages"]}
    assert seconds["mine-noise"] >= 5 * 0.4 > seconds[decoding] > 0
    assert sum(seconds.values()) <= took, "what one stage is charged, another is not"
    name = "check source photos" if decoding == "check" else decoding
    (line,) = [each for each in capsys.readouterr().err.splitlines() if each.startswith(name)]
    shown = re.search(r"of these .*?(\d+\.\d) s for mine-noise, \d+\.\d s for build-pairs", line)
    # The photo whose twin is looked at again, to be refused, is not wanted any more.
    assert shown and float(shown[1]) >= 4 * 0.4


def test_what_a_stage_keeps_is_its_own_time_and_replaces_what_is_damaged(
    by_stages: dict[str, str], folder: Path, tmp_path: Path, decodings: Counter[str]
) -> None:
    assert by_stages
    photo = usable_photos(open_store(folder / "stages.zarr").sources(), "source")[0]
    mined, reduced = NoiseMeasure(NoiseSettings(patch=16)), HrMeasure(1, 2, 32)
    measures: dict[str, PhotoMeasure] = {"mine-noise": mined, "build-pairs": reduced}
    cache = PhotoCache(str(tmp_path / "left"), 10**6, {"source": measures})
    with clocked() as spent:
        found = cache.get(photo, mined, keep=True)
    assert list(spent.others) == ["build-pairs"]
    assert 0 < spent.others["build-pairs"] < spent.seconds
    kept = {path: path.read_bytes() for path in (tmp_path / "left").glob("*.npz")}
    assert len(kept) == 2 and decodings.total() == 1
    for path, left in kept.items():
        path.write_bytes(left[:-40])
        again = cache.get(photo, mined, keep=True)
        np.testing.assert_equal(again, found)
    assert decodings.total() == 2, "what is for another stage is left as it is"
    assert sum(path.read_bytes() == left for path, left in kept.items()) == 1


def test_scratch_on_the_command_line(degrade: Command, folder: Path, tmp_path: Path) -> None:
    command = ("run", folder / "recipe.yaml", folder / "photos", "--target", folder / "clean")
    assert degrade(*command, "--scratch", 0.001).code == 0
    assert '"scratch": 1000000' in (tmp_path / "runs/cache/manifest.json").read_text()
