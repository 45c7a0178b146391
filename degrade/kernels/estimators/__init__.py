"""One kernel estimator per file, listed in `degrade.kernels.estimator_table`."""
