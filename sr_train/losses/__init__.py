"""One family of losses per file."""
