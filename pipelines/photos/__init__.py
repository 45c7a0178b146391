"""Photos as stages see them: read again, measured once, cut into rows, and known from before."""
