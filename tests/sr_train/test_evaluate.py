import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow
from small_network import Nearest

from degrade.errors import DegradeError, NothingToDo
from degrade.images.colour import to_uint8
from degrade.images.resize import bicubic
from sr_train.evaluate import evaluate_folders, evaluate_network, score

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
    result = evaluate_folders(tmp_path / "sr", tmp_path / "hr", border=3, done=seen.append)
    assert result.images == {name: score(sr, hr, 3) for name, (sr, hr) in images.items()}
    assert seen == ["a", "sub/b"]
    plain = json.loads(json.dumps(result.as_dict(), allow_nan=False))
    assert plain["border"] == 3 and "3 px cut on each side" in plain["protocol"]
    rows = result.images.values()
    assert plain["mean"]["psnr_y"] == pytest.approx(np.mean([row.psnr_y for row in rows]))
    assert set(plain["images"]["a"]) == {"psnr_y", "ssim_y", "psnr_rgb", "ssim_rgb"}


def test_identical_images_are_null_in_json(tmp_path):
    write(tmp_path / "hr" / "a.png", picture())
    result = evaluate_folders(tmp_path / "hr", tmp_path / "hr")
    assert result.images["a"].psnr_y == float("inf")
    assert result.as_dict()["mean"]["psnr_rgb"] is None
    assert json.dumps(result.as_dict(), allow_nan=False)


def test_orphans_on_both_sides_are_named(tmp_path):
    for name in ("sr/a", "sr/b", "hr/a", "hr/c"):
        write(tmp_path / f"{name}.png", picture())
    with pytest.raises(DegradeError) as caught:
        evaluate_folders(tmp_path / "sr", tmp_path / "hr")
    assert str(caught.value) == (
        "2 images have no partner of the same name in the other folder: "
        f"{tmp_path / 'sr' / 'b'}, {tmp_path / 'hr' / 'c'}; add or remove them"
    )


def test_sizes_that_differ_are_named(tmp_path):
    write(tmp_path / "sr" / "a.png", picture(40, 48))
    write(tmp_path / "hr" / "a.png", picture(40, 50))
    with pytest.raises(DegradeError) as caught:
        evaluate_folders(tmp_path / "sr", tmp_path / "hr")
    assert str(caught.value) == (
        f"{tmp_path / 'sr' / 'a.png'}: 40 rows and 48 columns, but {tmp_path / 'hr' / 'a.png'} has "
        "40 and 50; crop or remake one of them"
    )


def test_an_empty_folder_and_double_names(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(NothingToDo, match="holds no images"):
        evaluate_folders(tmp_path / "empty", tmp_path / "empty")
    write(tmp_path / "sr" / "a.png", picture())
    write(tmp_path / "sr" / "a.tif", picture())
    with pytest.raises(DegradeError, match=r"a\.png and a\.tif have one name; remove one"):
        evaluate_folders(tmp_path / "sr", tmp_path / "sr")


def test_a_network_is_scored_beside_bicubic(tmp_path):
    hr, lr = picture(41, 49), picture(20, 24)
    write(tmp_path / "hr" / "a.png", hr)
    write(tmp_path / "lr" / "a.png", lr)
    result = evaluate_network(Nearest(), tmp_path / "lr", tmp_path / "hr")
    assert result.border == 2
    sr = lr.repeat(2, 0).repeat(2, 1)
    assert result.images == {"a": score(sr, hr[:40, :48], 2)}
    assert result.bicubic == {"a": score(to_uint8(bicubic(lr, 2)), hr[:40, :48], 2)}
    plain = result.as_dict()
    assert plain["bicubic_mean"]["psnr_y"] == pytest.approx(result.bicubic["a"].psnr_y)
    assert evaluate_network(Nearest(), tmp_path / "lr", tmp_path / "hr", border=5).border == 5


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
