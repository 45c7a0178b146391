"""How a run computes: device, precision, threads, and processes that share a batch."""
