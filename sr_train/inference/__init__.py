"""Upscaling with a network: images in tiles, and whole folders of files."""
