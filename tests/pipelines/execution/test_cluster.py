"""Where the work runs: nothing is lost, order does not matter, errors come back as they were."""

import random
import time
from functools import partial
from pathlib import Path
from typing import Any

import distributed
import pytest
from distributed import Client, LocalCluster

from degrade.errors import DegradeError, ImageRefused, SettingsError, StoreError
from degrade.kernels.estimator_settings import KernelSettings
from degrade.noise.mining import NoiseSettings
from pipelines.execution import streaming, workers
from pipelines.execution.cluster import connect, log_event
from pipelines.execution.stage_writer import per_task
from pipelines.execution.streaming import stream
from pipelines.execution.workers import gpu
from pipelines.stages.check import check_photos
from pipelines.stages.estimate_kernels import estimate_kernels
from pipelines.stages.mine_noise import mine_noise
from tests.cli.answers import refusal
from tests.conftest import Command
from tests.photos import contents, write_photos

seen: list[int] = []
"""What tasks in this process were called with."""


def note(number: int) -> int:
    seen.append(number)
    return number


def stumble(number: int) -> int:
    if len(seen) < 2:
        seen.append(number)
        raise RuntimeError("a passing fault")
    return note(number)


def square(number: int) -> int:
    return number * number


@pytest.fixture(params=["here", "dask"])
def runner(request: pytest.FixtureRequest) -> Any:
    """This process, without Dask and as a Dask worker."""
    return request.getfixturevalue("client" if request.param == "here" else "dask")


def log_shares(shares: list[float]) -> int:
    for share in shares:
        log_event("telling", share)
    return len(shares)


def test_what_a_task_logs_is_received(runner: Any) -> None:
    received: list[float] = []
    with streaming.subscribed(runner, "telling", received.append):
        assert list(stream(runner, log_shares, [[0.25, 0.5], [1.0]])) == [2, 1]
        while len(received) < 3:
            time.sleep(0.01)
    assert received == [0.25, 0.5, 1.0]
    assert list(stream(runner, log_shares, [[0.75]])) == [1]
    time.sleep(0.02)
    assert len(received) == 3, "nobody listens any more"


def test_this_process_hands_out_one_task_at_a_time(client: Any) -> None:
    seen.clear()
    results = stream(client, note, range(200))
    for number in range(10):
        assert next(results) == number == seen[-1]
    assert len(seen) == 10


def test_every_task_comes_back_once(runner: Any) -> None:
    assert sorted(stream(runner, square, range(500))) == [square(n) for n in range(500)]
    assert list(stream(runner, square, [])) == []
    assert list(stream(runner, square, [3])) == [9]


def test_only_a_window_of_tasks_is_submitted(dask: Client) -> None:
    seen.clear()
    results = stream(dask, note, range(200))
    for _ in range(10):
        next(results)
    time.sleep(0.05)
    window = streaming.IN_FLIGHT_PER_THREAD * sum(dask.nthreads().values())
    assert 10 <= len(seen) <= 10 + window
    assert len(list(results)) == 190


def slow_first(number: int) -> int:
    time.sleep(0.03 if number == 0 else 0)
    return number


def test_the_order_of_tasks_does_not_matter(runner: Any) -> None:
    tasks = list(range(40))
    random.Random(0).shuffle(tasks)
    assert sorted(stream(runner, slow_first, tasks)) == list(range(40))


def refuse(number: int) -> int:
    if number == 7:
        raise ImageRefused("seven.png", "is a seven")
    return number


def fail(error: Exception, number: int) -> int:
    raise error


def test_an_error_for_the_user_reaches_the_caller_as_it_was(runner: Any) -> None:
    with pytest.raises(ImageRefused, match=r"^seven.png: is a seven$") as refused:
        list(stream(runner, refuse, range(50)))
    assert (refused.value.name, refused.value.reason) == ("seven.png", "is a seven")
    with pytest.raises(StoreError, match=r"^s: full$"):
        list(stream(runner, partial(fail, StoreError("s: full")), range(3)))
    assert sorted(stream(runner, square, range(5))) == [0, 1, 4, 9, 16], "the client still works"


def test_a_defect_is_tried_again_and_then_raised(runner: Any) -> None:
    seen.clear()
    assert list(stream(runner, stumble, [5])) == [5]
    assert seen == [5, 5, 5]
    with pytest.raises(RuntimeError, match="lasting"):
        list(stream(runner, partial(fail, RuntimeError("lasting")), [1]))


