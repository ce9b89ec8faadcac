"""Rates out of a handful of examples are found, and named by what they are out of."""

import numpy as np
import pytest

from kdtune.fairness import count, small_denominators


def counts_of(table: list[list[int]]) -> object:
    """Return the counts of a model that is right, with these examples by group and class."""
    labels = np.concatenate([np.repeat(np.arange(len(row)), row) for row in table])
    groups = np.repeat(np.arange(len(table)), [sum(row) for row in table])
    return count(labels, labels, groups, n_classes=len(table[0]), n_groups=len(table))


BINARY = [[300, 200], [3, 150], [152, 1], [4, 2], [0, 50]]


@pytest.mark.parametrize(
    ("measure", "expected"),
    [
        ("eod", [(2, 1, False, 1), (3, 1, False, 2), (1, 0, False, 3), (3, 0, False, 4)]),
        ("auc_difference", [(2, 1, False, 1), (3, 1, False, 2), (1, 0, False, 3), (3, 0, False, 4)]),
        ("equal_opportunity_difference", [(2, 1, False, 1), (3, 1, False, 2)]),
        ("recall", [(2, 1, False, 1), (3, 1, False, 2)]),
        ("dpd", [(3, None, False, 6)]),
        ("worst_group_accuracy", [(3, None, False, 6)]),
    ],
)
def test_of_two_classes_positives_and_negatives_are_looked_at(measure: str, expected: list[object]) -> None:
    """A class without any example in a group is undefined, not small."""
    assert [tuple(item) for item in small_denominators(counts_of(BINARY), measure, 10)] == expected  # type: ignore[arg-type]


def test_of_many_classes_each_is_held_against_the_rest() -> None:
    found = small_denominators(counts_of([[50, 60, 70], [40, 5, 2]]), "eod", 10)  # type: ignore[arg-type]
    assert [tuple(item) for item in found] == [(1, 1, False, 5), (1, 2, False, 2), (1, 0, True, 7)]
