"""How stages are executed: their workers, tasks, saved results and progress."""
