"""One trainer per file, listed in `pipelines.export.degradation`."""
