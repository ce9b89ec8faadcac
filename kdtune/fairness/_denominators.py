"""How many examples the rates are out of that a measure compares between groups."""

from typing import NamedTuple

import numpy as np

from kdtune.errors import UnknownNameError, expect
from kdtune.fairness._arrays import whole
from kdtune.fairness._counts import Counts
from kdtune.fairness._rates import Ints

_BOTH = (
    "eod", "eod_worst_class", "equalized_odds_ratio", "auc", "auc_difference", "worst_class_accuracy", "class_gap",
)  # fmt: skip
_POSITIVES = ("equal_opportunity_difference", "equal_opportunity_ratio", "recall", "f1")
_WHOLE_GROUPS = (
    "dpd", "dpd_worst_class", "worst_group_accuracy", "accuracy_difference", "predictive_parity_difference",
    "demographic_parity_ratio", "ece_difference",
)  # fmt: skip
DENOMINATED = (*_BOTH, *_POSITIVES, *_WHOLE_GROUPS)
"""Measures over groups, or of one group, whose denominators are known."""


class Denominator(NamedTuple):
    """What a rate is out of.

    Attributes:
        group: position of the group.
        of_class: position of the class whose examples these are, or whose are not; None for all of a group.
        other: whether they are the examples of the other classes.
        n: how many there are.
    """

    group: int
    of_class: int | None
    other: bool
    n: int


def small_denominators(counts: Counts, measure: str | None, fewest: int) -> list[Denominator]:
    """Return the denominators of a measure over groups, or of one group, that are smaller than `fewest`, but not empty.

    True positive rates are out of the examples of a class in a group, false positive rates out of the others in it, and
    an area under the ROC curve out of both; selection rates and accuracies are out of the whole group. Rates without
    any example are undefined, and take part in no gap. Precision is out of what a model answers, which nobody knows
    before.

    Args:
        counts: by group and class; of a measure of one group, those of that group.
        measure: its name; None for another one, whose denominators are taken to be the whole groups.
        fewest: see above.

    Raises:
        UnknownNameError: no such measure.
    """
    if measure is not None and measure not in DENOMINATED:
        raise UnknownNameError("measure over groups", measure, DENOMINATED)
    expect("counts", counts, Counts, "what kdtune.fairness.count returns")
    whole("fewest", fewest, 0)
    if measure is None or measure in _WHOLE_GROUPS:
        return [
            Denominator(g, None, False, int(n)) for g, n in enumerate(counts.group_sizes) if 0 < n < fewest
        ]
    tables: list[tuple[bool, Ints]] = [(False, counts.examples)]
    if measure in _BOTH:
        tables.append((True, counts.group_sizes[:, None] - counts.examples))
    binary = counts.n_classes == 2
    return [
        # Of two classes the examples that are not of class 1 are those of class 0.
        Denominator(int(g), 0 if binary and other else int(c), other and not binary, int(table[g, c]))
        for other, table in tables
        for g, c in np.argwhere((table > 0) & (table < fewest))
        if c == 1 or not binary
    ]
