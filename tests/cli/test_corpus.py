"""A folder of bad files: no crash, no hang, each named with its reason, the good ones go on."""

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from degrade.images import files
from degrade.images.source_record import check_file
from degrade.store.reader import open_store
from tests.cli.answers import one_object, refusal
from tests.cli.corpus import EITHER, ODD_NAMES, USED, encoded, photo, write_corpus
from tests.conftest import Command

pytestmark = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs POSIX pipes and links")
STAGES = (
    ("estimate-kernels", "--scale", 2),
    ("mine-noise", "--patch", 32),
    ("build-pairs", "--scale", 2, "--tile", 32),
)


@pytest.fixture(autouse=True)
def _no_hang() -> Iterator[None]:
    """Fail what waits for a pipe or never ends."""

    def hung(*_: object) -> None:
        raise AssertionError("hangs")

    before = signal.signal(signal.SIGALRM, hung)
    signal.alarm(120)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def surprises(expected: dict[str, str], refused: dict[str, str]) -> dict[str, str | None]:
    """Return the files that were used or refused otherwise than expected."""
    found = {name: refused.get(name) for name in expected}
    as_reported = {
        name: why == EITHER or (got is None if why == USED else got is not None and why in got)
        for (name, why), got in zip(expected.items(), found.values(), strict=True)
    }
    return {name: found[name] for name, reported in as_reported.items() if not reported}


def test_each_bad_file_is_named_and_the_good_ones_go_through_every_stage(
    degrade: Command, tmp_path: Path
) -> None:
    expected = write_corpus(tmp_path / "photos", tmp_path / "outside", seed=0)
    assert sum(why != USED for why in expected.values()) >= 60
    answer = one_object(degrade("check", "photos", "--json"))
    refused = dict(answer["refused"])
    assert surprises(expected, refused) == {}
    assert refused.keys() <= expected.keys()
    assert answer["usable"]["source"] == len(expected) - len(refused)
    sources = open_store(tmp_path / "degrade.zarr").sources()
    assert sorted(sources.path) == sorted(expected)
    recorded = zip(sources.path, sources.status, sources.reason, strict=True)
    assert {p: why for p, status, why in recorded if status == "refused"} == refused
    lines = degrade("check", "photos").out.splitlines()
    assert sum(line.startswith("  refused ") for line in lines) == len(refused)
    assert all(line.isprintable() for line in lines)
    for stage, *options in STAGES:
        done = degrade(stage, "photos", *options)
        assert done.code == 0, done
        assert all(line.isprintable() for line in done.out.splitlines())
    store = open_store(tmp_path / "degrade.zarr")
    usable = set(store.sources().usable("source"))
    assert set(store.kernels(2).source) == usable
    assert store.kernels(2).accepted.any()
    assert set(store.noise().source) <= usable
    assert {str(sources.path[row]) for row in store.pairs(2).source} >= set(ODD_NAMES)


def test_the_plan_of_such_a_folder(degrade: Command, tmp_path: Path) -> None:
    write_corpus(tmp_path / "photos", tmp_path / "outside", seed=0)
    (tmp_path / "mine.yaml").write_text(
        "name: mine\nscale: 2\nstages: {noise: {patch: 32}, pairs: {tile: 32, kernels: bicubic}}\n"
    )
    done = degrade("plan", "mine.yaml", "photos")
    assert done.code == 0, done
    assert all(line.isprintable() for line in done.out.splitlines())


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 31))
def test_other_damage(degrade: Command, tmp_path: Path, seed: int) -> None:
    expected = write_corpus(tmp_path / "photos", tmp_path / "outside", seed)
    refused = dict(one_object(degrade("check", "photos", "--json"))["refused"])
    assert surprises(expected, refused) == {}
    assert refused.keys() <= expected.keys()


def grows(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"more")


def shrinks(path: Path) -> None:
    os.truncate(path, 100)


def is_rewritten(path: Path) -> None:
    later = path.stat().st_mtime_ns + 10**6
    os.utime(path, ns=(later, later))


@pytest.mark.parametrize("change", [grows, shrinks, is_rewritten])
def test_a_file_that_changes_while_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: Callable[[Path], None]
) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(encoded("PNG", photo(0)))
    status = os.fstat

    def change_after(descriptor: int) -> os.stat_result:
        found = status(descriptor)
        change(path)
        return found

    monkeypatch.setattr(files.os, "fstat", change_after)
    reason = check_file(tmp_path, "a.png").reason
    assert reason == "changed while it was being read (run the command again)"


def test_a_file_that_vanishes_before_it_is_read(
    degrade: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "photos").mkdir()
    for number in range(3):
        (tmp_path / "photos" / f"{number}.png").write_bytes(encoded("PNG", photo(number)))
    (tmp_path / "photos" / "0.png").rename(tmp_path / "photos" / "gone.png")
    listed = files.open_regular

    def remove_first(path: Path, name: str) -> object:
        if name == "gone.png":
            path.unlink()
        return listed(path, name)

    monkeypatch.setattr(files, "open_regular", remove_first)
    answer = one_object(degrade("check", "photos", "--json"))
    assert answer["refused"] == [["gone.png", "is not there (was it moved or deleted?)"]]
    assert answer["usable"]["source"] == 2


def make_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (grows, "changed since it was checked"),
        (shrinks, "changed since it was checked"),
        (Path.unlink, "cannot be read any more (No such file or directory)"),
        (make_pipe, "is not a regular file"),
    ],
)
def test_a_file_that_changes_between_the_stages_stops_them_with_one_line(
    degrade: Command, tmp_path: Path, change: Callable[[Path], None], what: str
) -> None:
    (tmp_path / "photos").mkdir()
    path = tmp_path / "photos" / "a.png"
    path.write_bytes(encoded("PNG", photo(0)))
    degrade("check", "photos")
    change(path)
    said = refusal(degrade("mine-noise", "--patch", 32))
    assert f"a.png: {what}; put the file back, or run `degrade check SRC --overwrite`" in said


@pytest.mark.parametrize("name", ["two\nlines", os.fsdecode(b"\xff\xfe"), "-v", "\u202ename"])
def test_folders_of_odd_names(degrade: Command, tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    said = refusal(degrade("check", tmp_path / name))
    assert "holds no images" in said and said.isprintable()
    (tmp_path / name / "a.png").write_bytes(encoded("PNG", photo(0)))
    assert degrade("check", tmp_path / name).code == 0
    assert degrade("mine-noise", "--patch", 32).code == 0
