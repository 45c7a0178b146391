"""Seconds that one stage spends for another."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from pipelines.bill import Bill, billed, charge


def test_what_is_charged_inside_is_on_the_innermost_bill() -> None:
    with billed() as outer:
        charge("noise", 1)
        with billed() as inner:
            charge("pairs", 2)
        charge("noise", 3)
        with ThreadPoolExecutor(1) as pool:
            pool.submit(charge, "another thread's", 9).result()
        time.sleep(0.01)
    charge("nobody's", 5)
    assert (outer.others, inner.others) == ({"noise": 4}, {"pairs": 2})
    assert outer.seconds >= 0.01 > inner.seconds >= 0


def test_another_time_is_divided_in_the_same_shares() -> None:
    bill = Bill(6, {"noise": 3})
    bill.add(Bill(4, {"noise": 1, "pairs": 1}))
    assert bill.over(20) == pytest.approx({"noise": 8, "pairs": 2}), "10 are the stage's own"
    assert Bill().over(20) == {}
