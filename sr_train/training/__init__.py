"""What training methods share: a run, its folder and records, the loop, stages, optimisers."""
