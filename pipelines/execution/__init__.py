"""How the work of stages runs: on which workers, in which tasks, and what is shown meanwhile."""
