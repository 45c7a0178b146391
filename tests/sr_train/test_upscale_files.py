from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow
from small_network import Nearest

from degrade.errors import DegradeError, NothingToDo
from degrade.images.decode import DecodePolicy
from sr_train import upscale_files as module
from sr_train.upscale_files import Making, upscale_files

LR = np.random.default_rng(2).integers(0, 256, (45, 61, 3), dtype=np.uint8)
SR = LR.repeat(2, 0).repeat(2, 1)
MAKING = Making(Nearest(), "nearest")


def write(path: Path, pixels=LR) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Pillow.fromarray(pixels).save(path)
    return path


def pixels(path: Path):
    return np.asarray(Pillow.open(path))


def text_of(*arguments) -> str:
    with pytest.raises(DegradeError) as caught:
        upscale_files(MAKING, *arguments)
    return str(caught.value)


def test_a_folder_is_upscaled_and_bad_files_are_reported(tmp_path):
    write(tmp_path / "in" / "a.png")
    write(tmp_path / "in" / "sub" / "b.tif")
    (tmp_path / "in" / "broken.png").write_bytes(b"\x89PNG")
    seen = []
    result = upscale_files(MAKING, tmp_path / "in", tmp_path / "out", done=seen.append)
    assert result.written == (tmp_path / "out" / "a.png", tmp_path / "out" / "sub" / "b.png")
    (refusal,) = result.refused
    assert "broken.png" in str(refusal) and "\n" not in str(refusal)
    assert len(seen) == 3
    assert (pixels(result.written[1]) == SR).all()


def test_one_file_goes_to_a_folder_or_a_named_png(tmp_path):
    source = write(tmp_path / "a.tif")
    assert upscale_files(MAKING, source, tmp_path / "out").written[0].name == "a.png"
    named = tmp_path / "deep" / "x.png"
    assert upscale_files(MAKING, source, named).written == (named,) and named.is_file()


@pytest.mark.parametrize("suffix", [".jpg", ".JPEG", ".webp", ".tif", ".tiff", ".bmp"])
def test_the_suffix_is_the_format(tmp_path, suffix):
    target = tmp_path / f"out{suffix}"
    smooth = np.stack(np.meshgrid(np.arange(61), np.arange(45)), -1).astype(np.uint8)
    image = np.concatenate((smooth, smooth[..., :1]), -1)
    assert upscale_files(MAKING, write(tmp_path / "a.png", image), target).written == (target,)
    form = {"jpg": "JPEG", "tif": "TIFF"}.get(suffix[1:].lower(), suffix[1:].upper())
    assert Pillow.open(target).format == form
    close = 3 if suffix.lower() in (".jpg", ".jpeg") else 0
    assert np.abs(pixels(target).astype(int) - image.repeat(2, 0).repeat(2, 1)).max() <= close


