"""Pictures on the device: crops are their pixels, whatever lies beside them."""

import numpy as np
import pytest
import torch
from torch import Tensor

from degrade.kernels.crop_batches import by_iteration, lay_out
from tests.degrade.kernels.lanes import photo

CPU = torch.device("cpu")
EIGHT_BIT = (photo(0) * 255).astype(np.uint8)
TALL = (photo(1, 150, 90) * 255).astype(np.uint8)


def crops(*corners: tuple[int, int]) -> Tensor:
    return torch.tensor(corners)


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_crops_are_the_pictures_pixels(dtype: type) -> None:
    pictures = [EIGHT_BIT, TALL]
    if dtype is np.float32:
        pictures = [(picture / 255).astype(np.float32) for picture in pictures]
    found = lay_out(pictures, CPU).crop(crops((2, 4), (150 - 26, 90 - 26)), 26)
    assert found.shape == (2, 3, 26, 26) and found.dtype == torch.float32
    units = [EIGHT_BIT[2:28, 4:30] / 255, TALL[-26:, -26:] / 255]
    np.testing.assert_allclose(found, np.stack(units).transpose(0, 3, 1, 2), atol=1e-6)


def test_a_crop_does_not_depend_on_the_pictures_beside_it() -> None:
    sixteen_bit = photo(2)
    place = (6, 8)
    alone = lay_out([EIGHT_BIT], CPU).crop(crops(place), 64)
    beside = lay_out([sixteen_bit, EIGHT_BIT], CPU).crop(crops((0, 0), place), 64)
    assert torch.equal(alone[0], beside[1])


def test_a_picture_that_lanes_share_is_copied_once() -> None:
    shared = lay_out([EIGHT_BIT, TALL, EIGHT_BIT], CPU)
    assert len(shared.values) == EIGHT_BIT.size + TALL.size
    assert shared.start.tolist() == [0, EIGHT_BIT.size, 0]


def test_corners_are_stacked_by_iteration() -> None:
    lanes = [np.arange(8).reshape(4, 2), np.arange(8, 16).reshape(4, 2)]
    assert by_iteration(lanes, CPU)[1].tolist() == [[2, 3], [10, 11]]
