#!/usr/bin/env bash
# rasterio 1.4.4 (GDAL 3.10.3) recognises Zarr arrays of version 3, reads their metadata and then opens
# none that zarr-python 3.1.6 writes, compressed or not: "Unsupported codec: bytes", the codec that
# every such array has. The same array of version 2 opens.
# Seen: "version 2: opens / version 3: does not open".
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q "rasterio==1.4.4" "zarr==3.1.6" "numpy==2.4.6"
"$folder/venv/bin/python" - "$folder" <<'PY' | tee "$folder/seen"
import sys
import warnings
from pathlib import Path

import numpy as np
import rasterio
import zarr

warnings.simplefilter("ignore")
print("rasterio", rasterio.__version__, "GDAL", rasterio.__gdal_version__, "zarr", zarr.__version__)
data = np.arange(64 * 64, dtype=np.uint8).reshape(64, 64)
for version in (2, 3):
    place = Path(sys.argv[1]) / f"v{version}.zarr"
    zarr.create_array(str(place), data=data, chunks=(32, 32), compressors=None, zarr_format=version)
    try:
        with rasterio.open(f'ZARR:"{place}"') as opened:
            same = np.array_equal(opened.read(1), data)
        print(f"version {version}: opens" if same else f"version {version}: other pixels")
    except rasterio.errors.RasterioIOError as error:
        print("said:", error)
        print(f"version {version}: does not open")
PY
for line in "version 2: opens" "version 3: does not open"; do
  grep -qx "$line" "$folder/seen" || { echo "changed: $line"; exit 1; }
done
