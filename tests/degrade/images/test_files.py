"""Which files of a folder are taken, and that nothing outside it is."""

import os
from pathlib import Path

import pytest

from degrade.errors import ImageRefused, NothingToDo
from degrade.images.files import find_files, resolve_inside


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def test_every_suffix_in_any_case_in_every_subfolder_sorted(tmp_path: Path) -> None:
    names = ["a.PNG", "b.jpg", "b.JPEG", "deep/er/c.WebP", "deep/d e.tif", "ü/é.TIFF", "z.bmp"]
    touch(tmp_path, *names, "notes.txt", "deep/list.csv", ".hidden/x.png", "._z.png", "noext")
    listing = find_files(tmp_path)
    assert list(listing.images) == sorted(names)
    assert listing.others == 3
    assert listing.left == {"._*": 1, "hidden": 1}
    assert listing.outside == listing.unreadable == ()


def test_empty_folder_and_text_files_give_no_images(tmp_path: Path) -> None:
    assert find_files(tmp_path).images == ()
    touch(tmp_path, "a.txt", "b.md")
    listing = find_files(tmp_path)
    assert (listing.images, listing.others) == ((), 2)


def test_no_folder_is_refused_by_name(tmp_path: Path) -> None:
    touch(tmp_path, "a.png")
    for path in (tmp_path / "absent", tmp_path / "a.png"):
        with pytest.raises(NothingToDo) as refused:
            find_files(path)
        assert str(refused.value) == f"{path}: not a folder; give the folder that holds the photos"


def test_links_out_are_named_and_links_inside_are_taken_once(tmp_path: Path) -> None:
    outside, folder = tmp_path / "outside", tmp_path / "photos"
    touch(outside, "secret.png")
    touch(folder, "sub/a.png")
    (folder / "leaves.png").symlink_to(outside / "secret.png")
    (folder / "leaves.txt").symlink_to(outside / "secret.png")
    (folder / "leaving").symlink_to(outside, target_is_directory=True)
    (folder / "again").symlink_to(folder / "sub", target_is_directory=True)
    (folder / "copy.png").symlink_to(folder / "sub" / "a.png")
    (folder / "nothing.png").symlink_to(folder / "gone.png")
    (folder / "loop.png").symlink_to(folder / "loop.png")
    listing = find_files(folder)
    assert listing.images == ("copy.png", "loop.png", "nothing.png", "sub/a.png")
    assert listing.outside == ("leaves.png", "leaving")
    assert listing.others == 1


def test_folders_and_pipes_named_like_images(tmp_path: Path) -> None:
    touch(tmp_path, "folder.png/inner.png")
    os.mkfifo(tmp_path / "pipe.png")
    listing = find_files(tmp_path)
    assert (listing.images, listing.others) == (("folder.png/inner.png", "pipe.png"), 0)


def test_a_name_that_is_not_unicode_is_reported(tmp_path: Path) -> None:
    try:
        (tmp_path / os.fsdecode(b"caf\xe9.png")).touch()
    except OSError:
        pytest.skip("this file system takes only Unicode names")
    listing = find_files(tmp_path)
    assert (listing.images, listing.unreadable) == ((), ("caf\ufffd.png",))
    (tmp_path / os.fsdecode(b"\xe9")).mkdir()
    (tmp_path / os.fsdecode(b"\xe9") / "a.png").touch()
    assert find_files(tmp_path).unreadable == ("caf\ufffd.png", "\ufffd/a.png")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may list every folder")
def test_a_folder_that_may_not_be_listed_is_reported(tmp_path: Path) -> None:
    touch(tmp_path, "closed/a.png")
    (tmp_path / "closed").chmod(0)
    assert find_files(tmp_path).unreadable == ("closed",)
    (tmp_path / "closed").chmod(0o755)


def test_resolve_inside(tmp_path: Path) -> None:
    touch(tmp_path, "photos/a b.png", "secret.png")
    folder = tmp_path / "photos"
    (folder / "leaves.png").symlink_to(tmp_path / "secret.png")
    assert resolve_inside(folder, "a b.png") == (folder / "a b.png").resolve()
    for relative in ("../secret.png", str(tmp_path / "secret.png"), "leaves.png"):
        with pytest.raises(ImageRefused) as refused:
            resolve_inside(folder, relative)
        assert refused.value.reason == f"leads out of {folder} (copy the file into the folder)"
