"""Where and how a run computes: device, precision, threads, processes that share a batch."""
