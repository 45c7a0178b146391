#!/usr/bin/env bash
# zarr-python 3.1.6 writes arrays of strings (file names, cameras) into groups of version 3, of either
# data type that it has for them; tensorstore 0.1.86 opens neither, but the arrays of numbers beside
# them. zarr-python warns of it when it writes the fixed-length type alone. A data set of image pairs
# whose names shall be read by tensorstore, too, needs them as bytes in arrays of uint8.
# Seen: "numbers: opens / strings: refused / fixed-length strings: refused / bytes: opens".
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q "tensorstore==0.1.86" "zarr==3.1.6" "numpy==2.4.6"
"$folder/venv/bin/python" - "$folder" <<'PY' | tee "$folder/seen"
import sys
import warnings
from importlib.metadata import version

import numpy as np
import tensorstore
import zarr

print("zarr", zarr.__version__, "tensorstore", version("tensorstore"))
names = ["IMG_0001.jpg", "IMG_0002.jpg"]
raw = np.array([list(name.encode()) for name in names], np.uint8)
group = zarr.create_group(f"{sys.argv[1]}/pairs.zarr", zarr_format=3)
arrays = {
    "numbers": np.arange(2, dtype=np.int32),
    "strings": np.array(names, np.dtypes.StringDType()),
    "fixed-length strings": np.array(names, "U12"),
    "bytes": raw,
}
for name, data in arrays.items():
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        made = group.create_array(name, data=data)
    assert np.array_equal(made[:], data), "zarr-python reads what it wrote"
    print(name, made.metadata.data_type, "warned" if heard else "not warned")
    where = {"driver": "file", "path": f"{sys.argv[1]}/pairs.zarr/{name}"}
    try:
        opened = tensorstore.open({"driver": "zarr3", "kvstore": where}).result()
    except ValueError as error:
        print("said:", str(error).split(" [")[0])
        print(f"{name}: refused")
    else:
        same = np.array_equal(opened.read().result(), data)
        print(f"{name}: opens" if same else f"{name}: other values")
PY
for line in "numbers: opens" "strings: refused" "fixed-length strings: refused" "bytes: opens"; do
  grep -qx "$line" "$folder/seen" || { echo "changed: $line"; exit 1; }
done
