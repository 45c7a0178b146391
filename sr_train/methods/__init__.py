"""One training method per file, each readable beside its paper."""
