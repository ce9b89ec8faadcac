"""Thresholds by group: what fairlearn itself gives, on the examples that it was shown."""

import sys
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from kdtune.fairness import count
from kdtune.report.evaluate.thresholds import CONSTRAINTS, Thresholds
from kdtune.report.export.results.reference_points import reference_points

N = 3000


@pytest.fixture
def answers() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return probabilities, labels and groups: group 1 has more positives, and higher scores for the same label."""
    rng = np.random.default_rng(0)
    groups = rng.integers(0, 2, N)
    labels = (rng.random(N) < np.where(groups == 1, 0.6, 0.3)).astype(np.int64)
    return 1 / (1 + np.exp(-rng.normal(labels + 0.5 * groups, 1))), labels, groups


def gap(measure: str, decisions: np.ndarray, labels: np.ndarray, groups: np.ndarray) -> float:
    counts = count(labels, decisions, groups, n_classes=2, n_groups=2)
    rates = {"eod": counts.eod, "dpd": counts.dpd, "equal_opportunity_difference": np.ptp(counts.tpr[:, 1])}
    return float(rates[measure])


@pytest.mark.parametrize("measure", CONSTRAINTS)
def test_they_close_their_gap_and_decide_as_fairlearn_does(
    measure: str, answers: tuple[np.ndarray, np.ndarray, np.ndarray]
) -> None:
    from fairlearn.postprocessing import ThresholdOptimizer
    from sklearn.linear_model import LogisticRegression

    sure, labels, groups = answers
    found = Thresholds(sure, labels, groups, measure)
    decisions = found.decide(sure, groups)
    assert np.array_equal(decisions, found.decide(sure, groups)), "the same lots are drawn each time"
    before = gap(measure, (sure > 0.5).astype(int), labels, groups)
    assert gap(measure, decisions, labels, groups) < before / 2

    class Same(LogisticRegression):  # type: ignore[misc]
        def predict_proba(self, x: np.ndarray) -> np.ndarray:
            return np.hstack([1 - x, x])

    by_hand = ThresholdOptimizer(
        estimator=Same().fit(sure[:, None], labels),
        constraints=CONSTRAINTS[measure],
        prefit=True,
        predict_method="predict_proba",
    ).fit(sure[:, None], labels, sensitive_features=groups)
    assert np.array_equal(
        decisions, by_hand.predict(sure[:, None], sensitive_features=groups, random_state=0)
    )


def test_of_unknown_groups_the_model_decides(answers: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    sure, labels, groups = answers
    some = groups.copy()
    some[:100] = -1
    found = Thresholds(sure, labels, some, "eod")
    decisions = found.decide(sure, some)
    assert np.array_equal(decisions[:100], (sure[:100] > 0.5).astype(int))
    strangers = np.full(5, 7)
    assert np.array_equal(found.decide(sure[:5], strangers), (sure[:5] > 0.5).astype(int))


def test_a_group_of_one_class_only_is_no_ground_for_them(
    answers: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> None:
    sure, labels, groups = answers
    with pytest.raises(ValueError, match="Degenerate labels"):
        Thresholds(sure, np.where(groups == 1, 1, labels), groups, "eod")
    with pytest.raises(ValueError, match="no example belongs to a group"):
        Thresholds(sure, labels, np.full(N, -1), "dpd")


def test_an_export_of_more_than_two_classes_does_not_wait_for_scikit_learn(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, Thresholds.__module__, None)
    run: Any = SimpleNamespace(record=SimpleNamespace(classes=("a", "b", "c")))
    assert reference_points(run, []) == ([], [])
