"""Real degradations for super-resolution: kernels, noise and HR/LR pairs from real photos."""

__version__ = "0.1.0"
