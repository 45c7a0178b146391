"""What a process keeps for all its tasks is the same however many threads made it."""

import hashlib
import subprocess
import sys

PROGRAM = """
from hashlib import sha256
from threadpoolctl import threadpool_limits
from degrade.kernels import parametric, spectrum
with threadpool_limits({threads}, user_api="blas"):
    bins = spectrum.polar_bins()
    kept = (parametric._table(), bins.members, bins.x, bins.y)
print(sha256(b"".join(array.tobytes() for array in kept)).hexdigest())
"""


def digest(threads: int) -> str:
    """Return the digest of what a new process keeps, first asked for with so many threads."""
    command = [sys.executable, "-c", PROGRAM.format(threads=threads)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def test_kept_tables_do_not_depend_on_threads() -> None:
    first = digest(1)
    assert len(first) == 2 * hashlib.sha256().digest_size
    assert digest(2) == first == digest(3)
