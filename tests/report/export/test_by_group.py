import numpy as np
import pytest

from kdtune.fairness import count
from kdtune.report.export.results.by_group import by_group


def test_rates_are_those_of_the_counts() -> None:
    rng = np.random.default_rng(0)
    labels, guess, groups = rng.integers(0, 3, 500), rng.integers(0, 3, 500), rng.integers(-1, 2, 500)
    table = by_group(labels, guess, {"g": groups}, attributes={"g": ("a", "b")}, classes=("x", "y", "z"))
    counts = count(labels, guess, groups, n_classes=3, n_groups=2)
    assert table["n"].tolist() == counts.group_sizes.tolist()
    assert table["accuracy"].to_numpy() == pytest.approx(counts.group_accuracy)
    for c, name in enumerate("xyz"):
        assert table[f"TPR {name}"].to_numpy() == pytest.approx(counts.tpr[:, c])
        assert table[f"FPR {name}"].to_numpy() == pytest.approx(counts.fpr[:, c])
        assert table[f"selection rate {name}"].to_numpy() == pytest.approx(counts.selection_rate[:, c])


def test_undefined_is_not_zero_and_an_absent_group_is_there() -> None:
    table = by_group(
        np.array([0, 0, 1]),
        np.array([0, 1, 1]),
        {"g": np.array([0, 0, 1])},
        attributes={"g": ("a", "b", "absent")},
        classes=("no", "yes"),
    )
    assert list(table.columns) == [
        "attribute",
        "group",
        "n",
        "accuracy",
        "TPR yes",
        "FPR yes",
        "selection rate yes",
    ]
    assert table["n"].tolist() == [2, 1, 0]
    assert np.isnan(table["TPR yes"][0])
    assert table["TPR yes"][1] == 1.0
    assert np.isnan(table["accuracy"][2])


def test_data_without_groups_give_an_empty_table() -> None:
    assert len(by_group(np.array([0]), np.array([0]), {}, attributes={}, classes=("no", "yes"))) == 0
