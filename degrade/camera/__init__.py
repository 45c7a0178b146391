"""A camera with its whole image processor: from light to the JPEG file, and back to parameters."""
