"""Near duplicates in a store: never on both sides of the split, and refused as one likes."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import zarr
from distributed import Client

from degrade.errors import NothingToDo, StoreError
from degrade.images.policy import NearDuplicates
from degrade.images.write import write_png
from degrade.pairs import PairSettings
from degrade.randomness import derive
from degrade.store.reader import Store, open_store
from degrade.store.stage_inputs import pair_inputs
from pipelines.execution.stage_writer import TaskResults
from pipelines.pair_plan import PairPlan, plan_pairs
from pipelines.stages import check as stage
from pipelines.stages import source_rows
from pipelines.stages.build_pairs import build_pairs
from pipelines.stages.check import check_photos
from tests.cli.answers import one_object
from tests.conftest import Command
from tests.photos import contents, make_photo, write_photos

BICUBIC = PairSettings(scale=2, tile=16, cleanup=1, kernels="bicubic", valid=0.5)
NONE = np.array([-1])


def write_bursts(folder: Path, sizes: list[int]) -> Path:
    """Write photos of scenes, each in so many versions, the first of which is the largest."""
    folder.mkdir(parents=True, exist_ok=True)
    for scene, count in enumerate(sizes):
        photo = make_photo(scene, 120, 160)
        for shot in range(count):
            write_png(folder / f"scene {scene} shot {shot}.png", photo[shot:, : 160 - shot])
    return folder


@pytest.fixture
def bursts(tmp_path: Path) -> Path:
    return write_bursts(tmp_path / "photos", [1, 3, 1, 2])


@pytest.fixture
def look(tmp_path: Path, bursts: Path, client: Client) -> Callable[..., Store]:
    """Check the bursts into a store."""

    def call(near_duplicates: NearDuplicates | None = None, *, overwrite: bool = False) -> Store:
        location = str(tmp_path / "s")
        check_photos(
            location,
            client,
            source=bursts,
            near_duplicates=near_duplicates,
            overwrite=overwrite,
        )
        return open_store(location)

    return call


def reasons(store: Store) -> dict[str, str]:
    sources = store.sources()
    rows = zip(sources.path, sources.reason, strict=True)
    return {str(path): str(reason) for path, reason in rows if reason}


def splits(plan: PairPlan) -> dict[str, str]:
    rows = zip(plan.photos, plan.first_row[:-1], strict=True)
    return {photo.path: plan.columns["split"][first] for photo, first in rows}


def test_every_file_has_the_row_of_its_groups_first(look: Callable[..., Store]) -> None:
    sources = look().sources()
    assert sources.group.tolist() == [-1, 1, 1, 1, -1, 5, 5]
    assert set(sources.status) == {"ok"} and sources.selection.near_duplicates == "keep"


def test_the_largest_of_each_group_is_kept(look: Callable[..., Store]) -> None:
    store = look("one")
    assert reasons(store) == {
        "scene 1 shot 1.png": "is a near duplicate of scene 1 shot 0.png",
        "scene 1 shot 2.png": "is a near duplicate of scene 1 shot 0.png",
        "scene 3 shot 1.png": "is a near duplicate of scene 3 shot 0.png",
    }
    assert store.sources().group.tolist() == [-1, 1, 1, 1, -1, 5, 5]


def test_of_equally_large_ones_the_first_by_name_is_kept(
    look: Callable[..., Store], bursts: Path
) -> None:
    noisy = cv2.GaussianBlur(make_photo(0, 120, 160), (0, 0), 0.7)
    write_png(bursts / "a copy of scene 0.png", noisy)
    assert reasons(look("one"))["scene 0 shot 0.png"] == (
        "is a near duplicate of a copy of scene 0.png"
    )


def test_all_of_each_group_are_refused(look: Callable[..., Store]) -> None:
    assert reasons(look("refuse")) == {
        "scene 1 shot 0.png": "is a near duplicate of scene 1 shot 1.png",
        "scene 1 shot 1.png": "is a near duplicate of scene 1 shot 0.png",
        "scene 1 shot 2.png": "is a near duplicate of scene 1 shot 0.png",
        "scene 3 shot 0.png": "is a near duplicate of scene 3 shot 1.png",
        "scene 3 shot 1.png": "is a near duplicate of scene 3 shot 0.png",
    }


def test_a_folder_of_one_burst_refused_has_nothing_to_do(tmp_path: Path, client: Client) -> None:
    folder = write_bursts(tmp_path / "photos", [3])
    with pytest.raises(NothingToDo, match=r"none of 3 images can be used, .* near duplicate of"):
        check_photos(str(tmp_path / "s"), client, source=folder, near_duplicates="refuse")


def test_the_choice_is_kept_and_can_be_taken_back_without_decoding(
    look: Callable[..., Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    look("one")
    monkeypatch.setattr(stage, "inspect_file", None)
    assert len(reasons(look())) == 3, "without a choice the store's is kept"
    assert len(reasons(look("refuse"))) == 5
    assert reasons(look("keep")) == {}


def test_another_choice_is_refused_once_pairs_stand_on_it(
    look: Callable[..., Store], client: Client, tmp_path: Path
) -> None:
    look()
    build_pairs(str(tmp_path / "s"), client, BICUBIC)
    with pytest.raises(StoreError, match=r"3 photos changed \(first: scene 1 shot 1.png\)"):
        look("one")
    assert len(reasons(look("one", overwrite=True))) == 3


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("valid", [0.01, 0.3, 0.6, 0.99])
def test_a_group_is_never_split(look: Callable[..., Store], seed: int, valid: float) -> None:
    settings = BICUBIC.model_copy(update={"seed": seed, "valid": valid})
    sides = splits(plan_pairs(look().sources(), settings, NONE, 0))
    for scene in range(4):
        assert len({side for path, side in sides.items() if f"scene {scene}" in path}) == 1
    assert set(sides.values()) == {"train", "valid"}
    if valid < 0.3:
        assert list(sides.values()).count("valid") == 1, "photos alone are drawn first"


def test_one_burst_alone_is_for_training(tmp_path: Path, client: Client) -> None:
    check_photos(str(tmp_path / "s"), client, source=write_bursts(tmp_path / "photos", [4]))
    sources = open_store(tmp_path / "s").sources()
    assert set(splits(plan_pairs(sources, BICUBIC, NONE, 0)).values()) == {"train"}


def test_a_copy_among_the_clean_photos_is_on_the_same_side(tmp_path: Path, client: Client) -> None:
    photos, clean = write_bursts(tmp_path / "photos", [1] * 6), tmp_path / "clean"
    clean.mkdir()
    for scene in range(6):
        halved = make_photo(scene, 120, 160)[::2, ::2]
        write_png(clean / f"clean {scene}.png", np.ascontiguousarray(halved))
    check_photos(str(tmp_path / "s"), client, source=photos, target=clean, near_duplicates="one")
    sources = open_store(tmp_path / "s").sources()
    assert set(sources.status) == {"ok"}, "each domain has its own"
    sides = splits(plan_pairs(sources, BICUBIC, NONE, 0))
    assert len(sides) == 12 and set(sides.values()) == {"train", "valid"}
    for scene in range(6):
        assert sides[f"clean {scene}.png"] == sides[f"scene {scene} shot 0.png"]


def test_without_near_duplicates_the_split_is_as_it_always_was(
    tmp_path: Path, client: Client
) -> None:
    photos = write_photos(tmp_path / "photos", 12, 64, 80)
    check_photos(str(tmp_path / "s"), client, source=photos)
    store = open_store(tmp_path / "s")
    plan = plan_pairs(store.sources(), BICUBIC, NONE, 0)
    sides = splits(plan)
    drawn = sorted(plan.photos, key=lambda photo: derive(BICUBIC.seed, "split", photo.sha256))
    assert [sides[photo.path] for photo in drawn] == ["valid"] * 6 + ["train"] * 6
    assert set(pair_inputs(store, BICUBIC)) == {"source photos"}


def test_pairs_know_what_their_photos_show(look: Callable[..., Store]) -> None:
    store = look()
    assert set(pair_inputs(store, BICUBIC)) == {"source photos", "near duplicates"}
    with_one = look("one")
    assert set(pair_inputs(with_one, BICUBIC)) == {"source photos"}


def test_killed_and_resumed_equals_uninterrupted(
    look: Callable[..., Store], bursts: Path, tmp_path: Path, client: Client
) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(TaskResults, "result", stop)
        look("one")
    look("one")
    check_photos(str(tmp_path / "whole"), client, source=bursts, near_duplicates="one")
    assert contents(tmp_path / "s") == contents(tmp_path / "whole")


def test_as_many_workers_as_one_likes(
    degrade: Command, tmp_path: Path, bursts: Path, two_workers: Client
) -> None:
    for workers in ((), ("--scheduler", two_workers.scheduler.address)):
        store = ("--store", tmp_path / f"{len(workers)}.zarr")
        options = ("--near-duplicates", "one", *workers)
        assert degrade("check", bursts, *store, *options).code == 0
    assert contents(tmp_path / "0.zarr") == contents(tmp_path / "2.zarr")


def test_what_was_found_before_is_not_written_again(
    look: Callable[..., Store], bursts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (bursts / "twin.png").write_bytes((bursts / "scene 0 shot 0.png").read_bytes())
    (bursts / "bad.png").write_bytes(b"")
    write_png(bursts / "black.png", np.zeros((64, 64, 3), np.uint8))
    look("one")
    monkeypatch.setattr(source_rows, "begin", None)
    look()


def scanned_before(location: Path) -> None:
    """Make of a store what it was before near duplicates were looked for."""
    group = zarr.open_group(location, mode="a")["sources"]
    assert isinstance(group, zarr.Group)
    del group["group"], group["thumbnail"], group.attrs["near_duplicates"]


def test_a_store_checked_before_still_opens_and_is_completed(
    look: Callable[..., Store], tmp_path: Path
) -> None:
    look()
    whole = contents(tmp_path / "s")
    scanned_before(tmp_path / "s")
    assert open_store(tmp_path / "s").sources().group.tolist() == [-1] * 7
    look()
    assert contents(tmp_path / "s") == whole


def test_pairs_of_a_store_checked_before_stay(
    look: Callable[..., Store], tmp_path: Path, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    look()
    scanned_before(tmp_path / "s")
    build_pairs(str(tmp_path / "s"), client, BICUBIC)
    before = contents(tmp_path / "s")
    with monkeypatch.context() as patch:
        patch.setattr(stage, "inspect_file", None)
        look()
    build_pairs(str(tmp_path / "s"), client, BICUBIC)
    assert contents(tmp_path / "s") == before
    look(overwrite=True)
    with pytest.raises(StoreError, match="other near duplicates than now; pass --overwrite"):
        build_pairs(str(tmp_path / "s"), client, BICUBIC)


def test_they_are_listed(degrade: Command, bursts: Path) -> None:
    assert (
        "near duplicates: 2 groups of 5 photos (first: scene 1 shot 0.png, scene 1 shot 1.png); "
        "--json lists all\n"
    ) in degrade("check", bursts).out
    listed = one_object(degrade("check", bursts, "--json"))["near_duplicates"]
    assert listed == [
        [["source", f"scene 1 shot {shot}.png"] for shot in range(3)],
        [["source", f"scene 3 shot {shot}.png"] for shot in range(2)],
    ]
