"""Checking one file: a record for every file, however bad."""

import hashlib
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from degrade.images.decode import DecodePolicy
from degrade.images.source_record import SourceRecord, check_file, inspect_file
from tests.degrade.images.samples import encoded, smooth_photo

PHOTO = smooth_photo()


def check(path: Path, data: bytes | None = None, min_side: int = 1) -> SourceRecord:
    if data is not None:
        path.write_bytes(data)
    return check_file(path.parent, path.name, DecodePolicy(), min_side)


def test_a_good_file(tmp_path: Path) -> None:
    data = encoded(PHOTO, "PNG")
    (tmp_path / "sub folder").mkdir()
    (tmp_path / "sub folder" / "é.PNG").write_bytes(data)
    record = check_file(tmp_path, "sub folder/é.PNG", min_side=48)
    digest = hashlib.sha256(data).hexdigest()
    assert record == SourceRecord("sub folder/é.PNG", digest, 48, 64, "ok", "", ())


def test_size_is_the_size_after_rotation(tmp_path: Path) -> None:
    image = Image.fromarray(PHOTO)
    exif = image.getexif()
    exif[274] = 6
    record = check(tmp_path / "a.jpg", encoded(image, "JPEG", exif=exif))
    assert (record.height, record.width) == (64, 48)
    assert record.notes == ("turned upright (EXIF orientation 6)",)


def test_too_small_keeps_its_size(tmp_path: Path) -> None:
    record = check(tmp_path / "a.png", encoded(PHOTO, "PNG"), min_side=49)
    assert (record.status, record.height, record.width) == ("refused", 48, 64)
    assert record.reason == "64x48 has a side of less than 49 pixels, too small to use"


@pytest.mark.parametrize("form", ["PNG", "JPEG"])
def test_zero_bytes_and_truncated(tmp_path: Path, form: str) -> None:
    data = encoded(PHOTO, form)
    empty = check(tmp_path / f"empty.{form}", b"")
    cut = check(tmp_path / f"cut.{form}", data[: len(data) * 2 // 3])
    assert (empty.status, empty.reason) == ("refused", "is empty (0 bytes)")
    assert empty.sha256 == hashlib.sha256(b"").hexdigest()
    assert cut.status == "refused"
    assert cut.reason.startswith("is truncated or damaged (")
    assert (cut.height, cut.width, cut.notes) == (0, 0, ())


def test_sameness_is_noted_and_not_refused(tmp_path: Path) -> None:
    ramp = np.repeat(np.arange(48, dtype=np.uint8)[:, None, None], 64, axis=1).repeat(3, axis=2)
    for pixels, note in (
        (np.full_like(PHOTO, 7), "flat: all pixels are equal"),
        (ramp, "constant along its width: all columns are equal"),
        (ramp.swapaxes(0, 1), "constant along its height: all rows are equal"),
    ):
        record = check(tmp_path / "a.png", encoded(np.ascontiguousarray(pixels), "PNG"))
        assert (record.status, record.notes) == ("ok", (note,))


def test_what_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "folder.png").mkdir()
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "broken.png").symlink_to(tmp_path / "gone.png")
    (tmp_path / "loop.png").symlink_to(tmp_path / "loop.png")
    (tmp_path / "out.png").symlink_to("/etc/hostname")
    reasons = {
        "folder.png": "is not a regular file",
        "pipe.png": "is not a regular file",
        "gone.png": "is not there (was it moved or deleted?)",
        "broken.png": "is a link to nothing (was it moved or deleted?)",
        "out.png": f"leads out of {tmp_path} (copy the file into the folder)",
        "../x.png": f"leads out of {tmp_path} (copy the file into the folder)",
    }
    for name, reason in reasons.items():
        record = check_file(tmp_path, name)
        assert record == SourceRecord(name, "", 0, 0, "refused", reason, ())
    assert check_file(tmp_path, "loop.png").status == "refused"
    assert check_file(tmp_path, "nul\0.png").status == "refused"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_no_permission(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(encoded(PHOTO, "PNG"))
    path.chmod(0)
    assert check(path).reason == "cannot be read (Permission denied)"


def test_unreadable_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.png").write_bytes(b"x")

    def fail(path: Path, flags: int) -> int:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "open", fail)
    assert check_file(tmp_path, "a.png").reason == "cannot be read (Input/output error)"


def test_who_chooses_none_computes_no_scores(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.png").write_bytes(encoded(PHOTO, "PNG"))
    judged, pixels = inspect_file(tmp_path, "a.png")
    monkeypatch.setattr("degrade.images.source_record.scores_of", None)
    monkeypatch.setattr("degrade.images.source_record.thumbnail", None)
    record, same = inspect_file(tmp_path, "a.png", judged=False)
    assert pixels is not None and same is not None and np.array_equal(same, pixels)
    assert record == judged, "scores do not count in comparisons"
    assert judged.scores and not record.scores and not record.thumbnail
