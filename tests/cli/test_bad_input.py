"""Bad input through the command line: one line that says what, where and what to do; exit 1."""

import io
import json
import os
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import zarr
from PIL import Image as Pillow

from degrade.store.backend import open_for_writing
from degrade.store.reader import open_store
from tests.cli.answers import one_object, refusal
from tests.conftest import Command
from tests.photos import contents, make_photo, write_photos

PHOTO = make_photo(7, 96, 112)


def encoded(form: str, image: Pillow.Image | None = None, **options: object) -> bytes:
    file = io.BytesIO()
    (image or Pillow.fromarray(PHOTO)).save(file, form, **options)
    return file.getvalue()


def transparent() -> bytes:
    image = Pillow.fromarray(PHOTO).convert("RGBA")
    image.putalpha(Pillow.fromarray(PHOTO[..., 0]))
    return encoded("PNG", image)


def turned() -> bytes:
    exif = Pillow.Exif()
    exif[274] = 6
    return encoded("JPEG", exif=exif)


def sixteen_bit() -> bytes:
    values = np.multiply(PHOTO[..., ::-1], 257, dtype=np.uint16)
    return bytes(cv2.imencode(".png", values)[1])


BAD: dict[str, tuple[bytes, str]] = {
    "zero.png": (b"", "is empty (0 bytes)"),
    "zero.jpg": (b"", "is empty (0 bytes)"),
    "cut.png": (encoded("PNG")[:-400], "truncated"),
    "cut.jpg": (encoded("JPEG", quality=95)[:-400], "truncated"),
    "stub.png": (encoded("PNG")[:20], "truncated"),
    "letter.png": (b"Dear photo,\n", "contains no PNG"),
    "tiny.png": (encoded("PNG", Pillow.new("RGB", (40, 8))), "side of less than 16 pixels"),
    "alpha.png": (transparent(), "pass --alpha white or --alpha black"),
    "print.jpg": (
        encoded("JPEG", Pillow.fromarray(PHOTO).convert("CMYK")),
        "is CMYK (pass --cmyk convert",
    ),
}
ODD: dict[str, tuple[bytes, str, tuple[str, ...]]] = {
    "gray.png": (
        encoded("PNG", Pillow.fromarray(PHOTO).convert("L")),
        "expanded to three equal channels",
        ("--gray", "refuse"),
    ),
    "deep.png": (sixteen_bit(), "", ("--sixteen-bit", "refuse")),
    "palette.png": (encoded("PNG", Pillow.fromarray(PHOTO).quantize(64)), "", ()),
    "turned.jpg": (turned(), "turned upright (EXIF orientation 6)", ()),
    "flat.png": (encoded("PNG", Pillow.new("RGB", (112, 96), (9, 9, 9))), "flat", ()),
    "bars.png": (
        encoded("PNG", Pillow.fromarray(np.repeat(PHOTO[:1], 96, axis=0))),
        "constant along its height",
        (),
    ),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_photos(tmp_path / "photos", 1, 96, 112)


@pytest.mark.parametrize("files", [[], ["letter.txt", "list.csv"]])
def test_a_folder_without_images(degrade: Command, tmp_path: Path, files: list[str]) -> None:
    (tmp_path / "empty").mkdir()
    for name in files:
        (tmp_path / "empty" / name).write_text("text")
    said = refusal(degrade("check", "empty"))
    assert said.startswith("empty: holds no images")
    assert "expected png jpg jpeg webp tif tiff bmp" in said
    assert ("2 other files" in said) == bool(files)


def test_a_folder_that_is_none(degrade: Command, tmp_path: Path) -> None:
    (tmp_path / "photo.png").write_bytes(encoded("PNG"))
    for place in ("nowhere", "photo.png"):
        assert refusal(degrade("check", place)) == (
            f"{place}: not a folder; give the folder that holds the photos"
        )
    assert not (tmp_path / "degrade.zarr").exists(), "a mistyped folder leaves no store behind"


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_named_and_the_others_go_on(
    degrade: Command, folder: Path, name: str
) -> None:
    data, reason = BAD[name]
    (folder / name).write_bytes(data)
    answer = one_object(degrade("check", folder, "--json"))
    assert answer["usable"]["source"] == 1
    ((path, why),) = answer["refused"]
    assert path == name and reason in why
    assert f"refused {name}: {why}" in degrade("check", folder).out


@pytest.mark.parametrize("name", BAD)
def test_nothing_but_a_bad_file(degrade: Command, tmp_path: Path, name: str) -> None:
    data, reason = BAD[name]
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / name).write_bytes(data)
    said = refusal(degrade("check", "bad"))
    assert "bad: none of 1 images can be used" in said and name in said and reason in said


@pytest.mark.parametrize("name", ODD)
def test_an_odd_file_is_used_and_noted_or_refused_by_option(
    degrade: Command, folder: Path, name: str
) -> None:
    data, note, refuse = ODD[name]
    (folder / name).write_bytes(data)
    answer = one_object(degrade("check", folder, "--keep", "", "--json"))
    assert answer["usable"]["source"] == 2 and answer["refused"] == []
    assert note in dict(answer["notes"]).get(name, "")
    if refuse:
        answer = one_object(degrade("check", folder, *refuse, "--json"))
        assert answer["usable"]["source"] == 1
        ((path, why),) = answer["refused"]
        assert path == name and f"pass {refuse[0]}" in why


