#!/usr/bin/env bash
# 10-bit pictures have three scales: pillow-heif 1.8.1 gives them (convert_hdr_to_8bit=False) shifted
# left by 6, so that white is 65472 and not 65535; OpenCV 5.0.0 gives those of AVIF, the same kind of
# file, as they are, white 1023, in uint16 too; Pillow 13.0.0 gives 8 bits of them. Dividing by 65535
# is right for none. Seen: "pillow-heif white 65472 / OpenCV white 1023 / Pillow white 255 uint8".
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q "pillow-heif==1.8.1" "pillow==13.0.0" \
  "opencv-python-headless==5.0.0.93" "numpy==2.4.6"
"$folder/venv/bin/python" - "$folder" <<'PY' | tee "$folder/seen"
import io
import sys

import cv2
import numpy as np
import PIL
import pillow_heif
from PIL import Image

print("pillow-heif", pillow_heif.__version__, "OpenCV", cv2.__version__, "Pillow", PIL.__version__)
heic = io.BytesIO()
white16 = np.full((64, 64, 3), 65535, np.uint16)
pillow_heif.encode("RGB;16", (64, 64), white16.tobytes(), heic, quality=-1)
found = pillow_heif.open_heif(io.BytesIO(heic.getvalue()), convert_hdr_to_8bit=False)
print("pillow-heif", found.info["bit_depth"], "bits", found.mode)
print("pillow-heif white", int(np.asarray(found).max()))
white10 = np.full((64, 64, 3), 1023, np.uint16)
_, avif = cv2.imencode(".avif", white10, [cv2.IMWRITE_AVIF_QUALITY, 100, cv2.IMWRITE_AVIF_DEPTH, 10])
read = cv2.imdecode(avif, cv2.IMREAD_UNCHANGED)
print("OpenCV", read.dtype)
print("OpenCV white", int(read.max()))
small = np.asarray(Image.open(io.BytesIO(avif.tobytes())))
print("Pillow white", int(small.max()), small.dtype)
PY
for line in "pillow-heif white 65472" "OpenCV white 1023" "Pillow white 255 uint8"; do
  grep -qx "$line" "$folder/seen" || { echo "changed: $line"; exit 1; }
done
