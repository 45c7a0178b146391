"""Files of weights: tensors by name, in the styles of several programs, and published ones."""
