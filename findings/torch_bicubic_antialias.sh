#!/usr/bin/env bash
# torch 2.13.0: F.interpolate(mode="bicubic") has one kernel with antialias=True (a = -0.5, as Pillow)
# and another without (a = -0.75, as OpenCV), even where an image is enlarged and there is nothing to
# filter. So "bicubic upsampling" as the baseline of super-resolution is two things in one library:
# an impulse enlarged four times undershoots by 0.110 or 0.073. Seen: "plain -0.1099 / antialias
# -0.0732 / OpenCV -0.1099 / Pillow -0.0732".
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q "torch==2.13.0" "numpy==2.4.6" "pillow==13.0.0" "opencv-python-headless==5.0.0.93"
"$folder/venv/bin/python" - <<'PY' | tee "$folder/seen"
import cv2
import numpy as np
import torch
from PIL import Image
from torch.nn.functional import interpolate

impulse = np.zeros((1, 9), np.float32)
impulse[0, 4] = 1
batch = torch.from_numpy(impulse)[None, None]
plain = interpolate(batch, size=(1, 36), mode="bicubic", align_corners=False)
smooth = interpolate(batch, size=(1, 36), mode="bicubic", align_corners=False, antialias=True)
pillow = np.asarray(Image.fromarray(impulse).resize((36, 1), Image.Resampling.BICUBIC))
print("torch", torch.__version__)
print(f"plain {plain.min():.4f}")
print(f"antialias {smooth.min():.4f}")
print(f"OpenCV {cv2.resize(impulse, (36, 1), interpolation=cv2.INTER_CUBIC).min():.4f}")
print(f"Pillow {pillow.min():.4f}")
PY
for line in "plain -0.1099" "antialias -0.0732" "OpenCV -0.1099" "Pillow -0.0732"; do
  grep -qx "$line" "$folder/seen" || { echo "changed: $line"; exit 1; }
done
