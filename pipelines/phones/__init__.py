"""Simulated phones with a whole image processor, from the lens to the JPEG file."""
