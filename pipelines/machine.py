"""What this machine has, told without loading Dask (a second)."""

from contextlib import suppress
from pathlib import Path

import psutil

CGROUPS = (
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory.high"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)
"""Where Linux says what a container may take, by the versions of its control groups."""


def memory() -> int:
    """Return the bytes of memory that this process may take: the machine's, or its container's."""
    limits: list[int] = [psutil.virtual_memory().total]
    for path in CGROUPS:
        with suppress(OSError, ValueError):  # not there, or "max"
            limits.append(int(path.read_text()))
    return min(limits)
