"""How good SR is: metrics, scores of image sets, comparisons, two-sample tests.

The names below are the results' types, loaded when they are first used.
"""

from typing import TYPE_CHECKING

from degrade.lazy import lazy

if TYPE_CHECKING:
    from sr_train.evaluation.comparison import Comparison, Difference
    from sr_train.evaluation.scoring import Evaluation, Scores

_HOMES = {
    "Comparison": "sr_train.evaluation.comparison",
    "Difference": "sr_train.evaluation.comparison",
    "Evaluation": "sr_train.evaluation.scoring",
    "Scores": "sr_train.evaluation.scoring",
}

__all__ = ["Comparison", "Difference", "Evaluation", "Scores"]


__getattr__ = lazy(globals(), _HOMES)
