from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow
from small_network import Nearest, SmallNetwork

from degrade.errors import DegradeError, NothingToDo, SettingsError
from sr_train.networks.rrdbnet import RRDBNet
from sr_train.upscale import Tiling, spans, upscale_files, upscale_float, upscale_image

LR = np.random.default_rng(2).integers(0, 256, (45, 61, 3), dtype=np.uint8)
WHOLE = Tiling(tile=10_000)


def write(path: Path, pixels=LR) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Pillow.fromarray(pixels).save(path)
    return path


@pytest.mark.parametrize("tile", [1, 7, 16, 44])
@pytest.mark.parametrize("multiple", [1, 2])
def test_tiles_give_the_pixels_of_the_whole_image(tile, multiple):
    network = SmallNetwork(multiple=multiple).eval()
    lr = LR[:30] if tile == 1 else LR
    whole = upscale_float(network, lr, WHOLE)
    tiled = upscale_float(network, lr, Tiling(tile))
    assert whole.shape == (2 * len(lr), 122, 3)
    np.testing.assert_allclose(tiled, whole, rtol=0, atol=1e-5)


@pytest.mark.parametrize("scale", [1, 2, 3, 4])
def test_tiles_are_exact_for_rrdbnet(scale):
    network = RRDBNet(scale=scale, features=4, blocks=1, growth=4).eval()
    lr = np.random.default_rng(1).integers(0, 256, (200, 20, 3), dtype=np.uint8)
    whole = upscale_float(network, lr, WHOLE)
    tiled = upscale_float(network, lr, Tiling(tile=9))
    assert len(spans(200, 9, network.radius, network.multiple)) > 1
    np.testing.assert_allclose(tiled, whole, rtol=0, atol=1e-5)


def test_an_overlap_below_the_radius_is_not_exact_so_the_radius_is_needed():
    network = SmallNetwork().eval()
    whole = upscale_float(network, LR, WHOLE)
    assert np.abs(upscale_float(network, LR, Tiling(16, overlap=0)) - whole).max() > 1e-3


def test_spans_write_each_pixel_once():
    for multiple in (1, 2, 4):
        cut = spans(101, 16, 5, multiple)
        written = np.concatenate([np.arange(101)[span.write] for span in cut])
        assert (written == np.arange(101)).all()
        assert all(span.read.start % multiple == 0 for span in cut)
        for span in cut:
            assert (np.arange(101)[span.read][span.keep] == np.arange(101)[span.write]).all()
    assert len(spans(101, 16, 50, 1)) == 1


def test_the_result_is_rounded_and_clipped():
    assert (upscale_image(Nearest(), LR) == LR.repeat(2, 0).repeat(2, 1)).all()
    assert upscale_image(lambda_network(lambda lr: lr * 3), LR).max() == 255


def lambda_network(function):
    class Wrapped(Nearest):
        def forward(self, lr):
            return function(super().forward(lr))

    return Wrapped()


def test_a_folder_is_upscaled_and_bad_files_are_reported(tmp_path):
    write(tmp_path / "in" / "a.png")
    write(tmp_path / "in" / "sub" / "b.tif")
    (tmp_path / "in" / "broken.png").write_bytes(b"\x89PNG")
    seen = []
    result = upscale_files(Nearest(), tmp_path / "in", tmp_path / "out", done=seen.append)
    assert result.written == (tmp_path / "out" / "a.png", tmp_path / "out" / "sub" / "b.png")
    (refusal,) = result.refused
    assert "broken.png" in str(refusal) and "\n" not in str(refusal)
    assert len(seen) == 3
    assert (np.asarray(Pillow.open(result.written[1])) == LR.repeat(2, 0).repeat(2, 1)).all()


def test_one_file_goes_to_a_folder_or_a_named_png(tmp_path):
    source = write(tmp_path / "a.tif")
    assert upscale_files(Nearest(), source, tmp_path / "out").written[0].name == "a.png"
    named = tmp_path / "deep" / "x.png"
    assert upscale_files(Nearest(), source, named).written == (named,) and named.is_file()


def test_inputs_are_never_replaced(tmp_path):
    source = write(tmp_path / "a.png")
    with pytest.raises(DegradeError) as caught:
        upscale_files(Nearest(), tmp_path, tmp_path)
    assert str(caught.value) == (f"{source}: would replace an input; give another output folder")


def test_two_inputs_for_one_output_are_named(tmp_path):
    write(tmp_path / "in" / "a.png")
    write(tmp_path / "in" / "a.tif")
    with pytest.raises(DegradeError) as caught:
        upscale_files(Nearest(), tmp_path / "in", tmp_path / "out")
    assert str(caught.value) == (
        f"{tmp_path / 'out' / 'a.png'}: a.png and a.tif would both be written there; rename one"
    )


def test_nothing_to_upscale_and_nowhere_to_write(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(NothingToDo, match="holds no images; give a folder with png"):
        upscale_files(Nearest(), tmp_path / "empty", tmp_path / "out")
    with pytest.raises(NothingToDo, match="no such file or folder"):
        upscale_files(Nearest(), tmp_path / "absent", tmp_path / "out")
    source, blocked = write(tmp_path / "a.png"), write(tmp_path / "file.txt.png")
    with pytest.raises(DegradeError, match="cannot be written"):
        upscale_files(Nearest(), source, blocked / "below")


def test_tilings_that_make_no_sense():
    with pytest.raises(SettingsError) as caught:
        Tiling(tile=0)
    assert str(caught.value) == (
        "tile 0 with overlap None; give a tile of at least 1 and an overlap of at least 0 pixels"
    )
