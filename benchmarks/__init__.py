"""Speed and accuracy beside textbook versions; run as `python -m benchmarks.NAME`."""
