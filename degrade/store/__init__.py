"""The Zarr store: its schema, writer and reader."""
