"""`degrade demo`: the whole pipeline on photos that ship with scikit-image."""


def demo() -> None:
    """To be replaced."""
