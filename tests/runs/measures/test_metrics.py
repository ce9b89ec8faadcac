"""Which measures have an interval in what is told of a split, and that it is the one that belongs to them."""

from typing import Any

import numpy as np
import pytest

from kdtune.fairness import count, gap_interval, wilson
from kdtune.runs.measures.metrics import interval_in, split_numbers
from kdtune.runs.measures.objectives import Objective
from kdtune.runs.records import ALL

ATTRIBUTES = {"sex": ("f", "m"), "race": ("a", "b")}
RNG = np.random.default_rng(0)
LABELS, ANSWERS = RNG.integers(2, size=200), RNG.integers(2, size=200)
GROUPS = {name: RNG.integers(2, size=200) for name in ATTRIBUTES}
COUNTS = {
    ALL: count(LABELS, ANSWERS, n_classes=2),
    **{name: count(LABELS, ANSWERS, groups, n_classes=2, n_groups=2) for name, groups in GROUPS.items()},
}


@pytest.fixture(scope="module")
def numbers() -> dict[str, Any]:
    return split_numbers(
        COUNTS,
        values={},
        cross_entropy=0.7,
        classes=("no", "yes"),
        attributes=ATTRIBUTES,
        further_gaps={"race": ["equal_opportunity_difference"]},
    )


def interval(numbers: dict[str, Any], name: str) -> Any:
    return interval_in(numbers, Objective.parse(name, ATTRIBUTES))


def test_every_measure_with_an_interval_has_its_own(numbers: dict[str, Any]) -> None:
    low, high = wilson(COUNTS[ALL].hits.sum(), 200)
    assert interval(numbers, "accuracy") == (float(low), float(high))
    women = COUNTS["sex"].hits[0].sum(), COUNTS["sex"].group_sizes[0]
    low, high = wilson(*women)
    assert interval(numbers, "accuracy@sex=f") == (float(low), float(high))
    assert interval(numbers, "eod") == gap_interval(COUNTS["sex"])
    assert interval(numbers, "dpd@race") == gap_interval(COUNTS["race"], quantity="dpd")
    gap = "equal_opportunity_difference"
    assert interval(numbers, f"{gap}@race") == gap_interval(
        COUNTS["race"], quantity="equal_opportunity_difference"
    )


@pytest.mark.parametrize(
    "name", ["f1", "recall@sex=f", "worst_group_accuracy", "equal_opportunity_difference"]
)
def test_what_has_none_gets_none(numbers: dict[str, Any], name: str) -> None:
    """The gap over sex is not among those that were asked for: its interval was not computed."""
    assert interval(numbers, name) is None


def test_an_undefined_gap_and_groups_that_were_not_evaluated_have_none(numbers: dict[str, Any]) -> None:
    undefined = {**numbers, "attributes": {"sex": {"eod": {"interval": [None, None]}}}}
    assert interval(undefined, "eod") is None
    assert interval(undefined, "eod@race") is None
    assert interval({**numbers, "attributes": {}}, "accuracy@sex=f") is None
