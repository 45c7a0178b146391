"""What a run knows of each stage: one description per file, listed in `pipelines.stage_table`."""