def test_workers_and_scheduler_exclude_each_other(degrade: Command, photos: Path) -> None:
    said = refusal(degrade("check", photos, "--workers", 2, "--scheduler", "tcp://127.0.0.1:1"))
    assert said == "--workers and --scheduler exclude each other; give one of them"
    with pytest.raises(SettingsError, match="--workers -1: give 0"), connect(-1):
        pass


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:1", "nonsense", "foo://127.0.0.1:1"])
def test_a_scheduler_that_does_not_answer(
    degrade: Command, photos: Path, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    def impatient(where: str, timeout: str) -> Client:
        assert timeout == "10s"
        return Client(where, timeout="0.3s")

    monkeypatch.setattr(distributed, "Client", impatient)
    said = refusal(degrade("check", photos, "--scheduler", address))
    assert said.startswith(f"--scheduler {address}: no Dask scheduler answers there; start one")
    assert "--workers N" in said


def test_a_running_scheduler_is_used_and_left_running(
    degrade: Command, dask: Client, photos: Path
) -> None:
    inner = dask.cluster.scheduler.address  # type: ignore[union-attr]
    answer = degrade("check", photos, "--scheduler", inner)
    assert answer.code == 0, answer.err
    assert list(stream(dask, square, [2])) == [4]


def test_two_workers_give_the_bytes_of_one_process(
    tmp_path: Path, client: Any, two_workers: Client
) -> None:
    photos = write_photos(tmp_path / "photos", 10, 64, 80)
    assert len(two_workers.nthreads()) == 2
    fill(tmp_path / "two", photos, two_workers)
    with pytest.raises(DegradeError, match=r"^s: full$"):
        list(stream(two_workers, partial(fail, StoreError("s: full")), range(3)))
    fill(tmp_path / "one", photos, client)
    assert contents(tmp_path / "two") == contents(tmp_path / "one")


def fill(place: Path, photos: Path, client: Any) -> None:
    check_photos(str(place), client, source=photos)
    mine_noise(str(place), client, NoiseSettings(patch=16))
    settings = KernelSettings(scale=2, iterations=15, crop=40, shave=2, lanes=5)
    estimate_kernels(str(place), client, settings, device="cpu")


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "SECONDS_FOR_WORKERS", 0.5)
    monkeypatch.setattr(workers, "SECONDS_WITHOUT_WORKERS", 0.5)
    monkeypatch.setattr(workers, "SECONDS_BETWEEN_LOOKS", 0.1)


def test_workers_that_lack_what_a_task_needs(impatient: None) -> None:
    with LocalCluster(n_workers=1, processes=False, dashboard_address=None) as local:
        address = local.scheduler_address
        with connect(scheduler=address) as client:
            assert gpu(client, "cpu") == gpu(client, "auto") == {}
            with pytest.raises(SettingsError) as refused:
                list(stream(client, square, [1], gpu(client, "cuda")))
            assert str(refused.value) == (
                f"the Dask scheduler at {address} has no worker with GPU=1; start some with `dask "
                f"worker {address} --resources 'GPU=1'`, then run the same command again"
            )


def test_a_worker_that_has_it(runner: Any) -> None:
    assert gpu(runner, "cuda") == {}, "an own cluster's workers share this machine's"
    resources = {"GPU": 1}
    with (
        LocalCluster(
            n_workers=1, processes=False, dashboard_address=None, resources=resources
        ) as local,
        connect(scheduler=local.scheduler_address) as other,
    ):
        needs = gpu(other, "auto")
        assert needs == resources
        assert list(stream(other, square, [3], needs)) == [9]


def test_no_workers_at_all(impatient: None) -> None:
    with (
        LocalCluster(n_workers=0, processes=False, dashboard_address=None) as local,
        connect(scheduler=local.scheduler_address) as client,
        pytest.raises(SettingsError, match="has no workers; start some with `dask worker"),
    ):
        list(stream(client, square, [1]))


def test_all_workers_leave(impatient: None) -> None:
    with (
        LocalCluster(n_workers=1, processes=False, dashboard_address=None) as local,
        connect(scheduler=local.scheduler_address) as client,
    ):
        results = stream(client, slow, range(50))
        next(results)
        local.scale(0)
        with pytest.raises(SettingsError, match="has no workers"):
            list(results)


def slow(number: int) -> int:
    time.sleep(0.1)
    return number


def test_tasks_are_larger_where_there_are_thousands() -> None:
    sizes = [per_task(8, items) for items in (1, 100, 7_999, 8_000, 12_000, 100_000)]
    assert sizes == [8, 8, 8, 16, 24, 32]
