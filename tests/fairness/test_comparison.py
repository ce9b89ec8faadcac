"""Two models on the same examples: values, limits, and what simulations say of interval and verdict."""

import gc
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.multitest import multipletests

from kdtune.errors import InputError, UnknownNameError
from kdtune.fairness import (
    Comparison,
    compare,
    corrected,
    count,
    gap_interval,
    mean_class_bias,
    pairwise_level,
)
from kdtune.fairness._comparison import _Draws

MEASURES = (
    "accuracy", "worst_class_accuracy", "class_gap", "worst_group_accuracy", "eod", "dpd", "eod_worst_class",
    "dpd_worst_class",
)  # fmt: skip


def drawn(seed: int, n: int, n_classes: int, n_groups: int) -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng(seed)
    labels, groups = rng.integers(0, n_classes, n), rng.integers(-1, n_groups, n)
    a = np.where(rng.random(n) < 0.7, labels, rng.integers(0, n_classes, n))
    b = np.where(rng.random(n) < 0.5, a, rng.integers(0, n_classes, n))
    return labels, a, b, groups


@pytest.mark.parametrize("measure", MEASURES)
@given(st.integers(0, 10**6), st.integers(2, 5), st.integers(1, 4))
def test_values_are_those_of_the_counts(measure: str, seed: int, n_classes: int, n_groups: int) -> None:
    labels, a, b, groups = drawn(seed, 40, n_classes, n_groups)
    found = compare(
        labels, a, b, groups, measure=measure, n_classes=n_classes, n_groups=n_groups, resamples=100
    )
    grouped = groups if "group" in measure or measure[:3] in ("eod", "dpd") else None
    sizes = {"n_classes": n_classes, "n_groups": None if grouped is None else n_groups}
    values = [getattr(count(labels, guess, grouped, **sizes), measure) for guess in (a, b)]
    assert [found.a, found.b] == pytest.approx(values, nan_ok=True, abs=1e-12)
    assert found.difference == pytest.approx(values[0] - values[1], nan_ok=True, abs=1e-12)
    if np.isnan(found.difference):
        assert "undefined" in found.reason
        assert not found.beyond_noise
        assert np.isnan([found.low, found.high, found.p]).all()
    else:
        assert found.reason == ""
        assert found.low <= found.difference <= found.high
        assert found.beyond_noise == (found.p <= 0.05)


def test_class_bias_is_that_of_the_counts() -> None:
    labels, a, b, reference = drawn(0, 500, 4, 4)
    reference = np.maximum(reference, 0)
    found = compare(labels, a, b, measure="class_bias", n_classes=4, reference=reference)
    counts = [count(labels, guess, n_classes=4) for guess in (a, b, reference)]
    assert found.a == pytest.approx(mean_class_bias(counts[0], counts[2]), abs=1e-12)
    assert found.b == pytest.approx(mean_class_bias(counts[1], counts[2]), abs=1e-12)
    assert found.low <= found.difference <= found.high


@pytest.mark.parametrize("measure", MEASURES)
def test_the_same_answers_do_not_differ(measure: str) -> None:
    labels, a, _, groups = drawn(1, 300, 3, 2)
    found = compare(labels, a, a, groups, measure=measure, n_classes=3)
    assert (found.difference, found.p, found.beyond_noise) == (0, 1, False)


@pytest.mark.parametrize("measure", MEASURES)
def test_the_models_may_change_places(measure: str) -> None:
    labels, a, b, groups = drawn(2, 400, 2, 2)
    one = compare(labels, a, b, groups, measure=measure, n_classes=2, resamples=4000)
    two = compare(labels, b, a, groups, measure=measure, n_classes=2, resamples=4000)
    assert two.difference == pytest.approx(-one.difference)
    assert [-two.high, -two.low, two.p] == pytest.approx([one.low, one.high, one.p], abs=0.02)


@given(
    st.lists(st.floats(-1, 1, allow_subnormal=False), min_size=100, max_size=300),
    st.floats(0.04, 0.49, allow_subnormal=False),
)
def test_quantiles_of_draws_are_numpy_s(values: list[float], share: float) -> None:
    drawn = np.array(values)
    found = _Draws.of(drawn)
    share = max(share, 10 / len(drawn))
    assert found.low(share) == pytest.approx(np.quantile(drawn, share), abs=1e-12)
    assert found.high(share) == pytest.approx(-np.quantile(-drawn, share), abs=1e-12)


