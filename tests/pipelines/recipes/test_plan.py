"""The plan: its counts are those of the run that follows, and it writes nothing."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from distributed import Client
from distributed.system import MEMORY_LIMIT

from degrade.cli.plan import _text
from degrade.errors import NothingToDo, SettingsError
from degrade.images.write import write_png
from degrade.noise.mining import NoiseSettings
from degrade.store.reader import open_store
from degrade.store.schema import NOISE
from degrade.store.stages import StageIdentity
from degrade.store.task_results import TaskResults
from degrade.store.writer import begin_stage
from pipelines.recipes.plan import RunPlan, machine_memory, plan_run
from pipelines.recipes.recipe import load_recipe
from pipelines.recipes.runner import run_recipe
from pipelines.recipes.sample import PhotoSample, Work, spread
from pipelines.recipes.stage_plans import STAGE_SECONDS, StagePlan
from pipelines.stages.check import check_photos
from tests.cli.answers import one_object, refusal
from tests.conftest import Command
from tests.photos import contents, make_photo, write_photos
from tests.pipelines.recipes.tiny import STAGES, standard, write


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Photos and a recipe beside them."""
    base = tmp_path_factory.mktemp("plan")
    write(base, 192)
    return base


def plan(base: Path, *changes: str, threads: int = 1, sample: int = 12, **options: Any) -> RunPlan:
    recipe = load_recipe(str(base / "tiny.yaml"), changes)
    return plan_run(recipe, replace(standard(base), **options), threads, sample)


def stage(made: RunPlan, name: str) -> StagePlan:
    return next(found for found in made.stages if found.stage == name)


def test_the_run_gives_what_was_planned(folder: Path, client: Client, tmp_path: Path) -> None:
    """A sample of all photos counts exactly; afterwards every stage is done and costs nothing."""
    before = contents(folder)
    places = {"store": str(tmp_path / "s.zarr"), "runs": tmp_path / "runs"}
    made = plan(folder, **places)
    assert contents(folder) == before and list(tmp_path.iterdir()) == [], "a plan writes nothing"
    assert [found.stage for found in made.stages] == STAGES
    assert {found.state for found in made.stages} == {"to do"}
    assert made.seconds == pytest.approx(sum(found.seconds or 0 for found in made.stages))

    run_recipe(load_recipe(str(folder / "tiny.yaml")), replace(standard(folder), **places), client)
    store = open_store(places["store"])
    assert stage(made, "check").gives == 4
    assert stage(made, "estimate-kernels").gives == store.kernels(2).accepted.sum()
    assert stage(made, "mine-noise").gives == len(store.noise().patches)
    assert stage(made, "build-pairs").gives == len(store.pairs(2).hr)
    raw = [store.noise().patches, store.pairs(2).hr, store.pairs(2).lr]
    disk = stage(made, "mine-noise").disk + stage(made, "build-pairs").disk
    assert disk == sum(len(tiles) * tiles.tile(0).nbytes for tiles in raw)

    before = contents(tmp_path)
    after = plan(folder, **places)
    assert {found.state for found in after.stages} == {"done"}
    assert (after.seconds, after.disk) == (0, 0)
    assert [found.gives for found in after.stages] == [found.gives for found in made.stages]
    named = plan(folder, **places, source=None, sample=1)
    assert [found.gives for found in named.stages] == [found.gives for found in made.stages]
    other = plan(folder, "stages.pairs.tile=32", **places, sample=1)
    assert stage(other, "build-pairs").state == "changed"
    again = plan(folder, **places, overwrite=True, sample=1)
    assert {found.state for found in again.stages} == {"to do"}
    assert contents(tmp_path) == before


def test_what_cannot_be_read_here_is_named(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("degrade.images.formats._is_installed", lambda module: False)
    photos = write_photos(tmp_path / "photos", 1, 96, 96)
    for name in ("one.HEIC", "two.heic"):
        (photos / name).write_bytes(b"")
    made = plan(folder, "stages.train=false", source=photos, sample=1)
    line = '2 .heic files cannot be read yet: pip install "degrade[heic]"'
    assert made.lacking == (line,) and made.files == 1
    assert line in _text(made).splitlines()


def test_a_sample_speaks_for_the_folder(folder: Path, tmp_path: Path) -> None:
    write_photos(tmp_path / "photos", 30, 96, 96)
    few, every = (
        plan(folder, "stages.train=false", source=tmp_path / "photos", sample=n) for n in (6, 30)
    )
    assert few.sampled == 6 and few.photos == every.photos == 30
    assert stage(few, "build-pairs").gives == stage(every, "build-pairs").gives
    patches = [stage(made, "mine-noise").gives for made in (few, every)]
    assert patches[0] == pytest.approx(patches[1], rel=0.3)


def test_refused_photos_of_the_sample_count_for_their_kind(folder: Path, tmp_path: Path) -> None:
    write_photos(tmp_path, 3, 96, 96)
    whole = (tmp_path / "photo 0.png").read_bytes()
    (tmp_path / "cut.png").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "torn.png").write_bytes(b"\x89PNG")
    made = plan(folder, source=tmp_path)
    assert (made.files, made.photos) == (5, 3)
    assert [path for path, _ in made.refused] == ["cut.png", "torn.png"]


