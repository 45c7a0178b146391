#!/usr/bin/env bash
# dask 2026.8.0 with zarr 3.1.6: `array.to_zarr(path, shards=...)` writes each of its own chunks as a
# task of its own, although a shard, the unit that can be written at once, holds several. Tasks that
# write into one shard overwrite each other, and rows are zero afterwards: no error, no warning. Which
# ones is chance, so the script tries five times. The same with chunks as large as shards is whole.
# Seen: "rows lost with chunks within shards: yes / rows lost with a chunk per shard: no".
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q "dask[array]==2026.8.0" "zarr==3.1.6" "numpy==2.4.6"
"$folder/venv/bin/python" - "$folder" <<'PY' | tee "$folder/seen"
import sys
import warnings

import dask
import dask.array as da
import numpy as np
import zarr

heard = []
warnings.showwarning = lambda *told: heard.append(str(told[0]))
print("dask", dask.__version__, "zarr", zarr.__version__)
data = np.ones((64, 64, 64), np.uint8)


def lost(name, rows, each):
    """Return how many rows of 64 are not what was written, with so many rows in a dask chunk."""
    place = f"{sys.argv[1]}/{name}"
    array = da.from_array(data, chunks=(each, 64, 64))
    array.to_zarr(place, shards=(rows, 64, 64), chunks=(1, 64, 64))
    return int((zarr.open_array(place, mode="r")[:] != data).any(axis=(1, 2)).sum())


within = [lost(f"within{i}", 16, 1) for i in range(5)]
whole = [lost(f"whole{i}", 16, 16) for i in range(5)]
print("rows lost of 64:", within, whole)
print("warned of it:", any("shard" in text for text in heard))
print("rows lost with chunks within shards:", "yes" if any(within) else "no")
print("rows lost with a chunk per shard:", "yes" if any(whole) else "no")
PY
for line in "rows lost with chunks within shards: yes" "rows lost with a chunk per shard: no"; do
  grep -qx "$line" "$folder/seen" || { echo "changed: $line"; exit 1; }
done