def test_three_hits_of_three_are_no_certainty() -> None:
    """The second group has three positives; one model finds all, the other none."""
    labels = np.array([0, 1] * 100 + [1] * 3 + [0] * 50)
    groups = np.array([0] * 200 + [1] * 53)
    a = labels.copy()
    b = labels.copy()
    b[200:203] = 0
    found = compare(labels, a, b, groups, measure="eod", n_classes=2)
    assert (found.a, found.b) == (0, 1)
    assert found.high > -0.6
    few = compare(labels[:202], a[:202], b[:202], groups[:202], measure="accuracy", n_classes=2)
    assert not few.beyond_noise


def test_errors_say_what_is_missing() -> None:
    labels = np.array([0, 1])
    with pytest.raises(UnknownNameError, match="did you mean 'accuracy'"):
        compare(labels, labels, labels, measure="acuracy", n_classes=2)
    with pytest.raises(InputError, match="over groups"):
        compare(labels, labels, labels, measure="eod", n_classes=2)
    with pytest.raises(InputError, match="reference"):
        compare(labels, labels, labels, measure="class_bias", n_classes=2)
    with pytest.raises(InputError, match="predictions_b has 1 entries, labels has 2"):
        compare(labels, labels, labels[:1], measure="accuracy", n_classes=2)
    with pytest.raises(InputError, match=r"groups\[1\] is 5"):
        compare(labels, labels, labels, [0, 5], n_classes=2, n_groups=2)
    with pytest.raises(InputError, match="resamples"):
        compare(labels, labels, labels, measure="accuracy", n_classes=2, resamples=10)


