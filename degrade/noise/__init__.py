"""Noise patches: mining them from photos and injecting them into LR."""
