"""Seconds that one stage spends for another."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from pipelines.execution.stage_time import StageTime, charge, clocked


def test_what_is_charged_inside_is_on_the_innermost_bill() -> None:
    with clocked() as outer:
        charge("noise", 1)
        with clocked() as inner:
            charge("pairs", 2)
        charge("noise", 3)
        with ThreadPoolExecutor(1) as pool:
            pool.submit(charge, "another thread's", 9).result()
        time.sleep(0.01)
    charge("nobody's", 5)
    assert (outer.others, inner.others) == ({"noise": 4}, {"pairs": 2})
    assert outer.seconds >= 0.01 > inner.seconds >= 0


def test_another_time_is_divided_in_the_same_shares() -> None:
    spent = StageTime(6, {"noise": 3})
    spent.add(StageTime(4, {"noise": 1, "pairs": 1}))
    assert spent.over(20) == pytest.approx({"noise": 8, "pairs": 2}), "10 are the stage's own"
    assert StageTime().over(20) == {}
