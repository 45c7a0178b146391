"""Image files, colour, resizing and tiles."""
