import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from degrade.errors import DegradeError, NothingToDo, SettingsError
from degrade.images.colour import to_uint8
from degrade.images.resize import bicubic
from sr_train.evaluation.metric_table import by_lpips
from sr_train.evaluation.metrics import PROTOCOLS, REALSR, psnr, score_planes, sharpness, ssim
from sr_train.evaluation.scoring import Scorer, evaluate_folders, evaluate_network
from sr_train.networks.lpips import Lpips
from tests.sr_train.small_network import Nearest

WHOLE = Scorer(REALSR, 0)
RNG = np.random.default_rng(4)


def write(path: Path, pixels) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Pillow.fromarray(pixels).save(path)


def picture(height=40, width=48):
    return RNG.integers(0, 256, (height, width, 3), dtype=np.uint8)


def test_folders_are_scored_by_name(tmp_path):
    images = {"a": (picture(), picture()), "sub/b": (picture(), picture())}
    for name, (sr, hr) in images.items():
        write(tmp_path / "sr" / f"{name}.png", sr)
        write(tmp_path / "hr" / f"{name}.tif", hr)
    seen = []
    result = evaluate_folders(tmp_path / "sr", tmp_path / "hr", Scorer(REALSR, 3), done=seen.append)
    assert result.images == {
        name: Scorer(REALSR, 3).score(sr, hr) for name, (sr, hr) in images.items()
    }
    assert seen == ["a", "sub/b"]
    plain = json.loads(json.dumps(result.as_dict(), allow_nan=False))
    assert plain["protocol"]["border"] == 3 and plain["protocol"]["name"] == "realsr"
    rows = result.images.values()
    assert plain["mean"]["psnr"] == pytest.approx(np.mean([row.psnr for row in rows]))
    assert set(plain["images"]["a"]) == {"psnr", "ssim", "sharpness"}


def test_identical_images_are_null_in_json(tmp_path):
    write(tmp_path / "hr" / "a.png", picture())
    result = evaluate_folders(tmp_path / "hr", tmp_path / "hr", WHOLE)
    assert result.images["a"].psnr == float("inf")
    assert result.as_dict()["mean"]["psnr"] is None
    assert json.dumps(result.as_dict(), allow_nan=False)


def test_orphans_on_both_sides_are_named(tmp_path):
    for name in ("sr/a", "sr/b", "hr/a", "hr/c"):
        write(tmp_path / f"{name}.png", picture())
    with pytest.raises(DegradeError) as caught:
        evaluate_folders(tmp_path / "sr", tmp_path / "hr", WHOLE)
    assert str(caught.value) == (
        f"{tmp_path / 'hr'} and {tmp_path / 'sr'} do not pair: {tmp_path / 'hr' / 'c.png'}: no "
        f"partner in {tmp_path / 'sr'}; {tmp_path / 'sr' / 'b.png'}: no partner in "
        f"{tmp_path / 'hr'}; mend or remove them"
    )


def test_sizes_that_differ_are_named(tmp_path):
    write(tmp_path / "sr" / "a.png", picture(40, 48))
    write(tmp_path / "hr" / "a.png", picture(40, 60))
    with pytest.raises(DegradeError) as caught:
        evaluate_folders(tmp_path / "sr", tmp_path / "hr", WHOLE)
    assert str(caught.value) == (
        f"{tmp_path / 'sr' / 'a.png'}: 40 rows and 48 columns, but {tmp_path / 'hr' / 'a.png'} has "
        "40 and 60; crop or remake one of them"
    )


