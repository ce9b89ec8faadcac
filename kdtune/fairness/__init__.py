"""Fairness quantities, all derived from integer counts per group and class."""

from kdtune.fairness._adjustment import holm, pairwise_level
from kdtune.fairness._calibration import Calibration, calibration
from kdtune.fairness._changes import Changes, changes
from kdtune.fairness._classes import class_bias, disagreement, mean_class_bias
from kdtune.fairness._comparison import Comparison, compare, corrected
from kdtune.fairness._counting import count
from kdtune.fairness._counts import Counts
from kdtune.fairness._denominators import DENOMINATED, Denominator, small_denominators
from kdtune.fairness._individual import ExamplePairs, individual_fairness
from kdtune.fairness._intervals import (
    EQUAL_RATES,
    GAP_QUANTITIES,
    GAPS,
    BaseRateGap,
    ChanceFloor,
    Gap,
    Interval,
    base_rate_gap,
    chance_floor,
    class_bias_chance,
    class_bias_interval,
    gap_interval,
    measured_gap,
    wilson,
)
from kdtune.fairness._majority import AgainstMajority, against_majority
from kdtune.fairness._rate_measures import (
    accuracy_difference,
    demographic_parity_ratio,
    equal_opportunity_difference,
    equal_opportunity_ratio,
    equalized_odds_ratio,
    f1,
    precision,
    predictive_parity_difference,
    recall,
)
from kdtune.fairness._ratios import FOUR_FIFTHS, RateRatios, rate_ratios
from kdtune.fairness._scores import (
    auc,
    difference_over_groups,
    expected_calibration_error,
    worst_subgroup_accuracy,
)
from kdtune.fairness._significance import AffectedClasses, affected_classes

__all__ = [
    "DENOMINATED",
    "EQUAL_RATES",
    "FOUR_FIFTHS",
    "GAPS",
    "GAP_QUANTITIES",
    "AffectedClasses",
    "AgainstMajority",
    "BaseRateGap",
    "Calibration",
    "ChanceFloor",
    "Changes",
    "Comparison",
    "Counts",
    "Denominator",
    "ExamplePairs",
    "Gap",
    "Interval",
    "RateRatios",
    "accuracy_difference",
    "affected_classes",
    "against_majority",
    "auc",
    "base_rate_gap",
    "calibration",
    "chance_floor",
    "changes",
    "class_bias",
    "class_bias_chance",
    "class_bias_interval",
    "compare",
    "corrected",
    "count",
    "demographic_parity_ratio",
    "difference_over_groups",
    "disagreement",
    "equal_opportunity_difference",
    "equal_opportunity_ratio",
    "equalized_odds_ratio",
    "expected_calibration_error",
    "f1",
    "gap_interval",
    "holm",
    "individual_fairness",
    "mean_class_bias",
    "measured_gap",
    "pairwise_level",
    "precision",
    "predictive_parity_difference",
    "rate_ratios",
    "recall",
    "small_denominators",
    "wilson",
    "worst_subgroup_accuracy",
]
