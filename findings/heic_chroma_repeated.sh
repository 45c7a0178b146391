#!/usr/bin/env bash
# Pictures with half the chroma samples (4:2:0): pillow-heif 1.8.1 (libheif 1.23.6) repeats each sample
# for two pixels, where Pillow 13.0.0 interpolates those of JPEG, WebP and AVIF. So colour edges of a
# phone's HEIC photos are steps of two pixels, and its noise and blur are not those of the same photo
# as JPEG. Measured on a row whose colour changes smoothly and whose luma does not: red's mean step
# within a pair of pixels beside that between pairs.
# Seen: "HEIF repeats / JPEG interpolates / WEBP interpolates / AVIF interpolates".
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q "pillow-heif==1.8.1" "pillow==13.0.0" "numpy==2.4.6"
"$folder/venv/bin/python" - <<'PY' | tee "$folder/seen"
import io

import numpy as np
import PIL
import pillow_heif
from PIL import Image

pillow_heif.register_heif_opener()
print("pillow-heif", pillow_heif.__version__, "libheif", pillow_heif.libheif_version(), end=" ")
print("Pillow", PIL.__version__)
red_chroma = 128 + np.round(60 * np.sin(np.arange(128) / 128 * 4 * np.pi))
ycc = np.full((128, 128, 3), 128, np.uint8)
ycc[..., 2] = red_chroma
planes = [Image.fromarray(np.ascontiguousarray(ycc[..., i])) for i in range(3)]
picture = Image.merge("YCbCr", planes).convert("RGB")
forms = {
    "HEIF": {"quality": 90, "chroma": 420},
    "JPEG": {"quality": 95, "subsampling": "4:2:0"},
    "WEBP": {"quality": 95},
    "AVIF": {"quality": 90, "subsampling": "4:2:0"},
}
for form, options in forms.items():
    file = io.BytesIO()
    picture.save(file, form, **options)
    red = np.asarray(Image.open(io.BytesIO(file.getvalue())).convert("RGB"))[64, :, 0]
    steps = np.abs(np.diff(red.astype(int)))
    within, between = steps[0::2].mean(), steps[1::2].mean()
    print(f"{form}: {within:.1f} within pairs, {between:.1f} between pairs")
    print(form, "repeats" if within < between / 4 else "interpolates")
PY
for line in "HEIF repeats" "JPEG interpolates" "WEBP interpolates" "AVIF interpolates"; do
  grep -qx "$line" "$folder/seen" || { echo "changed: $line"; exit 1; }
done
