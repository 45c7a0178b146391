"""Patch discriminator: published size, names, output grid and receptive field."""

import torch

from sr_train.networks.patchgan import PatchDiscriminator
from sr_train.settings.esrgan import SMALLEST_CROP


def test_published_size_names_and_grid() -> None:
    network = PatchDiscriminator()
    assert sum(p.numel() for p in network.parameters()) == 2_765_633
    numbers = {int(key.split(".")[1]) for key in network.state_dict()}
    assert numbers == {0, 2, 3, 5, 6, 8, 9, 11}
    assert [k for k in network.state_dict() if k.endswith("bias")] == [
        f"model.{i}.bias" for i in (0, 3, 6, 9, 11)
    ]
    assert network(torch.rand(1, 3, 128, 128)).shape == (1, 1, 14, 14)


def test_one_logit_sees_70_pixels() -> None:
    torch.manual_seed(0)
    network = PatchDiscriminator().double().eval()
    image = torch.rand(1, 3, 128, 128, dtype=torch.float64, requires_grad=True)
    network(image)[0, 0, 7, 7].backward()
    assert image.grad is not None
    rows = image.grad.abs().sum((0, 1, 3)).nonzero()
    assert int(rows.max() - rows.min()) + 1 == 70


def test_smallest_crop_gives_one_logit() -> None:
    crop = torch.rand(2, 3, SMALLEST_CROP, SMALLEST_CROP)
    assert PatchDiscriminator()(crop).shape == (2, 1, 1, 1)