@pytest.mark.parametrize(
    ("name", "accept"),
    [("alpha.png", ("--alpha", "white")), ("print.jpg", ("--cmyk", "convert"))],
)
def test_a_refused_kind_is_accepted_by_option(
    degrade: Command, folder: Path, name: str, accept: tuple[str, str]
) -> None:
    (folder / name).write_bytes(BAD[name][0])
    answer = one_object(degrade("check", folder, *accept, "--json"))
    assert answer["usable"]["source"] == 2 and answer["refused"] == []


def test_a_turned_photo_counts_upright(degrade: Command, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "turned.jpg").write_bytes(turned())
    degrade("check", "photos")
    sources = open_store(tmp_path / "degrade.zarr").sources()
    assert (sources.height[0], sources.width[0]) == (112, 96)


def test_a_decompression_bomb_is_refused_by_its_header(degrade: Command, folder: Path) -> None:
    (folder / "bomb.png").write_bytes(encoded("PNG", Pillow.new("1", (20_000, 20_000))))
    ((path, why),) = one_object(degrade("check", folder, "--json"))["refused"]
    assert path == "bomb.png" and "more than the limit of 200000000" in why


def test_photos_no_kernel_can_be_learned_from_are_named(degrade: Command, folder: Path) -> None:
    for name in ("flat.png", "bars.png"):
        (folder / name).write_bytes(ODD[name][0])
    write_photos(folder / "small", 1, 64, 90)
    assert degrade("check", folder, "--keep", "").code == 0
    command = ("estimate-kernels", folder, "--scale", 2, "--iterations", 15, "--json")
    made = degrade(*command)
    assert made.code == 1
    assert "none of 4 kernels was accepted, the first, of bars.png, because: const" in made.err
    answer = json.loads(made.out)
    refused = dict(answer["refused"])
    assert (answer["kernels"], answer["estimator"]) == (4, "kernelgan")
    assert refused["flat.png"] == "flat: all pixels have one value"
    assert refused["bars.png"].startswith("constant along one axis")
    assert "90x64 pixels, too small" in refused["small/photo 0.png"]
    assert "each side needs 86 or more" in refused["small/photo 0.png"]


def test_no_usable_kernel_stops_the_pairs(degrade: Command, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "flat.png").write_bytes(ODD["flat.png"][0])
    assert degrade("check", "photos", "--keep", "").code == 0
    degrade("estimate-kernels", "photos", "--scale", 2, "--iterations", 15)
    said = refusal(degrade("build-pairs", "--scale", 2, "--tile", 16))
    assert "none of 1 kernels was accepted (the first because: flat" in said
    assert "--kernels bicubic" in said


def test_flat_photos_hold_no_noise(degrade: Command, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "flat.png").write_bytes(ODD["flat.png"][0])
    said = refusal(degrade("mine-noise", "photos", "--patch", 32))
    assert "flat.png, because it is left out by its scores (flat 1, not <= 0.7); say" in said
    assert degrade("check", "photos", "--keep", "").code == 0
    said = refusal(degrade("mine-noise", "photos", "--patch", 32))
    assert "no noise patch among 12 windows" in said and "12 by min_variance" in said