def test_other_suffixes_are_refused(tmp_path):
    source = write(tmp_path / "a.png")
    said = text_of(source, tmp_path / "out.gif")
    assert said == (
        f"{tmp_path / 'out.gif'}: .gif cannot be written; give .png, .jpg, .jpeg, .webp, .tif, "
        ".tiff, .bmp, or a folder"
    )
    write(tmp_path / "in" / "a.png")
    said = text_of(tmp_path / "in", tmp_path / "out.jpg")
    assert said == (
        f"{tmp_path / 'out.jpg'}: a folder of images needs a folder; give one without suffix"
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png", "in"]


def test_formats_that_cannot_hold_the_result_refuse_before_the_work(tmp_path):
    source = write(tmp_path / "a.png", np.zeros((1, 8200, 3), np.uint8))
    (refusal,) = upscale_files(MAKING, source, tmp_path / "out.webp").refused
    assert refusal.reason == "would be 16400x2, and WEBP ends at 16383 a side (use .png)"


def test_inputs_are_never_replaced(tmp_path):
    source = write(tmp_path / "a.png")
    said = text_of(tmp_path, tmp_path)
    assert said == f"{source}: would replace an input; give another output folder"


def test_outputs_do_not_become_inputs(tmp_path):
    write(tmp_path / "in" / "a.tif")
    for out in (tmp_path / "in", tmp_path / "in" / "sr"):
        assert text_of(tmp_path / "in", out) == (
            f"{out}: lies in {tmp_path / 'in'}, so that the next run would upscale its images "
            "again; give a folder outside"
        )


def test_two_inputs_for_one_output_are_named(tmp_path):
    write(tmp_path / "in" / "a.png")
    write(tmp_path / "in" / "a.tif")
    assert text_of(tmp_path / "in", tmp_path / "out") == (
        f"{tmp_path / 'out' / 'a.png'}: a.png and a.tif would both be written there; rename one"
    )


def test_links_that_lead_out_of_the_folder_are_named(tmp_path):
    write(tmp_path / "in" / "a.png")
    (tmp_path / "in" / "b.png").symlink_to(write(tmp_path / "elsewhere.png"))
    result = upscale_files(MAKING, tmp_path / "in", tmp_path / "out")
    assert [path.name for path in result.written] == ["a.png"]
    assert [str(error) for error in result.refused] == [
        "b.png: leads out of the folder (copy it there)"
    ]


def test_a_stopped_run_goes_on(tmp_path, monkeypatch):
    for name in "abc":
        write(tmp_path / "in" / f"{name}.png")
    real, made = module._write, []

    def stop_at_second(making, network, lr, target, mark):
        if len(made) == 1:
            raise KeyboardInterrupt
        made.append(target)
        real(making, network, lr, target, mark)

    monkeypatch.setattr(module, "_write", stop_at_second)
    with pytest.raises(KeyboardInterrupt):
        upscale_files(MAKING, tmp_path / "in", tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["a.png"]
    monkeypatch.setattr(module, "_write", real)
    stamp = (tmp_path / "out" / "a.png").stat().st_mtime_ns
    result = upscale_files(MAKING, tmp_path / "in", tmp_path / "out")
    assert [path.name for path in result.kept] == ["a.png"]
    assert [path.name for path in result.written] == ["b.png", "c.png"]
    assert (tmp_path / "out" / "a.png").stat().st_mtime_ns == stamp
    write(tmp_path / "in" / "b.png", LR[::-1])
    result = upscale_files(MAKING, tmp_path / "in", tmp_path / "out")
    assert [path.name for path in result.written] == ["b.png"]
    assert (pixels(result.written[0]) == SR[::-1]).all()


def test_files_made_otherwise_are_replaced_only_when_asked(tmp_path):
    source, target = write(tmp_path / "a.png"), tmp_path / "out" / "a.png"
    upscale_files(MAKING, source, tmp_path / "out")
    before = target.read_bytes()
    others = [
        replace(MAKING, identity="other"),
        replace(MAKING, bf16=True),
        replace(MAKING, policy=DecodePolicy(gray="refuse")),
    ]
    for other in others:
        with pytest.raises(DegradeError) as caught:
            upscale_files(other, source, tmp_path / "out")
        assert str(caught.value) == (
            f"{target}: is there already and was made otherwise; give another output, or replace "
            "it with --overwrite"
        )
    assert target.read_bytes() == before
    assert upscale_files(others[0], source, tmp_path / "out", overwrite=True).written == (target,)
    foreign = tmp_path / "foreign.jpg"
    foreign.write_text("mine")
    assert "is there already" in text_of(source, foreign)
    assert foreign.read_text() == "mine"


def test_nothing_to_upscale_and_nowhere_to_write(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(NothingToDo, match="holds no images; give a folder with png"):
        upscale_files(MAKING, tmp_path / "empty", tmp_path / "out")
    with pytest.raises(NothingToDo, match="no such file or folder"):
        upscale_files(MAKING, tmp_path / "absent", tmp_path / "out")
    source, blocked = write(tmp_path / "a.png"), write(tmp_path / "file.txt.png")
    with pytest.raises(DegradeError, match="cannot be written"):
        upscale_files(MAKING, source, blocked / "below")
