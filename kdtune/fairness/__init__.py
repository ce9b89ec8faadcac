"""Fairness quantities, all derived from integer counts per group and class."""

from kdtune.fairness._adjustment import holm
from kdtune.fairness._classes import class_bias, disagreement, mean_class_bias
from kdtune.fairness._comparison import Comparison, compare, corrected
from kdtune.fairness._counting import count
from kdtune.fairness._counts import Counts
from kdtune.fairness._individual import ExamplePairs, individual_fairness
from kdtune.fairness._intervals import (
    BaseRateGap,
    ChanceFloor,
    Interval,
    base_rate_gap,
    chance_floor,
    class_bias_chance,
    class_bias_interval,
    gap_interval,
    wilson,
)
from kdtune.fairness._significance import AffectedClasses, affected_classes

__all__ = [
    "AffectedClasses",
    "BaseRateGap",
    "ChanceFloor",
    "Comparison",
    "Counts",
    "ExamplePairs",
    "Interval",
    "affected_classes",
    "base_rate_gap",
    "chance_floor",
    "class_bias",
    "class_bias_chance",
    "class_bias_interval",
    "compare",
    "corrected",
    "count",
    "disagreement",
    "gap_interval",
    "holm",
    "individual_fairness",
    "mean_class_bias",
    "wilson",
]
