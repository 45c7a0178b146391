#!/usr/bin/env bash
# OpenCV 5.0.0: of its three ways of demosaicing, bilinear and edge-aware take 16 bits, variable
# number of gradients (VNG) takes 8 bits only and raises an error that names neither; raw files have
# 10 to 14 bits. Seen: "bilinear 16 bits ok / edge-aware 16 bits ok / VNG 16 bits error / VNG 8 bits ok".
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q "opencv-python-headless==5.0.0.93" "numpy==2.4.6"
"$folder/venv/bin/python" - <<'PY' | tee "$folder/seen"
import cv2
import numpy as np

mosaic = np.full((32, 32), 1000, np.uint16)
ways = {"bilinear": cv2.COLOR_BayerRGGB2RGB, "edge-aware": cv2.COLOR_BayerRGGB2RGB_EA}
ways["VNG"] = cv2.COLOR_BayerRGGB2RGB_VNG
print("OpenCV", cv2.__version__)
for name, code in ways.items():
    try:
        cv2.cvtColor(mosaic, code)
        print(name, "16 bits ok")
    except cv2.error:
        print(name, "16 bits error")
cv2.cvtColor((mosaic >> 4).astype(np.uint8), ways["VNG"])
print("VNG 8 bits ok")
PY
for line in "bilinear 16 bits ok" "edge-aware 16 bits ok" "VNG 16 bits error" "VNG 8 bits ok"; do
  grep -qx "$line" "$folder/seen" || { echo "changed: $line"; exit 1; }
done
