"""Measures of probabilities: against scikit-learn, and against their definitions."""

from typing import Any

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from kdtune.errors import InputError
from kdtune.fairness import (
    auc,
    calibration,
    difference_over_groups,
    expected_calibration_error,
    worst_subgroup_accuracy,
)


def drawn(seed: int, n_classes: int, n: int = 300) -> tuple[Any, Any, Any]:
    rng = np.random.default_rng(seed)
    logits = np.round(rng.normal(size=(n, n_classes)), 1)  # rounded, so that there are ties
    labels = (logits + 1.5 * rng.gumbel(size=logits.shape)).argmax(axis=1)
    exponentials = np.exp(logits)
    return labels, exponentials / exponentials.sum(axis=1, keepdims=True), rng.integers(-1, 3, size=n)


@pytest.mark.parametrize("seed", range(6))
def test_auc_of_two_classes_is_scikit_learn_s(seed: int) -> None:
    labels, scores, _ = drawn(seed, 2)
    assert auc(labels, scores) == pytest.approx(roc_auc_score(labels, scores[:, 1]), abs=1e-14)


@pytest.mark.parametrize("seed", range(6))
def test_auc_of_more_classes_is_scikit_learn_s_one_against_the_rest(seed: int) -> None:
    labels, scores, _ = drawn(seed, 4)
    expected = roc_auc_score(labels, scores, multi_class="ovr", average="macro")
    assert auc(labels, scores) == pytest.approx(expected, abs=1e-14)


def test_auc_needs_examples_on_both_sides() -> None:
    assert np.isnan(auc([1, 1], [[0.2, 0.8], [0.3, 0.7]]))
    assert np.isnan(auc([], np.empty((0, 2))))
    assert auc([0, 1], [[0.5, 0.5], [0.5, 0.5]]) == 0.5


@pytest.mark.parametrize("n_classes", [2, 5])
def test_calibration_error_is_that_of_the_export(n_classes: int) -> None:
    labels, scores, _ = drawn(0, n_classes)
    assert expected_calibration_error(labels, scores) == calibration(labels, scores, resamples=1).error


@pytest.mark.parametrize("measure", [auc, expected_calibration_error])
def test_the_difference_over_groups_is_that_of_the_groups_alone(measure: Any) -> None:
    labels, scores, groups = drawn(1, 3)
    each = [measure(labels[groups == g], scores[groups == g]) for g in range(3)]
    assert difference_over_groups(measure, labels, scores, groups) == max(each) - min(each)
    assert np.isnan(difference_over_groups(measure, labels, scores, np.zeros_like(groups)))
    assert np.isnan(difference_over_groups(measure, labels, scores, np.full_like(groups, -1)))


def test_the_worst_subgroup_is_an_intersection_that_occurs() -> None:
    labels, scores, race = drawn(2, 3)
    guesses = scores.argmax(axis=1)
    sex = np.random.default_rng(5).integers(-1, 2, size=len(labels))
    cells = [
        (labels == guesses)[(race == r) & (sex == s)].mean()
        for r in range(3)
        for s in range(2)
        if ((race == r) & (sex == s)).any()
    ]
    assert worst_subgroup_accuracy(labels, guesses, {"race": race, "sex": sex}) == pytest.approx(min(cells))
    alone = worst_subgroup_accuracy(labels, guesses, {"race": race})
    assert alone == pytest.approx(min((labels == guesses)[race == r].mean() for r in range(3)))
    assert np.isnan(worst_subgroup_accuracy(labels, guesses, {}))
    assert np.isnan(worst_subgroup_accuracy([0], [0], {"race": [-1]}))


def test_shapes_that_do_not_agree_are_refused() -> None:
    with pytest.raises(InputError, match="labels has 3"):
        auc([0, 1, 1], [[0.5, 0.5]])
    with pytest.raises(InputError, match=r"must be \[n, classes\]"):
        auc([0], [0.5])
