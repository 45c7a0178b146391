"""`python -m degrade` is the `degrade` command; so `torchrun -m degrade` can start it."""

from degrade.cli.main import run

if __name__ == "__main__":
    run()
