"""Whole runs: Dask stages over many photos, and the recipes that chain them."""
