"""Super-resolution training on the pairs of a store."""
