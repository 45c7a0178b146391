"""Counter-based randomness: a draw depends on the seed and the item, never on order or worker."""

import hashlib

import numpy as np

Key = str | int


def _digest(seed: int, key: tuple[Key, ...]) -> bytes:
    text = "\x1f".join([repr(int(seed)), *(f"{type(part).__name__}:{part}" for part in key)])
    return hashlib.blake2b(text.encode(), digest_size=16).digest()


def stream(seed: int, *key: Key) -> np.random.Generator:
    """Return the random stream of one item.

    Args:
        seed: The run's seed.
        *key: What the draw is for, such as ``("kernel-choice", "holiday/001.png")``.

    Returns:
        A Philox generator whose 128-bit key is a hash of ``seed`` and ``key``: equal arguments give
        equal streams on every machine and worker, different ones give independent streams.
    """
    return np.random.Generator(np.random.Philox(key=int.from_bytes(_digest(seed, key), "little")))


def derive(seed: int, *key: Key) -> int:
    """Return a 63-bit integer seed for one item, for generators that are not NumPy's."""
    return int.from_bytes(_digest(seed, key)[:8], "little") >> 1
