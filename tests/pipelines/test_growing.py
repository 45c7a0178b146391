"""A folder that grows: only what is new is worked on; the store is that of a run from nothing."""

import json
import shutil
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from distributed import Client

from degrade.errors import StoreError
from degrade.images.decode import decode
from degrade.images.write import write_png
from degrade.kernels.estimator_settings import SpectralSettings
from degrade.noise.mining import NoiseSettings
from degrade.pairs import PairSettings
from degrade.store.task_results import TaskResults
from pipelines.recipes.recipe import load_recipe
from pipelines.recipes.runner import RunOptions, run_recipe
from pipelines.stages import build_pairs as pairs_stage
from pipelines.stages.build_pairs import build_pairs
from pipelines.stages.check import check_photos
from pipelines.stages.estimate_kernels import estimate_kernels
from pipelines.stages.mine_noise import mine_noise
from tests.conftest import Command
from tests.photos import contents, make_photo, write_photos

KERNELS, NOISE = SpectralSettings(scale=2), NoiseSettings(patch=16)
ESTIMATED = PairSettings(scale=2, tile=32, cleanup=1)
BICUBIC = ESTIMATED.model_copy(update={"kernels": "bicubic"})
BAKED = BICUBIC.model_copy(update={"bake_noise": True})
SIDES = (160, 192)
NEW = ("a first.png", "photo 1b.png")


def make(store: Path, photos: Path, client: Client, pairs: PairSettings = ESTIMATED) -> None:
    """Run every stage by itself."""
    check_photos(str(store), client, source=photos, overwrite=True)
    estimate_kernels(str(store), client, KERNELS, overwrite=True)
    mine_noise(str(store), client, NOISE, overwrite=True)
    build_pairs(str(store), client, pairs, overwrite=True)


def grow(photos: Path) -> Path:
    """Add photos before and among the others, remove one and edit one."""
    for seed, name in enumerate(NEW, 20):
        write_png(photos / name, make_photo(seed, *SIDES))
    (photos / "photo 0.png").unlink()
    write_png(photos / "photo 3.png", make_photo(33, *SIDES))
    return photos


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory, client: Client) -> Path:
    """A folder of photos, and its store."""
    folder = tmp_path_factory.mktemp("growing")
    make(folder / "s", write_photos(folder / "photos", 4, *SIDES), client)
    return folder


@pytest.fixture(scope="module")
def after(tmp_path_factory: pytest.TempPathFactory, client: Client, before: Path) -> Path:
    """The grown folder, and its store from nothing."""
    folder = tmp_path_factory.mktemp("grown")
    shutil.copytree(before / "photos", folder / "photos")
    make(folder / "s", grow(folder / "photos"), client)
    return folder


@pytest.fixture
def own(before: Path, after: Path, tmp_path: Path) -> Path:
    """A copy of the store as it was, whose photos have grown to those of ``after``."""
    shutil.copytree(before / "s", tmp_path / "s")
    return tmp_path / "s"


