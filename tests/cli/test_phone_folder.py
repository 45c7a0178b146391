"""A phone's folder as it is: every file is read, noted, left alone or refused, and all add up."""

import json
from pathlib import Path
from typing import Any

import pytest
from distributed import Client

from degrade.images import formats
from degrade.images.exif import NO_EXIF
from degrade.store.reader import open_store
from tests import phone_folder
from tests.cli.answers import one_object
from tests.conftest import Command

MADE = phone_folder.make()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return MADE.write(tmp_path / "phone")


def test_every_file_is_accounted_for(degrade: Command, folder: Path) -> None:
    answer = one_object(degrade("check", folder, "--json"))
    refused, notes = dict(answer["refused"]), dict(answer["notes"])
    assert answer["usable"]["source"] == len(MADE.used)
    assert refused.keys() == MADE.refused.keys()
    for name, (_, why) in MADE.refused.items():
        assert why in refused[name], name
    for name, (_, note) in MADE.used.items():
        assert note in notes[name] if note else name not in notes, name
    kinds = [kind for _, kind in MADE.left.values()]
    assert answer["left_alone"]["source"] == {
        kind: kinds.count(kind) for kind in sorted(set(kinds))
    }
    assert answer["not_images"]["source"] == len(MADE.others)
    assert answer["reader_missing"]["source"] == {}
    alike = [{path for _, path in group} for group in answer["near_duplicates"]]
    assert sorted(map(sorted, alike)) == sorted(map(sorted, MADE.alike))
    named = {name: count for name, count in answer["cameras"].items() if name != NO_EXIF}
    assert named == MADE.cameras
    assert sum(answer["cameras"].values()) == len(MADE.used)
    assert added_up(answer) == MADE.count() == sum(p.is_file() for p in folder.rglob("*"))


def added_up(answer: dict[str, Any]) -> int:
    """Return how many files an answer accounts for."""
    usable, others = answer["usable"]["source"], answer["not_images"]["source"]
    missing = (one["files"] for one in answer["reader_missing"]["source"].values())
    left = answer["left_alone"]["source"].values()
    return int(usable + len(answer["refused"]) + sum(left) + others + sum(missing))


def test_the_answer_is_the_same_again_and_with_workers(
    degrade: Command, folder: Path, tmp_path: Path, two_workers: Client
) -> None:
    first = one_object(degrade("check", folder, "--json"))
    again = one_object(degrade("check", folder, "--json"))
    known = one_object(degrade("check", "--json"))
    there = ("--store", tmp_path / "w.zarr", "--scheduler", two_workers.scheduler.address)
    shared = degrade("check", folder, *there, "--json")
    for other in (again, known, one_object(shared)):
        for answer in (first, other):
            answer["forecast"].pop("free_bytes", None)
        assert json.dumps(other) == json.dumps(first)


def test_the_text_names_kinds_once(degrade: Command, folder: Path) -> None:
    said = degrade("check", folder).out
    assert f"source: {len(MADE.used)} of {len(MADE.used) + len(MADE.refused)} images usable" in said
    assert f"{len(MADE.left)} files were left alone by name (1 ._*, 1 .picasaoriginals, " in said
    assert f"{len(MADE.others)} other files are no images by their name" in said


def test_missing_readers_are_named_once_with_their_files(
    degrade: Command, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(formats, "_is_installed", lambda module: False)
    (folder / "one.HEIC").write_bytes(b"")
    (folder / "two.heic").write_bytes(b"")
    (folder / "three.dng").write_bytes(b"")
    heics = len(MADE.suffixed({".heic"})) + 2
    answer = one_object(degrade("check", folder, "--json"))
    missing = answer["reader_missing"]["source"]
    assert missing[".heic"] == {"files": heics, "install": 'pip install "degrade[heic]"'}
    assert missing[".dng"]["install"] == 'pip install "degrade[raw]"'
    assert added_up(answer) == MADE.count() + 3
    line = f'{heics} .heic files cannot be read yet: pip install "degrade[heic]"'
    assert degrade("check", folder).out.count(line) == 1
    other = ("--store", tmp_path / "other.zarr")
    built = degrade("build-pairs", folder, "--kernels", "bicubic", "--tile", 32, *other)
    assert built.code == 0 and built.err.count(line) == 1
    alone = tmp_path / "alone"
    alone.mkdir()
    (alone / "a.heic").write_bytes(b"")
    said = degrade("check", alone, "--store", tmp_path / "third.zarr")
    assert said.code == 1 and "a.heic" not in said.err
    assert 'holds no images (1 .heic files cannot be read yet: pip install "degrade[heic]")' in (
        said.err
    )


def test_from_the_folder_to_a_store(degrade: Command, folder: Path, tmp_path: Path) -> None:
    command = ("build-pairs", folder, "--kernels", "bicubic", "--scale", 2, "--tile", 32)
    assert degrade(*command).code == 0
    store = open_store(tmp_path / "degrade.zarr")
    sources, pairs = store.sources(), store.pairs(2)
    paired = {str(sources.path[row]) for row in set(pairs.source.tolist())}
    assert paired == MADE.used.keys()
