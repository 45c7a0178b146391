"""Blur kernels: estimating, shaping and judging them."""
