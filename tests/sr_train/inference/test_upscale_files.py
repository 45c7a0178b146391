from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import ExifTags
from PIL import Image as Pillow

from degrade.errors import DegradeError, NothingToDo
from degrade.images.decode import DecodePolicy, read_image
from degrade.images.icc import is_srgb
from sr_train.inference import upscale_files as module
from sr_train.inference.upscale_files import UpscaleJob, upscale_files
from tests.degrade.images.samples import P3, matrix_profile, srgb_curve
from tests.sr_train.small_network import Nearest

LR = np.random.default_rng(2).integers(0, 256, (45, 61, 3), dtype=np.uint8)
SR = LR.repeat(2, 0).repeat(2, 1)
MAKING = UpscaleJob(Nearest(), "nearest")


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


def test_images_of_one_stem_get_outputs_by_their_whole_names(tmp_path):
    for name in ("a.png", "a.tif", "a.tif.png", "b.png", "sub/a.png"):
        write(tmp_path / "in" / name)
    result = upscale_files(MAKING, tmp_path / "in", tmp_path / "out")
    assert [path.relative_to(tmp_path / "out").as_posix() for path in result.written] == [
        "a.png.png",
        "a.tif.png",
        "a.tif.png.png",
        "b.png",
        "sub/a.png",
    ]


def test_a_folder_may_have_a_dot_in_its_name(tmp_path):
    source = write(tmp_path / "a.png")
    (written,) = upscale_files(MAKING, source, tmp_path / "results_v1.0").written
    assert written == tmp_path / "results_v1.0" / "a.png"
    write(tmp_path / "in" / "a.png")
    (written,) = upscale_files(MAKING, tmp_path / "in", tmp_path / "v2.0").written
    assert written == tmp_path / "v2.0" / "a.png"


class Tint(Nearest):
    """Nearest neighbour that makes all a little redder."""

    def forward(self, lr):
        return super().forward(lr) * torch.tensor([1.0, 0.9, 0.8])[:, None, None]


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", ".webp", ".bmp"])
def test_gray_photos_stay_gray(tmp_path, suffix):
    job = UpscaleJob(Tint(), "tint")
    for name, image in (("l", LR[..., 0]), ("rgb", LR[..., :1].repeat(3, 2))):
        source = write(tmp_path / f"{name}.png", image)
        target = tmp_path / f"{name}-sr{suffix}"
        upscale_files(job, source, target)
        found = read_image(target)
        assert (found[..., 0] == found[..., 1]).all() and (found[..., 1] == found[..., 2]).all()
        assert Pillow.open(target).mode == ("RGB" if suffix == ".webp" else "L")
    expected = LR[..., 0].repeat(2, 0).repeat(2, 1) * (0.299 + 0.587 * 0.9 + 0.114 * 0.8)
    if suffix != ".jpg":
        assert np.abs(found[..., 0] - expected).max() <= 1.5


