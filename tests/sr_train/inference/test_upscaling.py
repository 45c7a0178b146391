import numpy as np
import pytest

from degrade.errors import SettingsError
from degrade.images.colour import to_uint8
from sr_train.inference.upscaling import Tiling, spans, upscale_float, upscale_image, upscale_strips
from sr_train.networks.rrdbnet import RRDBNet
from sr_train.networks.srresnet import SRResNet
from tests.sr_train.small_network import Nearest, SmallNetwork

LR = np.random.default_rng(2).integers(0, 256, (45, 61, 3), dtype=np.uint8)
WHOLE = Tiling(tile=10_000)


@pytest.mark.parametrize("tile", [1, 7, 16, 44])
@pytest.mark.parametrize("multiple", [1, 2])
def test_tiles_give_the_pixels_of_the_whole_image(tile, multiple):
    network = SmallNetwork(multiple=multiple).eval()
    lr = LR[:30] if tile == 1 else LR
    whole = upscale_float(network, lr, WHOLE)
    tiled = upscale_float(network, lr, Tiling(tile))
    assert whole.shape == (2 * len(lr), 122, 3)
    np.testing.assert_allclose(tiled, whole, rtol=0, atol=1e-5)


@pytest.mark.parametrize("scale", [1, 2, 3, 4, 8])
def test_tiles_are_exact_for_rrdbnet(scale):
    network = RRDBNet(scale=scale, features=4, blocks=1, growth=4).eval()
    lr = np.random.default_rng(1).integers(0, 256, (200, 20, 3), dtype=np.uint8)
    whole = upscale_float(network, lr, WHOLE)
    tiled = upscale_float(network, lr, Tiling(tile=9))
    assert len(spans(200, 9, network.radius, network.multiple)) > 1
    np.testing.assert_allclose(tiled, whole, rtol=0, atol=1e-5)


@pytest.mark.parametrize("scale", [1, 2, 3, 4, 8])
def test_tiles_are_exact_for_srresnet(scale):
    network = SRResNet(scale=scale, features=4, blocks=2).eval()
    lr = np.random.default_rng(1).integers(0, 256, (70, 20, 3), dtype=np.uint8)
    whole = upscale_float(network, lr, WHOLE)
    assert len(spans(70, 9, network.radius, network.multiple)) > 1
    np.testing.assert_allclose(upscale_float(network, lr, Tiling(9)), whole, rtol=0, atol=1e-5)


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


def test_strips_are_the_image_from_the_top():
    network = SmallNetwork().eval()
    strips = list(upscale_strips(network, LR, Tiling(16)))
    assert [len(strip) for strip in strips] == [32, 32, 26]
    assert (np.concatenate(strips) == upscale_image(network, LR, Tiling(16))).all()
    exact = to_uint8(np.clip(upscale_float(network, LR, Tiling(16)), 0, 1))
    assert (np.concatenate(strips) == exact).all()


def test_bfloat16_is_close_and_not_the_same():
    network = RRDBNet(scale=2, features=4, blocks=1, growth=4).eval()
    exact, rough = (upscale_float(network, LR, bf16=bf16) for bf16 in (False, True))
    assert rough.dtype == np.float32
    assert 0 < np.abs(rough - exact).max() < 2e-2 * np.abs(exact).max()


def test_tilings_that_make_no_sense():
    with pytest.raises(SettingsError) as caught:
        Tiling(tile=0)
    assert str(caught.value) == (
        "tile 0 with overlap None; give a tile of at least 1 and an overlap of at least 0 pixels"
    )
