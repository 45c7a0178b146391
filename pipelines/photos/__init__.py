"""Photos as stages use them: re-read, measured once, split into rows, with earlier results."""