@pytest.mark.parametrize("suffix", [".png", ".tif", ".webp"])
@pytest.mark.parametrize("channels", [1, 3])
def test_alpha_is_enlarged_beside_the_colours(tmp_path, suffix, channels):
    cover = np.zeros((45, 61), np.uint8)
    cover[8:40, 8:50], cover[20:28, 20:30] = 255, 128
    source = write(tmp_path / "in" / "a.png", np.dstack([LR[..., :channels], cover]))
    target = tmp_path / f"sr{suffix}"
    upscale_files(MAKING, source, target)
    with Pillow.open(target) as found:
        assert found.has_transparency_data
        *colours, alpha = np.moveaxis(np.asarray(found.convert("RGBA")), 2, 0)
    assert alpha.shape == (90, 122)
    assert (alpha[:10] == 0).all() and (alpha[20:36, 20:36] == 255).all()
    assert abs(int(alpha[48, 50]) - 128) <= 1
    assert (colours[0][alpha > 0] == SR[..., 0][alpha > 0]).all()
    opaque = write(tmp_path / "b.png", np.dstack([LR, np.full((45, 61), 255, np.uint8)]))
    upscale_files(MAKING, opaque, tmp_path / "opaque.png")
    assert Pillow.open(tmp_path / "opaque.png").mode == "RGB"
    (refusal,) = upscale_files(MAKING, source, tmp_path / "sr.jpg").refused
    assert refusal.reason == "is transparent, which JPEG cannot hold (use .png)"
    for alpha_policy in ("white", "refuse"):
        job = UpscaleJob(Nearest(), "x", policy=DecodePolicy(alpha=alpha_policy), keep_alpha=False)
        done = upscale_files(job, source, tmp_path / f"{alpha_policy}{suffix}")
        assert bool(done.refused) == (alpha_policy == "refuse")
    assert not Pillow.open(tmp_path / f"white{suffix}").has_transparency_data


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", ".webp", ".bmp"])
def test_exif_and_profile_of_what_is_written(tmp_path, suffix):
    exif = Pillow.Exif()
    exif[ExifTags.Base.Orientation], exif[ExifTags.Base.Make] = 6, "Maker"
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.ISOSpeedRatings] = 800
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.ExifImageWidth] = 61
    exif.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitudeRef] = "N"
    p3 = matrix_profile("sRGB of a phone", P3, srgb_curve())
    source = tmp_path / "a.png"
    Pillow.fromarray(LR // 2 + 60).save(source, exif=exif, icc_profile=p3)
    target = tmp_path / f"sr{suffix}"
    (note,) = upscale_files(MAKING, source, target).notes
    assert note[0] == str(source) and "converted from ICC profile (sRGB of a phone)" in note[1]
    with Pillow.open(target) as found:
        assert found.size == (90, 122)
        if suffix == ".bmp":
            return
        kept = found.getexif()
        assert kept[ExifTags.Base.Orientation] == 1 and kept[ExifTags.Base.Make] == "Maker"
        photo = kept.get_ifd(ExifTags.IFD.Exif)
        assert photo[ExifTags.Base.ISOSpeedRatings] == 800
        assert (photo[ExifTags.Base.ExifImageWidth], photo[ExifTags.Base.ColorSpace]) == (90, 1)
        assert kept.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitudeRef] == "N"
        marked = found.info.get("srgb") == 0 if suffix == ".png" else found.info["icc_profile"]
        assert marked
        assert suffix == ".png" or is_srgb(found.info["icc_profile"])
    expected = read_image(source).repeat(2, 0).repeat(2, 1)
    assert np.abs(read_image(target).astype(int) - expected).mean() < (8 if suffix == ".jpg" else 1)


def test_the_same_image_gives_the_same_bytes(tmp_path):
    source = write(tmp_path / "a.png")
    for suffix in (".png", ".jpg", ".tif", ".webp"):
        first, second = tmp_path / f"1{suffix}", tmp_path / f"2{suffix}"
        for target in (first, second):
            upscale_files(MAKING, source, target)
        assert first.read_bytes() == second.read_bytes()


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

    def stop_at_second(job, network, lr, target, mark):
        if len(made) == 1:
            raise KeyboardInterrupt
        made.append(target)
        real(job, network, lr, target, mark)

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
    with pytest.raises(NothingToDo, match="holds no images; expected png"):
        upscale_files(MAKING, tmp_path / "empty", tmp_path / "out")
    with pytest.raises(NothingToDo, match="no such file or folder"):
        upscale_files(MAKING, tmp_path / "absent", tmp_path / "out")
    source, blocked = write(tmp_path / "a.png"), write(tmp_path / "file.txt.png")
    with pytest.raises(DegradeError, match="cannot be written"):
        upscale_files(MAKING, source, blocked / "below")


def test_pixels_are_counted_by_the_headers_of_some(tmp_path, monkeypatch):
    for number in range(7):
        write(tmp_path / "in" / f"{number}.png")
    assert module.count_pixels(tmp_path / "in") == 7 * 45 * 61
    assert module.count_pixels(tmp_path / "in" / "0.png") == 45 * 61
    monkeypatch.setattr(module, "ASKED", 3)
    assert module.count_pixels(tmp_path / "in") == 7 * 45 * 61
    (tmp_path / "in" / "0.png").write_bytes(b"\x89PNG")
    assert 0 < module.count_pixels(tmp_path / "in") < 7 * 45 * 61
    assert module.count_pixels(tmp_path / "nowhere.png") == 0
