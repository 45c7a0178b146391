"""SRResNet: published size, scales, receptive field, ranges."""

import pytest
import torch

from degrade.errors import SettingsError
from sr_train.networks.srresnet import SRResNet
from sr_train.settings.common import SCALES


def test_published_size_and_layers() -> None:
    network = SRResNet()
    assert sum(p.numel() for p in network.parameters()) == 1_549_462
    convs = [m for m in network.modules() if isinstance(m, torch.nn.Conv2d)]
    assert [(c.kernel_size[0], c.out_channels) for c in convs] == [
        *[(9, 64), *[(3, 64)] * 32, (3, 64), (3, 256), (3, 256), (9, 3)]
    ]
    prelus = [m for m in network.modules() if isinstance(m, torch.nn.PReLU)]
    assert len(prelus) == 1 + 16 + 2 and all(m.num_parameters == 1 for m in prelus)
    assert sum(isinstance(m, torch.nn.BatchNorm2d) for m in network.modules()) == 33


@pytest.mark.parametrize("scale", SCALES)
def test_output_is_scale_times_input(scale: int) -> None:
    network = SRResNet(scale, features=4, blocks=1)
    assert network(torch.rand(2, 3, 7, 9)).shape == (2, 3, 7 * scale, 9 * scale)


def test_wrong_scale_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"scale is 5: SRResNet is built for \(1, 2, 3, 4, 8\)"):
        SRResNet(5)


@pytest.mark.parametrize("scale", SCALES)
def test_radius_bounds_what_an_output_block_sees(scale: int) -> None:
    torch.manual_seed(0)
    network = SRResNet(scale, features=2, blocks=1).double().eval()
    lr = torch.rand(1, 3, 40, 40, dtype=torch.float64, requires_grad=True)
    block = slice(20 * scale, 21 * scale)
    network(lr)[..., block, block].square().sum().backward()
    assert lr.grad is not None
    seen = lr.grad.abs().sum((0, 1)).nonzero()
    assert max(20 - int(seen.min()), int(seen.max()) - 20) == network.radius


def test_the_papers_range_is_brought_to_zero_to_one() -> None:
    network = SRResNet(2, features=4, blocks=1)
    torch.nn.init.zeros_(network.conv_last.weight)
    for value, level in ((-1.0, 0.0), (0.0, 0.5), (1.0, 1.0)):
        torch.nn.init.constant_(network.conv_last.bias, value)
        assert (network(torch.rand(1, 3, 4, 4)) == level).all()


def test_body_matches_the_formula() -> None:
    torch.manual_seed(0)
    network = SRResNet(1, features=4, blocks=2).eval()
    lr = torch.rand(1, 3, 6, 6)

    def prelu(x: torch.Tensor) -> torch.Tensor:
        return torch.where(x > 0, x, 0.25 * x)

    head = prelu(network.conv_first(lr))
    x = head
    for block in network.body:
        x = x + block.bn2(block.conv2(prelu(block.bn1(block.conv1(x)))))
    x = head + network.bn_body(network.conv_body(x))
    torch.testing.assert_close(network(lr), (network.conv_last(x) + 1) / 2)
