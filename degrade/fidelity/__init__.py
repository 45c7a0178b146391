"""Does synthetic LR look like the photos: patches of both, and how they differ."""
