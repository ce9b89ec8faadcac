import numpy as np
import pytest
from fairlearn.metrics import demographic_parity_ratio

from kdtune.fairness import count, rate_ratios


def test_the_ratio_of_selection_rates_is_fairlearns() -> None:
    rng = np.random.default_rng(0)
    labels, guess = rng.integers(0, 2, (2, 300))
    groups = rng.integers(0, 3, 300)
    found = rate_ratios(count(labels, guess, groups, n_classes=2))
    expected = demographic_parity_ratio(labels, guess, sensitive_features=groups)
    assert found.selection_rate[1] == pytest.approx(expected)


def test_ratios_of_true_and_false_positive_rates() -> None:
    labels = [1, 1, 1, 1, 0, 0] * 2
    guess = [1, 1, 1, 0, 1, 0, 1, 0, 0, 0, 0, 0]
    found = rate_ratios(count(labels, guess, [0] * 6 + [1] * 6, n_classes=2))
    assert found.tpr[1] == pytest.approx(0.25 / 0.75)
    assert found.fpr[1] == 0
    assert found.selection_rate[1] == pytest.approx((1 / 6) / (4 / 6))


def test_what_has_no_ratio_is_undefined() -> None:
    one_group = rate_ratios(count([0, 1], [1, 1], [0, 0], n_classes=2))
    assert np.isnan(one_group).all()
    nobody_selected = rate_ratios(count([0, 1, 0, 1], [0, 0, 0, 0], [0, 0, 1, 1], n_classes=2))
    assert np.isnan(nobody_selected.selection_rate[1])
    absent = rate_ratios(count([0, 1, 0, 1], [1, 1, 0, 1], [0, 0, 1, 1], n_classes=2, n_groups=3))
    assert absent.selection_rate[1] == 0.5
