"""Tests compute with one thread a process: pytest-xdist shares the cores among its workers."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before anything imports torch or a BLAS
