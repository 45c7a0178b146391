"""One network per file; those that take references are in `sr_train.reference`."""
