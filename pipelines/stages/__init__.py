"""One stage per file."""
