#!/usr/bin/env bash
# OpenCV 5.0.0: the same 16-bit pixels, read by imdecode's default IMREAD_COLOR, become other 8-bit
# ones by the file's format. Of PNG the low byte is dropped (511 becomes 1), of TIFF values are rounded
# to the nearest level (511 becomes 2). A quarter of all values differ: TIFF's shadows are lighter, its
# lights darker, by up to half a level on average, which matters where faint noise is measured.
# Seen: "PNG p // 256: True / TIFF round(p / 257): True / values that differ 16256 of 65536".
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q "opencv-python-headless==5.0.0.93" "numpy==2.4.6"
"$folder/venv/bin/python" - <<'PY' | tee "$folder/seen"
import cv2
import numpy as np

levels = np.arange(65536, dtype=np.uint16).reshape(256, 256)
picture = np.repeat(levels[..., None], 3, axis=2)
seen = {}
for form in (".png", ".tiff"):
    _, data = cv2.imencode(form, picture)
    assert np.array_equal(cv2.imdecode(data, cv2.IMREAD_UNCHANGED), picture), "stored whole"
    seen[form] = cv2.imdecode(data, cv2.IMREAD_COLOR)[..., 0].astype(int)
print("OpenCV", cv2.__version__)
print("PNG p // 256:", np.array_equal(seen[".png"], levels // 256))
print("TIFF round(p / 257):", np.array_equal(seen[".tiff"], (levels.astype(int) + 128) // 257))
print("values that differ", int((seen[".tiff"] != seen[".png"]).sum()), "of 65536")
PY
for line in "PNG p // 256: True" "TIFF round(p / 257): True" "values that differ 16256 of 65536"; do
  grep -qx "$line" "$folder/seen" || { echo "changed: $line"; exit 1; }
done
