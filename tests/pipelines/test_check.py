"""The check: what `sources` holds, when it is taken over from before, and when it is refused."""

import hashlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from distributed import Client

from degrade.arrays import Image
from degrade.errors import NothingToDo, SettingsError, StoreError
from degrade.images.decode import DecodePolicy
from degrade.images.source_record import SourceRecord, inspect_file
from degrade.noise.mining import NoiseSettings
from degrade.store.contents import Sources
from degrade.store.reader import open_store
from pipelines.execution.stage_writer import TaskResults
from pipelines.stages import check as stage
from pipelines.stages.check import CheckReport, check_photos
from pipelines.stages.mine_noise import mine_noise
from tests.cli.answers import one_object, refusal
from tests.conftest import Command
from tests.photos import contents, make_photo, write_photos

NOISE = NoiseSettings(patch=16)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_photos(tmp_path / "photos", 3, 64, 80)


@pytest.fixture
def look(tmp_path: Path, folder: Path, client: Client) -> Callable[..., Sources]:
    """Check the folder and return the store's rows."""

    def call(**options: object) -> Sources:
        check_photos(str(tmp_path / "s"), client, **{"source": folder, **options})  # type: ignore[arg-type]
        return open_store(tmp_path / "s").sources()

    return call


def rows(sources: Sources, domain: str = "source") -> dict[str, str]:
    """Return the reason, or "ok", of every file."""
    return {
        str(path): str(reason) if status == "refused" else "ok"
        for path, status, reason, d in zip(
            sources.path, sources.status, sources.reason, sources.domain, strict=True
        )
        if d == domain
    }


def test_every_image_has_a_row_and_its_reason(look: Callable[..., Sources], folder: Path) -> None:
    (folder / "sub").mkdir()
    shutil.copy(folder / "photo 1.png", folder / "sub" / "copy.PNG")
    (folder / "torn.jpg").write_bytes(b"\xff\xd8\xff")
    (folder / "notes.txt").write_text("not an image")
    sources = look()
    assert rows(sources) == {
        "photo 0.png": "ok",
        "photo 1.png": "ok",
        "photo 2.png": "ok",
        "sub/copy.PNG": "has the same bytes as photo 1.png",
        "torn.jpg": "is truncated or damaged (its header cannot be read)",
    }
    assert sources.folders == {"source": str(folder.resolve())}
    assert [int(n) for n in sources.height] == [64, 64, 64, 64, 0]
    assert [int(n) for n in sources.width] == [80, 80, 80, 80, 0]
    assert len(sources.usable("source")) == 3


def test_a_copy_is_used_when_its_original_is_gone(
    look: Callable[..., Sources], folder: Path
) -> None:
    shutil.copy(folder / "photo 1.png", folder / "twin.png")
    assert rows(look())["twin.png"] == "has the same bytes as photo 1.png"
    (folder / "photo 1.png").unlink()
    assert rows(look()) == {"photo 0.png": "ok", "photo 2.png": "ok", "twin.png": "ok"}


def test_links_that_leave_the_folder_are_refused(
    look: Callable[..., Sources], folder: Path, tmp_path: Path
) -> None:
    other = write_photos(tmp_path / "other", 1, 48, 64)
    (folder / "leaves.png").symlink_to(other / "photo 0.png")
    (folder / "away").symlink_to(other)
    (folder / "nowhere.png").symlink_to(folder / "missing.png")
    (folder / "stays.png").symlink_to(folder / "photo 0.png")
    found = rows(look())
    assert found["leaves.png"] == found["away"] == "is a link that leads out of the folder"
    assert found["nowhere.png"].startswith("is a link to nothing")
    assert found["stays.png"] == "has the same bytes as photo 0.png"
    assert not any("other" in path for path in found)


def test_an_unchanged_folder_leaves_the_stores_bytes(
    look: Callable[..., Sources], tmp_path: Path
) -> None:
    look()
    before = contents(tmp_path / "s")
    look()
    assert contents(tmp_path / "s") == before
    assert not any(".parts" in name for name in before)


def test_the_same_answer_twice(degrade: Command, folder: Path) -> None:
    from PIL import Image

    Image.fromarray(make_photo(9, 64, 80)).convert("L").save(folder / "gray.png")
    first = one_object(degrade("check", folder, "--json"))
    again = one_object(degrade("check", folder, "--json"))
    assert first["notes"] == [["gray.png", "gray, expanded to three equal channels"]]
    assert again["notes"] == first["notes"]