def test_an_empty_folder_and_double_names(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(NothingToDo, match="holds no images"):
        evaluate_folders(tmp_path / "empty", tmp_path / "empty", WHOLE)
    write(tmp_path / "sr" / "a.png", picture())
    write(tmp_path / "sr" / "a.tif", picture())
    with pytest.raises(DegradeError, match=r"a\.tif: has the name of a\.png"):
        evaluate_folders(tmp_path / "sr", tmp_path / "sr", WHOLE)


def test_a_network_is_scored_beside_bicubic(tmp_path):
    hr, lr = picture(41, 49), picture(20, 24)
    write(tmp_path / "hr" / "a.png", hr)
    write(tmp_path / "lr" / "a.png", lr)
    result = evaluate_network(Nearest(), tmp_path / "lr", tmp_path / "hr")
    assert result.protocol == REALSR.describe(2)
    sr = lr.repeat(2, 0).repeat(2, 1)
    assert result.images == {"a": Scorer(REALSR, 2).score(sr, hr[:40, :48])}
    assert result.bicubic == {"a": Scorer(REALSR, 2).score(to_uint8(bicubic(lr, 2)), hr[:40, :48])}
    plain = result.as_dict()
    assert plain["bicubic_mean"]["psnr"] == pytest.approx(result.bicubic["a"].psnr)


def test_div2ks_names_and_sizes_that_are_no_multiple_pair_either_way(tmp_path):
    hr, lr = picture(41, 49), picture(20, 24)
    sr = lr.repeat(2, 0).repeat(2, 1)
    write(tmp_path / "hr" / "0801.png", hr)
    write(tmp_path / "lr" / "0801x2.png", lr)
    write(tmp_path / "sr" / "0801x2.png", sr)
    by_network = evaluate_network(Nearest(), tmp_path / "lr", tmp_path / "hr", Scorer(REALSR, 2))
    by_folder = evaluate_folders(tmp_path / "sr", tmp_path / "hr", Scorer(REALSR, 2))
    assert (
        by_network.images == by_folder.images == {"0801": Scorer(REALSR, 2).score(sr, hr[:40, :48])}
    )
    (tmp_path / "lr" / "0801x2.png").rename(tmp_path / "lr" / "0801x4.png")
    with pytest.raises(SettingsError, match=r"0801x4\.png: no partner in "):
        evaluate_network(Nearest(), tmp_path / "lr", tmp_path / "hr")


def test_hr_of_another_scale_is_named(tmp_path):
    write(tmp_path / "hr" / "a.png", picture(80, 96))
    write(tmp_path / "lr" / "a.png", picture(20, 24))
    with pytest.raises(DegradeError) as caught:
        evaluate_network(Nearest(), tmp_path / "lr", tmp_path / "hr")
    assert str(caught.value) == (
        f"{tmp_path / 'hr' / 'a.png'}: 80 rows and 96 columns, but 2 times "
        f"{tmp_path / 'lr' / 'a.png'} is 40 and 48; give the HR it was made from, or weights of "
        "another scale"
    )


@pytest.mark.parametrize(
    ("name", "channel", "border"),
    [("realsr", "y", 2), ("basicsr", "rgb", 2), ("ttsr", "ttsr-y", 0)],
)
def test_protocols_choose_channel_and_border(name, channel, border):
    protocol = PROTOCOLS[name]
    assert protocol.border(2) == border and protocol.border(2, given=7) == 7
    sr, hr = picture(), picture()
    scores = Scorer(protocol, border).score(sr, hr)
    planes = [score_planes(image, border, channel) for image in (sr, hr)]
    found = (psnr(*planes), ssim(*planes), sharpness(*planes))
    assert (scores.psnr, scores.ssim, scores.sharpness) == found and not scores.more
    about = protocol.describe(border)
    assert {"channel", "border", "range", "rounding"} <= set(about)
    assert about["channel"].startswith("RGB" if channel == "rgb" else "Y")


def test_a_border_that_depends_on_an_unknown_scale():
    assert PROTOCOLS["ttsr"].border(None) == 0
    with pytest.raises(SettingsError) as caught:
        REALSR.border(None)
    assert str(caught.value) == (
        "protocol realsr cuts the scale on each side, and SR images alone do not tell it: give "
        "--border N (0 cuts nothing)"
    )


def test_images_too_small_for_lpips_are_refused():
    with pytest.raises(DegradeError) as caught:
        by_alex = by_lpips(Lpips("alex"))
        Scorer(REALSR, 0, (by_alex,)).score(picture(30, 40), picture(30, 40))
    assert str(caught.value) == (
        "image of 30 rows and 40 columns is too small for LPIPS; it needs 31 or more"
    )