@pytest.fixture
def one_second(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make a sample that takes a second per photo and stage, training left out."""
    side = 96 * 96
    work = Work(4 * side, 4, 4, 4, 144, 40, 4, 4 * side, side, 2, 2)
    sample = PhotoSample(4, work, (1, 5, 10, 24), (), None)
    monkeypatch.setattr("pipelines.recipes.plan.measure", lambda *_: sample)


@pytest.mark.usefixtures("one_second")
def test_time_is_that_of_whole_tasks_over_the_threads(folder: Path, tmp_path: Path) -> None:
    """80 photos are 10 tasks of the check, whose cache (3.5 s a photo) serve all stages.

    A second of them decodes, one each is for kernels and noise, half of one for pairs.
    """
    photos = write_photos(tmp_path / "photos", 80, 96, 96)

    def seconds(name: str, threads: int, scratch: int = 10**9) -> float | None:
        options = {"source": photos, "store": str(tmp_path / "s"), "threads": threads}
        options["scratch"] = scratch
        return stage(plan(folder, "stages.train=false", **options), name).seconds

    rounds = [(1, 10), (4, 3), (100, 1)]
    for threads, whole in rounds:
        checks = seconds("check", threads)
        assert checks == pytest.approx(8 * whole + STAGE_SECONDS), "decoding alone"
        for name in ("estimate-kernels", "mine-noise"):
            found = seconds(name, threads)
            assert found == pytest.approx(8 * whole + STAGE_SECONDS, abs=0.1), "found as left"
    assert seconds("build-pairs", 1) == pytest.approx(40 + 40 + STAGE_SECONDS, abs=0.1)
    alone = seconds("build-pairs", 1, scratch=0)
    assert alone == pytest.approx(40 + 160 + STAGE_SECONDS, abs=0.1), "decoded again"
    made = plan(folder, "stages.train=false", source=photos, threads=3)
    assert made.memory == 3 * max(found.memory or 0 for found in made.stages)
    note = stage(made, "mine-noise").note
    assert stage(made, "mine-noise").gives == 800 and note.startswith("give or take 782")


@pytest.mark.usefixtures("one_second")
def test_after_a_check_the_first_stage_decodes_for_all(
    folder: Path, client: Client, tmp_path: Path
) -> None:
    photos, place = write_photos(tmp_path / "photos", 20, 96, 96), str(tmp_path / "s")
    check_photos(place, client, source=photos)
    made = plan(folder, "stages.train=false", source=photos, store=place)
    found = [one.seconds for one in made.stages]
    assert found == pytest.approx(
        [0, 40 + STAGE_SECONDS, 20 + STAGE_SECONDS, 20 + STAGE_SECONDS], abs=0.1
    )


@pytest.mark.usefixtures("one_second")
@pytest.mark.parametrize(("kernels", "degraded"), [("estimated", 8), ("bicubic", 2)])
def test_a_grown_folder_costs_what_is_new(
    folder: Path, client: Client, tmp_path: Path, kernels: str, degraded: int
) -> None:
    """Two photos beside six: HR of both is made, and LR of all where kernels are pooled."""
    photos = write_photos(tmp_path / "photos", 6, 96, 96)
    places = {"source": photos, "store": str(tmp_path / "s"), "runs": tmp_path / "runs"}
    made_with = ("stages.train=false", "stages.pairs.kernels=bicubic")  # too small for estimates
    recipe = load_recipe(str(folder / "tiny.yaml"), made_with)
    run_recipe(recipe, replace(standard(folder), **places), client)
    changes = ("stages.train=false", f"stages.pairs.kernels={kernels}")
    for number in (6, 7):
        write_png(photos / f"photo {number}.png", make_photo(number, 96, 96))
    made = plan(folder, *changes, **places, overwrite=True)
    assert {found.state for found in made.stages} == {"to do"}
    found = [one.seconds for one in made.stages]
    assert found == pytest.approx(
        [STAGE_SECONDS + n for n in (2, 2, 2, 2 / 2 + degraded / 2)], abs=0.1
    )
    assert "6 of 8 files are known and only hashed" in stage(made, "check").note
    other = plan(folder, *changes, "stages.noise.stride=8", **places, overwrite=True)
    assert stage(other, "mine-noise").seconds == pytest.approx(2 + 6 * 2 + STAGE_SECONDS, abs=0.1)


@pytest.mark.usefixtures("one_second")
def test_results_of_a_stopped_stage_are_not_planned_again(folder: Path, tmp_path: Path) -> None:
    photos, place = write_photos(tmp_path / "photos", 20, 96, 96), str(tmp_path / "s")
    identity = StageIdentity("mine-noise", NoiseSettings(patch=16, stride=16).model_dump(), {})
    begin_stage(place, NOISE, identity)
    TaskResults(place, NOISE).save(1, {})
    planned = plan(folder, "stages.train=false", source=photos, store=place)
    made = stage(planned, "mine-noise")
    assert (made.state, made.seconds) == ("unfinished", pytest.approx(20 + STAGE_SECONDS, abs=0.1))
    assert stage(planned, "check").seconds == pytest.approx(20 + STAGE_SECONDS)


def test_kernelgan_is_timed_by_a_few_iterations(folder: Path) -> None:
    short, long = (
        plan(
            folder,
            f"stages.kernels={{estimator: kernelgan, iterations: {n}}}",
            "stages.train=false",
            sample=1,
        )
        for n in (100, 100_000)
    )
    few, many = (stage(made, "estimate-kernels").seconds for made in (short, long))
    assert few and many and many > 50 * few


def test_stages_that_would_give_nothing_say_so(folder: Path) -> None:
    made = plan(
        folder, "stages.noise.max_variance=0.3", "stages.pairs.tile=128", "stages.train=false"
    )
    assert "none of the sample's 576 windows" in stage(made, "mine-noise").note
    assert stage(made, "build-pairs").note.startswith("no photo is as large as a tile of 128")
    assert stage(made, "build-pairs").seconds is None


def test_what_a_plan_refuses(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(NothingToDo, match="holds no images"):
        plan(folder, source=tmp_path)
    (tmp_path / "torn.png").write_bytes(b"\x89PNG")
    with pytest.raises(NothingToDo, match=r"none of 1 sampled images .* torn\.png, because it is"):
        plan(folder, source=tmp_path)
    with pytest.raises(SettingsError, match="knows no photos yet; name a folder"):
        plan(folder, source=None)
    with pytest.raises(SettingsError, match=r"recipe tiny uses clean photos: .*\(--target\)"):
        plan(folder, "target=true")


def test_a_sample_is_spread_over_the_list() -> None:
    names = [str(i) for i in range(100)]
    assert spread(names, 3) == ["0", "50", "99"] or spread(names, 3) == ["0", "49", "99"]
    assert spread(names[:2], 5) == ["0", "1"]


def test_plan_and_dry_run_through_the_command_line(
    degrade: Command, folder: Path, tmp_path: Path
) -> None:
    call = (folder / "tiny.yaml", folder / "photos")
    planned = one_object(degrade("plan", *call, "--json"))
    dry = one_object(degrade("run", *call, "--dry-run", "--json"))
    keys = ("stage", "state", "gives", "unit", "memory", "disk", "note")
    kept = [[{k: found[k] for k in keys} for found in made["stages"]] for made in (planned, dry)]
    assert kept[0] == kept[1] and [found["stage"] for found in kept[0]] == STAGES
    shown = degrade("plan", *call, "--workers", 2).out
    assert shown.startswith("tiny: 4 of 4 files usable")
    assert all(f"\n{name}" in shown for name in STAGES)
    assert list(tmp_path.iterdir()) == [], "neither store nor run"
    assert "nowhere" in refusal(degrade("plan", call[0], "nowhere"))
    assert "no_such" in refusal(degrade("plan", "no_such", call[1]))


def test_memory_is_what_dask_finds() -> None:
    assert machine_memory() == MEMORY_LIMIT


@pytest.mark.parametrize(("text", "limited"), [("1000000\n", True), ("max\n", False)])
def test_a_containers_limit_counts(
    text: str, limited: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = machine_memory()
    (tmp_path / "memory.max").write_text(text)
    limits = (tmp_path / "memory.max", tmp_path / "absent")
    monkeypatch.setattr("pipelines.recipes.plan.CGROUPS", limits)
    found = machine_memory()
    assert found == 1_000_000 if limited else found >= whole
