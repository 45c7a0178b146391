"""The `degrade` command, one verb per file."""