FAULTS = {
    "unknown key": ("stages: {pairs: {tiles: 32}}", ["stages.pairs.tiles: unknown key"]),
    "wrong type": ("stages: {pairs: {tile: large}}", ["stages.pairs.tile: ", "not 'large'"]),
    "all at once": (
        "colour: red\nstages: {kernels: {iterations: 3}, pairs: {valid: 2, tile: [1]}}",
        ["colour: unknown key", "stages.kernels.iterations", "stages.pairs.valid", "pairs.tile"],
    ),
    "no stages": ("", ["stages: missing"]),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_faults_of_a_recipe_are_listed_by_field(
    degrade: Command, folder: Path, tmp_path: Path, fault: str
) -> None:
    text, expected = FAULTS[fault]
    (tmp_path / "recipe.yaml").write_text(f"name: mine\nscale: 2\n{text}\n")
    said = refusal(degrade("run", "recipe.yaml", folder))
    assert said.startswith("recipe.yaml: ")
    for part in expected:
        assert part in said
    assert not (tmp_path / "degrade.zarr").exists()


STORE_VERBS: dict[str, Callable[[Path], tuple[object, ...]]] = {
    "check": lambda folder: ("check", folder),
    "estimate-kernels": lambda folder: ("estimate-kernels", folder, "--iterations", 15),
    "mine-noise": lambda folder: ("mine-noise", folder, "--patch", 16),
    "build-pairs": lambda folder: ("build-pairs", folder, "--scale", 2),
    "train": lambda folder: ("train", "esrgan", "--no-perceptual"),
    "run": lambda folder: ("run", "demo", folder, "--set", "stages.kernels.iterations=15"),
    "info": lambda folder: ("info",),
}


def newer_store(path: Path) -> None:
    open_for_writing(str(path)).attrs["version"] = 99


def not_a_store(path: Path) -> None:
    path.mkdir()
    (path / "letter.txt").write_text("dear")


def alien_group(path: Path) -> None:
    zarr.open_group(path, mode="w").attrs["owner"] = "someone"


@pytest.mark.parametrize("verb", STORE_VERBS)
@pytest.mark.parametrize(
    ("make", "what"),
    [
        (newer_store, "store of version 99, this degrade reads up to 1; upgrade degrade or use"),
        (not_a_store, "is not a degrade store"),
        (alien_group, "is a Zarr group but not a degrade store; pick another path with --store"),
        (lambda path: path.write_text("x"), "is not a degrade store"),
    ],
    ids=["newer", "folder", "alien", "file"],
)
def test_a_store_that_is_none(
    degrade: Command,
    photos: Path,
    tmp_path: Path,
    verb: str,
    make: Callable[[Path], None],
    what: str,
) -> None:
    path = tmp_path / "place"
    make(path)
    before = contents(path) if path.is_dir() else path.read_bytes()
    said = refusal(degrade(*STORE_VERBS[verb](photos), "--store", path))
    assert said.startswith(f"{path}: ") and what in said
    assert before == (contents(path) if path.is_dir() else path.read_bytes())


@pytest.mark.parametrize("verb", ["info", "train"])
@pytest.mark.parametrize("place", [".", "sources"])
def test_a_store_whose_metadata_were_cut_short_is_named(
    degrade: Command, photos: Path, tmp_path: Path, verb: str, place: str
) -> None:
    degrade("check", photos, "--store", "s.zarr")
    (tmp_path / "s.zarr" / place / "zarr.json").write_text('{"zarr_for')
    said = refusal(degrade(*STORE_VERBS[verb](photos), "--store", "s.zarr"))
    assert said.startswith("s.zarr")


@pytest.mark.parametrize("location", ["nosuch://bucket/store", "s3://bucket/store"])
@pytest.mark.parametrize("verb", ["check", "info"])
def test_a_store_url_that_cannot_be_opened(
    degrade: Command, photos: Path, verb: str, location: str
) -> None:
    if location.startswith("s3"):
        try:
            import s3fs  # noqa: F401
        except ImportError:
            pass
        else:
            pytest.skip("s3fs is installed: the bucket would be asked for")
    assert location in refusal(degrade(*STORE_VERBS[verb](photos), "--store", location))


def test_a_stage_whose_input_was_never_made(degrade: Command, photos: Path) -> None:
    assert "run `degrade check SRC" in refusal(degrade("info"))
    for verb in ("mine-noise", "estimate-kernels", "build-pairs", "check"):
        said = refusal(degrade(verb))
        assert said.startswith("SRC: ./degrade.zarr knows no photos yet; name a folder")
    degrade("check", photos)
    small = ("--scale", 2, "--tile", 32)
    said = refusal(degrade("build-pairs", *small))
    assert "has no kernels/x2; run `degrade estimate-kernels --scale 2` first" in said
    said = refusal(degrade("build-pairs", *small, "--kernels", "bicubic", "--bake-noise"))
    assert "has no noise; run `degrade mine-noise` first" in said
    said = refusal(degrade("train", "esrgan", "--no-perceptual"))
    assert "holds no pairs" in said and "degrade build-pairs" in said
    said = refusal(degrade("train", "esrgan", "--no-perceptual", "--scale", 2))
    assert "has no pairs/x2; run `degrade build-pairs --scale 2` first" in said
    degrade("build-pairs", *small, "--kernels", "bicubic")
    said = refusal(degrade("train", "esrgan", "--no-perceptual", "--set", "crop=32"))
    assert "has no noise; run `degrade mine-noise` first" in said


def test_a_place_that_cannot_be_written(degrade: Command, photos: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    for verb in ("check", "mine-noise", "estimate-kernels", "build-pairs", "run"):
        said = refusal(degrade(*STORE_VERBS[verb](photos), "--store", "file/x.zarr"))
        assert said.startswith("file/x.zarr: cannot write here (") and "another --store" in said
    assert refusal(degrade("demo", "file/demo", "--workers", 0)).startswith("file/demo")


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_write_permission(degrade: Command, photos: Path, tmp_path: Path) -> None:
    (tmp_path / "locked").mkdir(mode=0o500)
    said = refusal(degrade("check", photos, "--store", "locked/x.zarr"))
    assert said.startswith("locked/x.zarr: cannot write here (Permission denied)")


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may read everything")
def test_a_photo_without_read_permission(degrade: Command, folder: Path) -> None:
    (folder / "private.png").write_bytes(encoded("PNG"))
    (folder / "private.png").chmod(0)
    ((path, why),) = one_object(degrade("check", folder, "--json"))["refused"]
    assert (path, why) == ("private.png", "cannot be read (Permission denied)")