@pytest.fixture(scope="module")
def no_garbage() -> Iterator[None]:
    """Keep statsmodels from collecting garbage at each call: it takes a tenth of a second each time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gc, "collect", lambda: 0)
        yield


@pytest.mark.usefixtures("no_garbage")
@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_several_comparisons_are_corrected_by_holm(values: list[float]) -> None:
    single = [Comparison("eod", 0.1, 0.2, -0.1, -0.2, 0.0, p, 0.05, p <= 0.05) for p in values]
    undefined = Comparison("eod", *[float("nan")] * 6, 0.05, False, "undefined")
    found = corrected([undefined, *single])
    rejected, adjusted, *_ = multipletests(values, alpha=0.05, method="holm")
    assert [c.p for c in found[1:]] == pytest.approx(adjusted)
    assert [c.beyond_noise for c in found[1:]] == list(rejected)
    assert found[0].reason == "undefined"
    assert not found[0].beyond_noise


@pytest.mark.parametrize(("models", "measures"), [(2, 1), (3, 1), (60, 2), (1000, 3)])
def test_level_of_each_pair_is_that_of_the_studentized_range(models: int, measures: int) -> None:
    """scipy has the distribution of the range, here with a known variance (infinitely many degrees of freedom)."""
    largest = stats.studentized_range.isf(0.05 / measures, models, np.inf)
    assert pairwise_level(models, measures) == pytest.approx(2 * stats.norm.sf(largest / 2**0.5), rel=1e-3)


def test_a_rare_difference_has_a_small_p_value_and_a_wide_interval() -> None:
    """A thousand draws show nothing beyond 1 in 500; the normal distribution of the tail does."""
    labels, a, b, _ = drawn(7, 250, 2, 1)
    many = compare(labels, a, b, measure="accuracy", n_classes=2)
    strict = compare(labels, a, b, measure="accuracy", n_classes=2, level=1e-5)
    z = abs(many.difference) / np.std((a == labels) * 1.0 - (b == labels)) * len(labels) ** 0.5
    assert 1e-6 < many.p < 1e-3
    assert 0.1 < many.p / (2 * stats.norm.sf(z)) < 10
    assert (strict.high - strict.low) / (many.high - many.low) == pytest.approx(4.417 / 1.96, rel=0.15)
    with pytest.raises(InputError, match="models must be at least 2, got 1"):
        pairwise_level(1)


def test_twenty_thousand_examples_are_quick() -> None:
    labels, a, b, groups = drawn(3, 20_000, 2, 5)
    compare(labels, a, b, groups, n_classes=2)
    began = time.process_time()
    compare(labels, a, b, groups, n_classes=2)
    assert time.process_time() - began < 0.3


# --- simulations: binary rates (false and true positive) of each group, and how often the models share their luck

Rates = list[tuple[float, float]]


def simulated(
    sizes: list[tuple[int, int]], rates_a: Rates, rates_b: Rates, shared: float, measure: str, runs: int
) -> tuple[float, float, float]:
    """Return how often the interval covers the true difference, the models are called different, and intervals of
    the single models do not overlap."""
    rng = np.random.default_rng(0)
    n = np.array(sizes)
    groups, labels = np.repeat(np.arange(n.size) // 2, n.ravel()), np.repeat(np.arange(n.size) % 2, n.ravel())
    chances = [np.array(rates)[groups, labels] for rates in (rates_a, rates_b)]
    true = truth(n, np.array(rates_a), measure) - truth(n, np.array(rates_b), measure)
    covered = different = apart = 0
    for seed in range(runs):
        luck = rng.random(len(labels))
        other = np.where(rng.random(len(labels)) < shared, luck, rng.random(len(labels)))
        a, b = ((u < p).astype(int) for u, p in zip((luck, other), chances, strict=True))
        found = compare(
            labels, a, b, groups, measure=measure, n_classes=2, n_groups=len(n), resamples=400, seed=seed
        )
        covered += found.low - 1e-9 <= true <= found.high + 1e-9
        different += found.beyond_noise
        if measure == "eod":
            one, two = (
                gap_interval(count(labels, guess, groups, n_classes=2), resamples=200) for guess in (a, b)
            )
            apart += one.low > two.high or two.low > one.high
    return covered / runs, different / runs, apart / runs


def truth(n: np.ndarray, rates: np.ndarray, measure: str) -> float:
    right = np.stack([1 - rates[:, 0], rates[:, 1]], axis=1)
    return {
        "eod": lambda: np.ptp(rates, axis=0).max(),
        "dpd": lambda: np.ptp((rates * n).sum(axis=1) / n.sum(axis=1)),
        "accuracy": lambda: (right * n).sum() / n.sum(),
        "worst_group_accuracy": ((right * n).sum(axis=1) / n.sum(axis=1)).min,
    }[measure]()


COMPAS = [(300, 300), (200, 200)]
LEVEL: Rates = [(0.3, 0.7), (0.3, 0.7)]
UNEVEN: Rates = [(0.3, 0.6), (0.45, 0.8)]
RUNS = 200


@pytest.mark.parametrize(
    ("sizes", "rates_a", "rates_b", "shared", "measure"),
    [
        pytest.param(COMPAS, LEVEL, LEVEL, 0.8, "eod", id="no gap"),
        pytest.param(COMPAS, UNEVEN, UNEVEN, 0.8, "eod", id="the same gap"),
        pytest.param(COMPAS, UNEVEN, UNEVEN[::-1], 0.3, "eod", id="the same gap, the other way round"),
        pytest.param([(300, 300), (100, 3)], LEVEL, LEVEL, 0.5, "eod", id="three positives"),
        pytest.param([(500, 500)] * 2 + [(15, 15)] * 3, LEVEL[:1] * 5, LEVEL[:1] * 5, 0.5, "eod", id="tiny groups"),
        pytest.param(COMPAS, LEVEL, [(0.1, 0.9), (0.1, 0.9)], 0.5, "eod", id="other rates, no gap"),
        pytest.param(COMPAS, UNEVEN, UNEVEN, 0.8, "dpd", id="dpd"),
        pytest.param(COMPAS, UNEVEN, UNEVEN, 0.8, "accuracy", id="accuracy"),
        pytest.param(COMPAS, UNEVEN, UNEVEN, 0.8, "worst_group_accuracy", id="worst group"),
    ],
)  # fmt: skip
def test_equal_models_are_rarely_called_different(
    sizes: Any, rates_a: Rates, rates_b: Rates, shared: float, measure: str
) -> None:
    covered, different, _ = simulated(sizes, rates_a, rates_b, shared, measure, RUNS)
    assert different <= 0.05
    assert covered >= 0.93


@pytest.mark.parametrize(
    ("sizes", "rates_a", "rates_b"),
    [
        pytest.param(COMPAS, UNEVEN, [(0.28, 0.6), (0.45, 0.88)], id="0.20 and 0.28"),
        pytest.param([(50, 50)] * 2, [(0.3, 0.75), (0.3, 0.77)], [(0.3, 0.6), (0.3, 0.9)], id="small groups"),
        pytest.param([(1000, 1000)] * 2, LEVEL, [(0.3, 0.65), (0.3, 0.75)], id="none and 0.1"),
    ],
)
def test_the_interval_covers_true_differences(sizes: Any, rates_a: Rates, rates_b: Rates) -> None:
    covered, _, _ = simulated(sizes, rates_a, rates_b, 0.8, "eod", RUNS)
    assert covered >= 0.93


def test_a_difference_is_seen_that_the_overlap_of_intervals_hides() -> None:
    _, different, apart = simulated(COMPAS, UNEVEN, [(0.28, 0.6), (0.45, 0.88)], 0.8, "eod", RUNS)
    assert different > 0.5
    assert apart < 0.1
