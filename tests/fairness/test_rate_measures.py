"""Precision, recall, F1, gaps and ratios: against scikit-learn and fairlearn, which have them for two classes."""

from typing import Any

import fairlearn.metrics as theirs
import numpy as np
import pytest
from sklearn import metrics as sklearn_metrics

from kdtune import fairness
from kdtune.fairness import count

SEEDS = range(8)


def drawn(seed: int, n_classes: int, n: int = 400, n_groups: int = 3) -> tuple[Any, Any, Any]:
    rng = np.random.default_rng(seed)
    labels = rng.integers(n_classes, size=n)
    guesses = np.where(rng.random(n) < 0.6, labels, rng.integers(n_classes, size=n))
    return labels, guesses, rng.integers(n_groups, size=n)


@pytest.mark.parametrize("n_classes", [2, 3, 5])
@pytest.mark.parametrize("name", ["precision", "recall", "f1"])
@pytest.mark.parametrize("seed", SEEDS)
def test_rates_of_a_class_are_scikit_learn_s(name: str, n_classes: int, seed: int) -> None:
    labels, guesses, _ = drawn(seed, n_classes)
    score = getattr(sklearn_metrics, f"{name}_score")
    expected = score(labels, guesses, average="binary" if n_classes == 2 else "macro")
    assert getattr(fairness, name)(count(labels, guesses, n_classes=n_classes)) == pytest.approx(
        expected, abs=1e-15
    )


def _difference(score: Any, labels: Any, guesses: Any, groups: Any) -> float:
    frame = theirs.MetricFrame(metrics=score, y_true=labels, y_pred=guesses, sensitive_features=groups)
    return float(frame.difference())


THEIRS: dict[str, Any] = {
    "equal_opportunity_difference": lambda y, p, g: theirs.equal_opportunity_difference(
        y, p, sensitive_features=g
    ),
    "equal_opportunity_ratio": lambda y, p, g: theirs.equal_opportunity_ratio(y, p, sensitive_features=g),
    "demographic_parity_ratio": lambda y, p, g: theirs.demographic_parity_ratio(y, p, sensitive_features=g),
    "equalized_odds_ratio": lambda y, p, g: theirs.equalized_odds_ratio(y, p, sensitive_features=g),
    "accuracy_difference": lambda y, p, g: _difference(sklearn_metrics.accuracy_score, y, p, g),
    "predictive_parity_difference": lambda y, p, g: _difference(sklearn_metrics.precision_score, y, p, g),
}


@pytest.mark.parametrize("name", THEIRS)
@pytest.mark.parametrize("seed", SEEDS)
def test_gaps_and_ratios_between_groups_are_fairlearn_s(name: str, seed: int) -> None:
    labels, guesses, groups = drawn(seed, 2)
    counts = count(labels, guesses, groups, n_classes=2, n_groups=3)
    assert getattr(fairness, name)(counts) == pytest.approx(THEIRS[name](labels, guesses, groups), abs=1e-15)


@pytest.mark.parametrize("name", [name for name in THEIRS if not name.startswith("accuracy")])
def test_of_more_classes_it_is_the_mean_of_each_against_the_rest(name: str) -> None:
    labels, guesses, groups = drawn(3, 4)
    counts = count(labels, guesses, groups, n_classes=4, n_groups=3)
    each = [THEIRS[name]((labels == c).astype(int), (guesses == c).astype(int), groups) for c in range(4)]
    assert getattr(fairness, name)(counts) == pytest.approx(np.mean(each), abs=1e-15)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_model_without_a_false_alarm_has_an_equalized_odds_ratio(seed: int) -> None:
    """Its false positive rates are 0 in every group, and so is none of them the larger one."""
    labels, guesses, groups = drawn(seed, 2)
    for answers in (labels, labels & guesses):
        counts = count(labels, answers, groups, n_classes=2, n_groups=3)
        expected = THEIRS["equalized_odds_ratio"](labels, answers, groups)
        assert not np.isnan(expected)
        assert fairness.equalized_odds_ratio(counts) == pytest.approx(expected, abs=1e-15)
    never = count(labels, np.zeros_like(labels), groups, n_classes=2, n_groups=3)
    assert np.isnan(fairness.equalized_odds_ratio(never))


def test_what_has_no_denominator_is_undefined() -> None:
    never = count([0, 1, 1], [0, 0, 0], [0, 0, 1], n_classes=2, n_groups=2)
    assert np.isnan(fairness.precision(never))
    assert fairness.f1(never) == 0
    assert np.isnan(fairness.f1(count([0, 0], [0, 0], n_classes=2)))
    assert np.isnan(fairness.recall(count([0, 0], [0, 1], n_classes=2)))
    assert np.isnan(fairness.demographic_parity_ratio(never))
    assert np.isnan(fairness.predictive_parity_difference(never))
