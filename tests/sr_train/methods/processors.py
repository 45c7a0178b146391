"""What tests need of the processor, lest they take minutes."""

import pytest
import torch

FAST_BFLOAT16 = pytest.mark.skipif(
    "AVX512" not in torch.backends.cpu.get_cpu_capability(),
    reason="bfloat16 is emulated on this processor, which takes a minute",
)
