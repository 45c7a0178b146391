"""Where a run computes: the device that is chosen, and threads and draws that are put back."""

import pytest
import torch

from degrade.errors import TrainingError
from sr_train.compute.device import choose_device, cpu_threads, seeded


def test_device(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert choose_device("auto").type == choose_device("cpu").type == "cpu"
    with pytest.raises(TrainingError, match=r"device cuda: torch sees no GPU; use --device cpu"):
        choose_device("cuda")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert choose_device("auto").type == choose_device("cuda").type == "cuda"
    assert choose_device("cpu").type == "cpu"


def test_threads_and_global_generator_are_put_back() -> None:
    before = torch.get_num_threads(), torch.get_rng_state()
    with cpu_threads(2), seeded(3):
        first = torch.rand(1)
        assert torch.get_num_threads() == 2
    with seeded(3):
        assert torch.rand(1) == first
    assert torch.get_num_threads() == before[0] and torch.equal(torch.get_rng_state(), before[1])
