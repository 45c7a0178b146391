#!/usr/bin/env bash
# scipy 1.17.1: `scipy.io.savemat` writes the wall clock into the file's header ("Created on: ..."), and
# has no option against it, so that the same array written twice gives two files: checksums of kernels
# that were exported for KernelGAN's and RealSR's scripts differ from run to run. Only those bytes do:
# the rest is the same, and a header without the time is read as well.
# Seen: "same: False / same after 116 bytes: True / read with another header: True".
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q "scipy==1.17.1" "numpy==2.4.6"
"$folder/venv/bin/python" - <<'PY' | tee "$folder/seen"
import io
import time

import numpy as np
import scipy
from scipy.io import loadmat, savemat

kernel = np.outer(np.hanning(19)[1:-1], np.hanning(19)[1:-1])


def written():
    file = io.BytesIO()
    savemat(file, {"Kernel": kernel / kernel.sum()})
    return file.getvalue()


first = written()
time.sleep(1.1)
second = written()
plain = b"MATLAB 5.0 MAT-file".ljust(116) + first[116:]
read = loadmat(io.BytesIO(plain))["Kernel"]
print("scipy", scipy.__version__, "header:", first[:116].decode().strip("\0 "))
print("same:", first == second)
print("same after 116 bytes:", first[116:] == second[116:])
print("read with another header:", np.array_equal(read, kernel / kernel.sum()))
PY
grep -qx "same: False" "$folder/seen"
grep -qx "same after 116 bytes: True" "$folder/seen"
grep -qx "read with another header: True" "$folder/seen"
