"""Descriptions of stages for runs and plans: one per file, listed in `pipelines.stage_table`."""
