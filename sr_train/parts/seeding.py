"""Seeded weight initialisation that leaves torch's global generator as it was."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Run torch's default initialisers, which only draw from the global generator, from ``seed``.

    Networks are built on the CPU inside, so that they are the same whatever the device.
    """
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        yield
