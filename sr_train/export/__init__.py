"""Networks for other programs: `.pth`, ONNX and ncnn, proved against torch, and model cards."""
