"""References from files: which a picture has, how they are laid, refusals; upscaling with them."""

from dataclasses import replace
from pathlib import Path, PurePosixPath

import numpy as np
import pytest
import torch
from PIL import Image as Pillow

from degrade.errors import ImageRefused, NothingToDo, SettingsError
from degrade.images.decode import read_image
from degrade.images.write import write_png
from sr_train.compute.device import seeded
from sr_train.inference.upscale_files import UpscaleJob, upscale_files
from sr_train.inference.upscaling import Tiling
from sr_train.networks.rrdbnet import RRDBNet
from sr_train.reference.reference_files import open_references, read_reference, stacked
from sr_train.reference.ttsr import TTSR


def picture(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def small() -> TTSR:
    with seeded(0):
        return TTSR(features=8, shallow=1, first=1, second=1, third=1).eval()


def write(folder: Path, *names: str, side: int = 16) -> None:
    for seed, name in enumerate(names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        write_png(folder / name, picture(side, side, seed))


def test_the_rule_which_references_a_picture_has(tmp_path: Path) -> None:
    write(tmp_path, "a.png", "a_10.png", "a_2.png", "a_x.png", "ab.png", "sub/a.png")
    write(tmp_path, "b/z.png", "b/y.png", "b.png", "c+.png")
    folder = open_references(tmp_path)

    def of(name: str) -> list[str]:
        paths = folder.of(PurePosixPath(name))
        return [path.relative_to(tmp_path).as_posix() for path in paths]

    assert of("a.jpg") == ["a.png", "a_2.png", "a_10.png"]
    assert of("sub/a.tif") == ["sub/a.png"]
    assert of("b.png") == ["b/y.png", "b/z.png"], "a folder goes before files"
    assert of("c+.png") == ["c+.png"]
    with pytest.raises(ImageRefused, match=r"d.png: has no reference in .*: name one d.png, "):
        of("d.png")


def test_a_folder_without_references(tmp_path: Path) -> None:
    with pytest.raises(NothingToDo, match="holds no references"):
        open_references(tmp_path)


def test_one_is_cut_several_are_laid_on_black() -> None:
    one, other = picture(19, 22), picture(8, 30, 1)
    cut = stacked([one])
    assert cut.shape == (1, 1, 3, 16, 20)
    assert torch.equal(cut[0, 0], torch.from_numpy(one[:16, :20]).permute(2, 0, 1) / 255)
    both = stacked([one, other])
    assert both.shape == (1, 2, 3, 20, 32)
    assert torch.equal(both[0, 1, :, :8, :30], torch.from_numpy(other).permute(2, 0, 1) / 255)
    assert both[0, 1, :, 8:].sum() == both[0, 1, :, :, 30:].sum() == both[0, 0, :, 19:].sum() == 0
    assert stacked([one, other], 40).shape == (1, 2, 3, 40, 40)
    assert stacked([one], 40).shape == (1, 1, 3, 40, 40)


def test_gray_references_become_rgb_and_tiny_ones_are_refused(tmp_path: Path) -> None:
    Pillow.fromarray(picture(16, 16)[..., 0]).save(tmp_path / "gray.png")
    policy = UpscaleJob(small(), "x").policy
    assert read_reference(tmp_path / "gray.png", policy)[1].shape == (16, 16, 3)
    write_png(tmp_path / "tiny.png", picture(11, 40))
    with pytest.raises(ImageRefused) as caught:
        read_reference(tmp_path / "tiny.png", policy)
    assert caught.value.reason == (
        "is 11 rows by 40 columns, smaller than a patch; a reference needs 12 or more"
    )


def test_upscaled_files_are_the_networks_pictures(tmp_path: Path) -> None:
    write(tmp_path / "in", "a.png", "sub/b.png", "lonely.png", side=12)
    write(tmp_path / "ref", "a.png", "a_1.png", "sub/b/x.png", side=24)
    network = small()
    job = UpscaleJob(network, "id", Tiling(5), references=open_references(tmp_path / "ref"))
    done = upscale_files(job, tmp_path / "in", tmp_path / "out")
    assert len(done.written) == 2
    assert [(e.name, "no reference" in e.reason) for e in done.refused] == [("lonely.png", True)]
    lr = torch.from_numpy(read_image(tmp_path / "in" / "a.png")).permute(2, 0, 1)[None] / 255
    pictures = [read_image(tmp_path / "ref" / name) for name in ("a.png", "a_1.png")]
    with torch.inference_mode():
        sr = network(lr, stacked(pictures))[0]
    expected = (sr.clamp(0, 1) * 255 + 0.5).floor().permute(1, 2, 0).numpy()
    np.testing.assert_array_equal(read_image(tmp_path / "out" / "a.png"), expected)
    again = upscale_files(job, tmp_path / "in", tmp_path / "out")
    assert len(again.kept) == 2 and not again.written
    write(tmp_path / "ref", "a_1.png", side=20)
    changed = upscale_files(job, tmp_path / "in", tmp_path / "out", overwrite=True)
    assert [path.name for path in changed.written] == ["a.png"], "its reference is another now"


def test_references_and_networks_that_do_not_go_together(tmp_path: Path) -> None:
    write(tmp_path / "in", "a.png")
    job = UpscaleJob(small(), "id")
    with pytest.raises(SettingsError, match="TTSR takes references: name their folder with --ref"):
        upscale_files(job, tmp_path / "in", tmp_path / "out")
    plain = RRDBNet(2, features=8, blocks=1, growth=4)
    other = replace(job, network=plain, references=open_references(tmp_path / "in"))
    with pytest.raises(SettingsError, match="RRDBNet takes no references: leave --references out"):
        upscale_files(other, tmp_path / "in", tmp_path / "out")
