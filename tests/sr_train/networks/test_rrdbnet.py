"""RRDBNet: published size and names, initial weights, scales, receptive field."""

import math

import pytest
import torch

from degrade.errors import SettingsError
from sr_train.networks.rrdbnet import RRDBNet
from sr_train.settings.common import SCALES


def test_published_size_and_names() -> None:
    network = RRDBNet()
    state = network.state_dict()
    assert sum(p.numel() for p in network.parameters()) == 16_697_987
    assert len(state) == 702
    heads = ["conv_first", "conv_body", "conv_up1", "conv_up2", "conv_hr", "conv_last"]
    dense = [
        f"body.{i}.rdb{j}.conv{k}" for i in range(23) for j in range(1, 4) for k in range(1, 6)
    ]
    assert set(state) == {f"{n}.{p}" for n in heads + dense for p in ("weight", "bias")}


@pytest.mark.parametrize(
    ("scale", "size"), [(1, 16_723_907), (2, 16_703_171), (3, 16_661_059), (8, 16_734_915)]
)
def test_size_at_other_scales(scale: int, size: int) -> None:
    """As x4, but for the first convolution's inputs and the number of enlargements."""
    network = RRDBNet(scale)
    assert sum(p.numel() for p in network.parameters()) == size
    inputs, enlargements = {1: (48, 2), 2: (12, 2), 3: (3, 1), 8: (3, 3)}[scale]
    enlarging = 64 * 64 * 9 + 64
    assert size == 16_697_987 + (inputs - 3) * 9 * 64 + (enlargements - 2) * enlarging


def test_initial_weights_of_dense_blocks_are_he_times_a_tenth() -> None:
    torch.manual_seed(0)
    network = RRDBNet(blocks=2)
    for name, weight in network.state_dict().items():
        if ".rdb" in name and name.endswith("bias"):
            assert not weight.any()
        elif ".rdb" in name:
            expected = 0.1 * math.sqrt(2 / weight[0].numel())
            assert weight.std().item() == pytest.approx(expected, rel=0.03)
    bound = 1 / math.sqrt(64 * 9)  # torch's default: uniform in +-1/sqrt(fan in)
    assert network.conv_body.weight.abs().max().item() == pytest.approx(bound, rel=0.01)


@pytest.mark.parametrize("scale", SCALES)
def test_output_is_scale_times_input_also_for_odd_sides(scale: int) -> None:
    network = RRDBNet(scale, features=4, blocks=1, growth=2)
    assert network(torch.rand(2, 3, 7, 9)).shape == (2, 3, 7 * scale, 9 * scale)


def test_wrong_scale_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"scale is 5: RRDBNet is built for \(1, 2, 3, 4, 8\)"):
        RRDBNet(5)


@pytest.mark.parametrize("scale", SCALES)
def test_radius_bounds_what_an_output_block_sees(scale: int) -> None:
    torch.manual_seed(0)
    network = RRDBNet(scale, features=2, blocks=1, growth=2).double()
    side, centre = 48 * network.multiple, 24 * network.multiple
    lr = torch.rand(1, 3, side, side, dtype=torch.float64, requires_grad=True)
    block = slice(centre * scale, (centre + network.multiple) * scale)
    network(lr)[..., block, block].square().sum().backward()
    assert lr.grad is not None
    seen = lr.grad.abs().sum((0, 1)).nonzero()
    reach = max(centre - int(seen.min()), int(seen.max()) - centre)
    assert network.radius - network.multiple < reach <= network.radius


def test_unshuffled_input_is_the_same_for_a_shift_by_whole_cells() -> None:
    network = RRDBNet(2, features=4, blocks=1, growth=2).eval()
    lr = torch.rand(1, 3, 80, 80)
    with torch.no_grad():
        whole, part = network(lr), network(lr[..., 2:, 4:])
    inner = slice(2 * network.radius, -2 * network.radius)
    torch.testing.assert_close(part[..., inner, inner], whole[..., 4:, 8:][..., inner, inner])


def test_pixel_unshuffle_orders_channels_as_basicsr() -> None:
    x = torch.arange(48.0).view(1, 3, 4, 4)
    expected = x.view(1, 3, 2, 2, 2, 2).permute(0, 1, 3, 5, 2, 4).reshape(1, 12, 2, 2)
    assert torch.equal(torch.nn.functional.pixel_unshuffle(x, 2), expected)


def test_dense_block_matches_the_formula() -> None:
    torch.manual_seed(0)
    block = RRDBNet(features=4, blocks=1, growth=3).body[0].rdb1
    x = torch.randn(1, 4, 6, 6)

    def leaky(v: torch.Tensor) -> torch.Tensor:
        return torch.where(v > 0, v, 0.2 * v)

    x1 = leaky(block.conv1(x))
    x2 = leaky(block.conv2(torch.cat([x, x1], 1)))
    x3 = leaky(block.conv3(torch.cat([x, x1, x2], 1)))
    x4 = leaky(block.conv4(torch.cat([x, x1, x2, x3], 1)))
    expected = x + 0.2 * block.conv5(torch.cat([x, x1, x2, x3, x4], 1))
    torch.testing.assert_close(block(x), expected)