@pytest.fixture
def decodings(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Count what later stages decode."""
    counts: Counter[str] = Counter()

    def counting(data: bytes, name: str, *rest: object) -> object:
        counts[name] += 1
        return decode(data, name, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr("pipelines.photos.reading.decode", counting)
    return counts


def test_only_what_is_new_is_decoded_and_no_byte_differs(
    own: Path, after: Path, client: Client, decodings: Counter[str]
) -> None:
    make(own, after / "photos", client)
    assert contents(own) == contents(after / "s")
    # Each stage that is run by itself decodes what is new.
    assert decodings == dict.fromkeys([*NEW, "photo 3.png"], 3)


def test_a_recipe_decodes_what_is_new_once(
    own: Path, after: Path, client: Client, decodings: Counter[str], tmp_path: Path
) -> None:
    stages = {
        "kernels": KERNELS.model_dump(exclude={"scale"}),
        "noise": NOISE.model_dump(),
        "pairs": {"tile": 32, "cleanup": 1},
    }
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(json.dumps({"name": "growing", "scale": 2, "stages": stages}))
    options = RunOptions(after / "photos", None, str(own), tmp_path / "runs", overwrite=True)
    run_recipe(load_recipe(str(recipe)), options, client)
    assert not decodings, "check decoded it, and left what the stages measure"
    whole = replace(options, store=str(tmp_path / "whole"), runs=tmp_path / "other runs")
    run_recipe(load_recipe(str(recipe)), whole, client)
    assert contents(own) == contents(tmp_path / "whole")


@pytest.mark.parametrize(("pairs", "again"), [(BICUBIC, 3), (BAKED, 5)], ids=["bicubic", "baked"])
def test_lr_is_made_again_where_what_it_follows_from_changed(
    pairs: PairSettings,
    again: int,
    before: Path,
    after: Path,
    client: Client,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made: list[int] = []
    original = pairs_stage.degrade

    def counting(*arguments: object) -> object:
        made.append(1)
        return original(*arguments)  # type: ignore[arg-type]

    for name, source in (("grown", before), ("whole", after)):
        shutil.copytree(source / "s", tmp_path / name)
        build_pairs(str(tmp_path / name), client, pairs, overwrite=True)
    monkeypatch.setattr(pairs_stage, "degrade", counting)
    check_photos(str(tmp_path / "grown"), client, source=after / "photos", overwrite=True)
    mine_noise(str(tmp_path / "grown"), client, NOISE, overwrite=True)
    build_pairs(str(tmp_path / "grown"), client, pairs, overwrite=True)
    assert len(made) == again
    assert contents(tmp_path / "grown" / "pairs") == contents(tmp_path / "whole" / "pairs")


def break_packs(store: Path) -> None:
    for path in store.glob(".parts/**/found/*.npz"):
        path.write_bytes(path.read_bytes()[:-30])


def break_tiles(store: Path) -> None:
    for path in [*store.glob("noise/patches/c/*/0/0/0"), *store.glob("pairs/x2/hr/c/*/0/0/0")]:
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.write_bytes(data)


@pytest.mark.parametrize("harm", [break_packs, break_tiles])
def test_what_is_damaged_is_made_anew(
    harm: Callable[[Path], None], own: Path, after: Path, client: Client
) -> None:
    harm(own)
    make(own, after / "photos", client)
    assert contents(own) == contents(after / "s")


def test_a_stopped_making_still_knows_what_was_known(
    own: Path,
    after: Path,
    client: Client,
    decodings: Counter[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    check_photos(str(own), client, source=after / "photos", overwrite=True)
    for stage, settings in ((estimate_kernels, KERNELS), (mine_noise, NOISE)):
        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr(f"pipelines.stages.{stage.__name__}._assemble", stop)
            stage(str(own), client, settings, overwrite=True)  # type: ignore[arg-type]
        others = settings.model_copy(update={"group": "none"})
        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr(f"pipelines.stages.{stage.__name__}._assemble", stop)
            stage(str(own), client, others, overwrite=True)  # type: ignore[arg-type]
    make(own, after / "photos", client)
    assert contents(own) == contents(after / "s")
    assert not decodings.keys() & {"photo 1.png", "photo 2.png"}


def test_a_finished_store_keeps_what_was_found_and_nothing_else(own: Path) -> None:
    left = {path.relative_to(own).parent.as_posix() for path in own.glob(".parts/**/*.npz")}
    assert left == {f".parts/{group}/found" for group in ("kernels/x2", "noise", "pairs/x2")}
    TaskResults(str(own), "noise").settle()
    assert {path.relative_to(own).parent.as_posix() for path in own.glob(".parts/**/*.npz")} == left


def test_changes_are_named(own: Path, after: Path, client: Client, degrade: Command) -> None:
    said = (
        r"4 photos changed \(first: a first.png\) since kernels, noise, pairs were made from them: "
        r"2 added \(a first.png, photo 1b.png\), 1 removed \(photo 0.png\), "
        r"1 edited \(photo 3.png\); pass --overwrite"
    )
    with pytest.raises(StoreError, match=said):
        check_photos(str(own), client, source=after / "photos")
    answer = degrade("check", after / "photos", "--store", own, "--overwrite", "--json")
    assert json.loads(answer.out)["changes"] == {
        "source": {"added": list(NEW), "removed": ["photo 0.png"], "edited": ["photo 3.png"]}
    }
    again = degrade("check", after / "photos", "--store", own, "--overwrite", "--json")
    assert json.loads(again.out)["changes"] == {}
