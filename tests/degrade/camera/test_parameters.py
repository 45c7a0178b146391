"""How cameras' parameters are spread when nothing is known of them."""

import numpy as np

from degrade.camera.emulator import inputs
from degrade.camera.parameters import PARAMETERS


def test_a_step_that_may_be_off_is_off_as_often_as_is_said_and_all_of_it_looks_alike() -> None:
    defocus = PARAMETERS["defocus"]
    shares = np.linspace(0, 1, 1000, endpoint=False)
    off = shares < defocus.off
    assert off.sum() == 500
    assert (defocus.at(shares[off]) == defocus.low).all()
    assert (defocus.at(shares[~off][1:]) > defocus.low).all()
    some = np.full((2, len(PARAMETERS)), 0.7)
    some[:, list(PARAMETERS).index("defocus")] = 0.1, 0.4
    assert np.array_equal(*inputs(some))
