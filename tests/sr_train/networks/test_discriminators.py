"""VGG-128, U-Net, SRGAN and patch discriminators: published sizes, names, shapes and arithmetic."""

import copy

import pytest
import torch
from torch.nn import functional as F

from degrade.errors import SettingsError
from sr_train.networks.patchgan import PatchDiscriminator
from sr_train.networks.srgan_discriminator import SrganDiscriminator
from sr_train.networks.unet import SpectralConv, UNetDiscriminator
from sr_train.networks.vgg128 import Vgg128Discriminator
from sr_train.settings.esrgan import SMALLEST_CROP


def parameters(network: torch.nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


def test_vgg128_has_the_published_size_and_names() -> None:
    network = Vgg128Discriminator()
    assert parameters(network) == 14_499_401
    modules = {key.rsplit(".", 1)[0] for key in network.state_dict()}
    pairs = {f"{kind}{i}_{j}" for kind in ("conv", "bn") for i in range(5) for j in (0, 1)}
    assert modules == pairs - {"bn0_0"} | {"linear1", "linear2"}
    biased = {name for name in modules if f"{name}.bias" in network.state_dict()}
    assert {name for name in biased if name.startswith("conv")} == {"conv0_0"}
    assert network.linear1.weight.shape == (100, 512 * 4 * 4)


def test_vgg128_takes_128_pixels_only() -> None:
    network = Vgg128Discriminator().eval()
    with torch.no_grad():
        assert network(torch.rand(2, 3, 128, 128)).shape == (2, 1)
        with pytest.raises(SettingsError, match=r"takes 128x128 crops: set crop: 128"):
            network(torch.rand(1, 3, 96, 128))


def test_unet_has_the_published_size_and_names() -> None:
    network = UNetDiscriminator()
    assert parameters(network) == 4_376_897
    plain = {f"conv{i}.{part}" for i in (0, 9) for part in ("weight", "bias")}
    spectral = {f"conv{i}.weight_{part}" for i in range(1, 9) for part in ("orig", "u", "v")}
    assert set(network.state_dict()) == plain | spectral


def test_unet_is_the_textbook_u_net() -> None:
    torch.manual_seed(0)
    network = UNetDiscriminator(4).double().eval()
    image = torch.rand(2, 3, 16, 24, dtype=torch.float64)

    def conv(i: int, x: torch.Tensor, stride: int = 1) -> torch.Tensor:
        part = network.get_submodule(f"conv{i}")
        if isinstance(part, SpectralConv):
            weight, bias = part.weight_orig, None
            sigma = part.weight_u @ weight.flatten(1) @ part.weight_v
            weight = weight / sigma
        else:
            weight, bias = part.weight, part.bias
        x = F.conv2d(x, weight, bias, stride, 1)
        return x if i == 9 else torch.where(x > 0, x, 0.2 * x)

    def up(x: torch.Tensor) -> torch.Tensor:
        return F.interpolate(x, scale_factor=2, mode="bilinear")

    x0 = conv(0, image)
    x1 = conv(1, x0, 2)
    x2 = conv(2, x1, 2)
    x = conv(4, up(conv(3, x2, 2))) + x2
    x = conv(5, up(x)) + x1
    x = conv(6, up(x)) + x0
    logits = conv(9, conv(8, conv(7, x)))
    assert logits.shape == (2, 1, 16, 24)
    torch.testing.assert_close(network(image), logits)


def test_spectral_norm_is_torchs() -> None:
    torch.manual_seed(0)
    ours = SpectralConv(3, 5, 3, 2).double()
    theirs = torch.nn.utils.spectral_norm(torch.nn.Conv2d(3, 5, 3, 2, 1, bias=False)).double()
    theirs.load_state_dict(ours.state_dict())
    for _ in range(3):
        x = torch.rand(2, 3, 8, 8, dtype=torch.float64)
        a, b = ours(x), theirs(x)
        torch.testing.assert_close(a, b)
        a.square().sum().backward()
        b.square().sum().backward()
        assert ours.weight_orig.grad is not None
        torch.testing.assert_close(ours.weight_orig.grad, theirs.weight_orig.grad)
    torch.testing.assert_close(ours.state_dict(), theirs.state_dict())


def test_spectral_norm_tends_to_the_largest_singular_value() -> None:
    torch.manual_seed(0)
    conv = SpectralConv(3, 5, 3, 1).double()
    for _ in range(200):
        weight = conv.normalised_weight()
    largest = torch.linalg.svdvals(weight.detach().flatten(1))[0]
    assert largest.item() == pytest.approx(1, rel=1e-9)
    before = conv.weight_u.clone()
    conv.eval()(torch.rand(1, 3, 4, 4, dtype=torch.float64))
    assert torch.equal(before, conv.weight_u), "no iteration in evaluation mode"


def test_spectral_norm_may_run_twice_before_a_gradient_and_be_copied() -> None:
    torch.manual_seed(0)
    conv = SpectralConv(3, 5, 3, 1)
    (conv(torch.rand(1, 3, 4, 4)).sum() + conv(torch.rand(1, 3, 4, 4)).sum()).backward()
    assert copy.deepcopy(conv).weight_orig.equal(conv.weight_orig)


def test_spectral_norm_is_found_in_float32_under_autocast() -> None:
    torch.manual_seed(0)
    conv = SpectralConv(3, 5, 3, 1).eval()
    with torch.autocast("cpu", torch.bfloat16):
        assert conv(torch.rand(1, 3, 4, 4)).dtype == torch.bfloat16
        weight = conv.normalised_weight()
    assert torch.equal(weight, conv.normalised_weight())


def test_srgan_discriminator_is_the_papers() -> None:
    network = SrganDiscriminator()
    convs = [m for m in network.modules() if isinstance(m, torch.nn.Conv2d)]
    assert [(c.in_channels, c.out_channels, c.kernel_size[0], c.stride[0]) for c in convs] == [
        *((3, 64, 3, 1), (64, 64, 3, 2), (64, 128, 3, 1), (128, 128, 3, 2)),
        *((128, 256, 3, 1), (256, 256, 3, 2), (256, 512, 3, 1), (512, 512, 3, 2)),
    ]
    dense = [m for m in network.modules() if isinstance(m, torch.nn.Linear)]
    assert [(d.in_features, d.out_features) for d in dense] == [(6 * 6 * 512, 1024), (1024, 1)]
    norms = [m.num_features for m in network.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    assert norms == [64, 128, 128, 256, 256, 512, 512]
    assert parameters(network) == 23_563_649


def test_srgan_discriminator_is_built_for_its_crop() -> None:
    assert SrganDiscriminator(32)(torch.rand(2, 3, 32, 32)).shape == (2, 1)
    with pytest.raises(SettingsError, match=r"crop is 100: .* needs a multiple of 16"):
        SrganDiscriminator(100)


def test_patch_discriminators_published_size_names_and_grid() -> None:
    network = PatchDiscriminator()
    assert sum(p.numel() for p in network.parameters()) == 2_765_633
    numbers = {int(key.split(".")[1]) for key in network.state_dict()}
    assert numbers == {0, 2, 3, 5, 6, 8, 9, 11}
    assert [k for k in network.state_dict() if k.endswith("bias")] == [
        f"model.{i}.bias" for i in (0, 3, 6, 9, 11)
    ]
    assert network(torch.rand(1, 3, 128, 128)).shape == (1, 1, 14, 14)


def test_one_logit_of_the_patch_discriminator_sees_70_pixels() -> None:
    torch.manual_seed(0)
    network = PatchDiscriminator().double().eval()
    image = torch.rand(1, 3, 128, 128, dtype=torch.float64, requires_grad=True)
    network(image)[0, 0, 7, 7].backward()
    assert image.grad is not None
    rows = image.grad.abs().sum((0, 1, 3)).nonzero()
    assert int(rows.max() - rows.min()) + 1 == 70


def test_smallest_crop_gives_the_patch_discriminator_one_logit() -> None:
    crop = torch.rand(2, 3, SMALLEST_CROP, SMALLEST_CROP)
    assert PatchDiscriminator()(crop).shape == (2, 1, 1, 1)
