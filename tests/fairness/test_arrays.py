"""What is no label, group, probability or number is refused by name, whichever function it is given to."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas
import pytest

from kdtune import fairness
from kdtune.errors import InputError

Y = np.array([0, 1, 0, 1, 1, 0])
GUESS = np.array([0, 1, 1, 1, 0, 0])
GROUPS = np.array([0, 0, 1, 1, 1, -1])
P = np.array([[0.8, 0.2], [0.3, 0.7], [0.4, 0.6], [0.1, 0.9], [0.6, 0.4], [0.5, 0.5]])
COUNTS = fairness.count(Y, GUESS, GROUPS, n_classes=2)
MASKED = np.ma.masked_array(GUESS, mask=[False, True, *[False] * 4])
TOO_LARGE = np.array([0, 0, 1, 1, 1, 2**64 - 1], dtype=np.uint64)
WITH_NAN = np.where(P == 0.9, np.nan, P)
BACKWARDS = pandas.Series(GUESS, index=range(6, 0, -1))


def difference(scores: Any, groups: Any = GROUPS) -> float:
    return fairness.difference_over_groups(fairness.auc, Y, scores, groups)


def compare(a: Any = GUESS, groups: Any = GROUPS, **options: Any) -> Any:
    return fairness.compare(Y, a, Y, groups, n_classes=2, resamples=100, **options)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: fairness.auc(Y, WITH_NAN), "probabilities[3, 1] is nan: leave the example out"),
        (lambda: difference(WITH_NAN), "probabilities[3, 1] is nan"),
        (lambda: fairness.expected_calibration_error(Y, WITH_NAN), "probabilities[3, 1] is nan"),
        (lambda: fairness.calibration(Y, WITH_NAN), "probabilities[3, 1] is nan"),
        (lambda: fairness.expected_calibration_error(Y, 100 * P), "row 0 sums to 100"),
        (lambda: fairness.expected_calibration_error(Y, np.log(P)), "must not be negative"),
        (lambda: fairness.calibration(Y, 100 * P), "row 0 sums to 100"),
        (lambda: fairness.auc(Y, np.ma.masked_greater(P, 0.8)), "probabilities has masked values"),
        (lambda: fairness.count(Y, MASKED, n_classes=2), "y_pred has masked values"),
        (
            lambda: fairness.count(Y, GUESS, np.ma.masked_less(GROUPS, 0), n_classes=2),
            "groups has masked values",
        ),
        (lambda: compare(MASKED), "predictions_a has masked values"),
        (
            lambda: fairness.count(Y, GUESS, TOO_LARGE, n_classes=2),
            "groups[5] is 18446744073709551615, too large",
        ),
        (
            lambda: fairness.count(Y, BACKWARDS, pandas.Series(GROUPS), n_classes=2),
            "groups has another index than",
        ),
        (lambda: fairness.auc(BACKWARDS, pandas.DataFrame(P)), "probabilities has another index than labels"),
        (lambda: compare(BACKWARDS, pandas.Series(GROUPS)), "groups has another index than predictions_a"),
        (lambda: difference(pandas.DataFrame(P), BACKWARDS), "groups has another index than probabilities"),
        (
            lambda: fairness.changes(pandas.Series(Y), BACKWARDS, Y, GROUPS, n_parts=2),
            "before has another index than labels",
        ),
        (
            lambda: fairness.disagreement(pandas.Series(Y), BACKWARDS, n_classes=2),
            "student_pred has another index than teacher_pred",
        ),
        (
            lambda: fairness.worst_subgroup_accuracy(Y, BACKWARDS, {"sex": pandas.Series(GROUPS)}),
            "sex has another index than predictions",
        ),
        (lambda: difference(P, GROUPS - 1), "groups[5] is -2, outside -1..0"),
        (lambda: fairness.worst_subgroup_accuracy(Y, GUESS, {"sex": GROUPS - 1}), "sex[5] is -2"),
        (
            lambda: fairness.worst_subgroup_accuracy(Y, GUESS, {"sex": GROUPS[:3]}),
            "sex has 3 entries, labels has 6",
        ),
        (lambda: fairness.worst_subgroup_accuracy(Y, GUESS, [GROUPS]), "attributes: a mapping"),  # type: ignore[arg-type]
        (lambda: fairness.small_denominators(COUNTS, 3, 5), "unknown measure over groups 3"),  # type: ignore[arg-type]
        (lambda: fairness.small_denominators(COUNTS, "eod", "5"), "fewest must be a whole number"),  # type: ignore[arg-type]
        (lambda: fairness.small_denominators(3, "eod", 5), "counts: what kdtune.fairness.count returns"),  # type: ignore[arg-type]
        (lambda: fairness.difference_over_groups("auc", Y, P, GROUPS), "measure must be a function"),  # type: ignore[arg-type]
        (lambda: fairness.wilson([1, 2], [1, 2, 3]), "the shapes (2,) and (3,), which do not fit together"),
        (lambda: fairness.small_denominators(COUNTS, "eodd", 5), "did you mean 'eod'"),
        (
            lambda: fairness.individual_fairness(P, P, epsilon=-1),
            "epsilon must be a distance, 0 or more, got -1",
        ),
        (lambda: fairness.individual_fairness(P, P, epsilon=np.nan), "epsilon must be a distance"),
        (lambda: fairness.individual_fairness(P, P, pairs=1.5), "pairs must be a whole number"),  # type: ignore[arg-type]
        (lambda: fairness.individual_fairness(P, [["a"]] * 6), "features must hold numbers"),
        (lambda: fairness.count(Y, GUESS, n_classes=2.0), "n_classes must be a whole number, got 2.0"),  # type: ignore[arg-type]
        (lambda: fairness.count(Y, GUESS, n_classes="2"), "n_classes must be a whole number, got '2'"),  # type: ignore[arg-type]
        (lambda: fairness.count(Y, GUESS, n_classes=None), "n_classes must be a whole number, got None"),  # type: ignore[arg-type]
        (lambda: fairness.count(Y, GUESS, n_classes=10**13), "n_classes must be at most 100,000,000"),
        (
            lambda: fairness.count(Y, GUESS, GROUPS, n_classes=2, n_groups=True),
            "n_groups must be a whole number",
        ),
        (
            lambda: fairness.count(Y, GUESS, GROUPS, n_classes=2, n_groups=10**8),
            "n_groups * n_classes must be at most",
        ),
        (lambda: fairness.changes(Y, Y, Y, GROUPS, n_parts="2"), "n_parts must be a whole number"),  # type: ignore[arg-type]
        (lambda: compare(level="x"), "level must lie between 0 and 1, got 'x'"),
        (lambda: fairness.gap_interval(COUNTS, level=None), "level must lie between 0 and 1, got None"),  # type: ignore[arg-type]
        (lambda: fairness.gap_interval(COUNTS, resamples=1.5), "resamples must be a whole number, got 1.5"),  # type: ignore[arg-type]
        (lambda: fairness.gap_interval(COUNTS, resamples="1"), "resamples must be a whole number"),  # type: ignore[arg-type]
        (lambda: fairness.gap_interval(COUNTS, resamples=True), "resamples must be a whole number"),
        (lambda: fairness.gap_interval(COUNTS, resamples=10**13), "resamples must be at most 1,000,000"),
        (lambda: fairness.chance_floor(COUNTS, seed=-1), "seed must be at least 0, got -1"),
        (lambda: compare(seed="x"), "seed must be a whole number, got 'x'"),
        (lambda: fairness.calibration(Y, P, resamples=0), "resamples must be at least 1, got 0"),
        (lambda: fairness.calibration(Y, P, seed=-1), "seed must be at least 0"),
        (lambda: fairness.holm([0.1, 1.2]), "p[1] is 1.2, and p-values lie between 0 and 1"),
        (lambda: fairness.holm([-0.1]), "p[0] is -0.1"),
        (lambda: fairness.holm([[0.1]]), "p must have one dimension"),
        (lambda: fairness.wilson("a", 10), "hits must hold numbers"),
        (lambda: fairness.wilson(5, 10, level="a"), "level must lie between"),  # type: ignore[arg-type]
        (lambda: fairness.pairwise_level("a"), "models must be a whole number"),  # type: ignore[arg-type]
        (lambda: fairness.count([[0], [1, 2]], GUESS, n_classes=2), "y_true is no array of numbers"),
    ],
)
def test_it_is_refused_in_one_sentence(call: Callable[[], object], said: str) -> None:
    with pytest.raises(InputError) as refused:
        call()
    assert said in str(refused.value)


def test_scores_of_any_scale_have_an_auc() -> None:
    assert fairness.auc(Y, np.log(P)) == fairness.auc(Y, P)


def test_series_in_one_order_and_lists_are_taken() -> None:
    index = list("abcdef")
    series = [pandas.Series(values, index=index) for values in (Y, GUESS, GROUPS)]
    assert fairness.count(*series, n_classes=np.int64(2)) == COUNTS
    assert fairness.holm([0.01, np.nan, 0.04]).tolist()[::2] == [0.02, 0.04]
