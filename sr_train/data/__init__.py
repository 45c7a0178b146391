"""Where batches come from: a store's pairs, stored or degraded on the fly, or paired folders.

Every draw is a function of (seed, step): a resumed run goes on with the same crops, and twin runs
on two stores see the same ones.
"""
