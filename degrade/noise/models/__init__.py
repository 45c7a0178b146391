"""The noise models: one description per file, listed in `degrade.noise.model_table`."""
