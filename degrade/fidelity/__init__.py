"""Does synthetic LR look like the photos, where does it differ, and what is it worth."""