def count_decoding(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Note which files are decoded from now on."""
    decoded: list[str] = []

    def noting(
        folder: Path, relative: str, policy: DecodePolicy, least: int
    ) -> tuple[SourceRecord, Image | None]:
        decoded.append(relative)
        return inspect_file(folder, relative, policy, least)

    monkeypatch.setattr(stage, "inspect_file", noting)
    return decoded


def test_only_new_and_changed_files_are_decoded(
    look: Callable[..., Sources], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    look()
    decoded = count_decoding(monkeypatch)
    write_photos(folder / "new", 1, 96, 80)
    shutil.copy(folder / "photo 0.png", folder / "photo 2.png")
    found = look()
    assert sorted(decoded) == ["new/photo 0.png", "photo 2.png"]
    assert rows(found)["photo 2.png"] == "has the same bytes as photo 0.png"


def test_another_policy_decodes_all_again(
    look: Callable[..., Sources], monkeypatch: pytest.MonkeyPatch
) -> None:
    look()
    decoded = count_decoding(monkeypatch)
    policy = DecodePolicy(sixteen_bit="reduce")
    assert look(policy=policy).policy == policy.model_dump(mode="json")
    assert len(decoded) == 3
    assert look().policy["sixteen_bit"] == "reduce", "without a policy the store's is kept"


def killed_check(
    look: Callable[..., Sources], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Check until the parts are there, and stop before they are assembled."""

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(TaskResults, "result", stop)
        look()
    assert list((tmp_path / "s" / ".parts").rglob("*.npz"))


def test_a_killed_check_goes_on(
    look: Callable[..., Sources], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    killed_check(look, monkeypatch, tmp_path)
    decoded = count_decoding(monkeypatch)
    assert set(rows(look()).values()) == {"ok"}
    assert decoded == [], "what the killed check had read is not read again"
    assert not list((tmp_path / "s").rglob("*.npz"))


def test_what_a_killed_check_read_of_a_changed_file_is_read_again(
    look: Callable[..., Sources],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    folder: Path,
) -> None:
    killed_check(look, monkeypatch, tmp_path)
    changed = folder / "photo 1.png"
    data = changed.read_bytes()
    changed.write_bytes(data[:-1] + b"\0")
    os.utime(changed, ns=(0, 0))
    assert look().sha256[1] == hashlib.sha256(changed.read_bytes()).hexdigest()


def test_changed_photos_are_refused_once_later_stages_stand_on_them(
    look: Callable[..., Sources], folder: Path, tmp_path: Path, client: Client
) -> None:
    look()
    (folder / "photo 2.png").unlink()
    look()
    mine_noise(str(tmp_path / "s"), client, NOISE)
    before = contents(tmp_path / "s")
    write_photos(folder / "more", 1, 48, 64)
    with pytest.raises(StoreError, match=r"1 photos changed \(first: more/photo 0.png\)") as error:
        look()
    assert "since noise were made from them: 1 added (more/photo 0.png)" in str(error.value)
    assert "pass --overwrite" in str(error.value)
    assert contents(tmp_path / "s") == before
    assert "more/photo 0.png" in rows(look(overwrite=True))
    with pytest.raises(StoreError, match="noise: was made with other photos than now; pass --over"):
        mine_noise(str(tmp_path / "s"), client, NOISE)


def test_source_and_target_are_kept_apart(
    look: Callable[..., Sources], folder: Path, tmp_path: Path
) -> None:
    clean = write_photos(tmp_path / "clean", 4, 48, 64)
    (clean / "photo 0.png").write_bytes((folder / "photo 0.png").read_bytes())
    both = look(target=clean)
    assert len(rows(both)) == 3 and len(rows(both, "target")) == 4
    assert set(both.folders) == {"source", "target"}
    write_photos(folder / "new", 1, 96, 80)
    again = look()
    assert len(rows(again)) == 4 and rows(again, "target") == rows(both, "target")


def test_the_store_remembers_its_folder(degrade: Command, folder: Path) -> None:
    assert degrade("check", folder).code == 0
    for arguments in (("check",), ("mine-noise", "--patch", 16)):
        assert degrade(*arguments).code == 0
    small = ("--scale", 2, "--tile", 16, "--kernels", "bicubic")
    assert degrade("build-pairs", *small).code == 0
    (folder / "photo 2.png").write_bytes((folder / "photo 0.png").read_bytes())
    said = refusal(degrade("check", folder))
    assert "photo 2.png" in said and "noise, pairs" in said and "--overwrite" in said
    said = refusal(degrade("build-pairs", *small, "--cleanup", 1, "--overwrite"))
    assert "photo 2.png: changed since it was checked" in said


def test_what_cannot_be_checked_is_said(tmp_path: Path, client: Client) -> None:
    with pytest.raises(SettingsError, match="knows no photos yet; name a folder"):
        check_photos(str(tmp_path / "s"), client, source=None)
    with pytest.raises(NothingToDo, match="not a folder"):
        check_photos(str(tmp_path / "s"), client, source=tmp_path / "none")
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "a.png").write_bytes(b"")
    with pytest.raises(NothingToDo, match=r"none of 1 images .* a\.png, because it is empty"):
        check_photos(str(tmp_path / "s"), client, source=tmp_path / "bad")


def test_a_report_counts_what_it_lists(folder: Path, tmp_path: Path, client: Client) -> None:
    (folder / "bad.png").write_bytes(b"")
    (folder / "list.txt").write_text("x")
    report: CheckReport = check_photos(str(tmp_path / "s"), client, source=folder)
    assert report.summary() == {
        "usable": {"source": 3, "target": 0},
        "not_images": {"source": 1},
        "left_alone": {"source": {}},
        "reader_missing": {"source": {}},
        "refused": [["bad.png", "is empty (0 bytes)"]],
        "near_duplicates": [],
        "cameras": {},
        "changes": {},
    }
