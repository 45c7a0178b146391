"""One trainer per file, listed in `pipelines.export.trainer_table`."""
