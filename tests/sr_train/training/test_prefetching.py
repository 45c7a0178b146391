"""Batches made ahead: in order, and with their errors."""

import pytest

from sr_train.training.loop import prefetched


def test_things_are_prefetched_in_order_and_errors_come_through() -> None:
    asked = []

    def make(number: int) -> int:
        asked.append(number)
        if number == 5:
            raise ValueError("five")
        return number * number

    with prefetched(make, range(3)) as squares:
        assert list(squares) == [0, 1, 4]
    with prefetched(make, range(4, 9)) as squares:
        assert next(squares) == 16
        with pytest.raises(ValueError, match="five"):
            next(squares)
    assert 8 not in asked, "it stops with the first error"
