"""Programs other than torch that compute networks on the CPU, and the choice among them."""
