import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from kdtune.errors import InputError
from kdtune.fairness import (
    GAP_QUANTITIES,
    Counts,
    base_rate_gap,
    chance_floor,
    class_bias_chance,
    class_bias_interval,
    count,
    gap_interval,
    mean_class_bias,
    measured_gap,
    wilson,
)


def equal_groups(n_groups, n_classes=2, per_class=50, hits=45):
    """Every group alike; errors go round the classes, so that examples and predictions agree."""
    table = np.full((n_groups, n_classes), per_class)
    return Counts(table, table, np.full((n_groups, n_classes), hits))


def drawn(rng, positives, negatives, tpr, fpr):
    """Binary counts of groups with known true rates."""
    hits, alarms = rng.binomial(positives, tpr), rng.binomial(negatives, fpr)
    predicted = hits + alarms
    return Counts(
        np.stack([negatives, positives], 1),
        np.stack([positives + negatives - predicted, predicted], 1),
        np.stack([negatives - alarms, hits], 1),
    )


# --- wilson


@given(st.integers(0, 50), st.integers(0, 50), st.sampled_from([0.5, 0.9, 0.95, 0.99]))
def test_wilson_equals_scipy(hits, misses, level) -> None:
    n = hits + misses
    low, high = wilson(hits, n, level)
    if n == 0:
        assert math.isnan(low)
        assert math.isnan(high)
        return
    expected = binomtest(hits, n).proportion_ci(level, method="wilson")
    assert (low, high) == pytest.approx((expected.low, expected.high), abs=1e-12)
    assert 0 <= low <= hits / n <= high <= 1


def test_wilson_keeps_the_shape() -> None:
    low, high = wilson(np.array([[1, 2], [0, 0]]), np.array([10, 0]) + np.array([[0, 2], [0, 0]]))
    assert low.shape == high.shape == (2, 2)
    assert np.isnan(low).tolist() == [[False, False], [False, True]]


@pytest.mark.parametrize(("hits", "n", "level"), [(3, 2, 0.9), (-1, 2, 0.9), (1, 2, 1.0), (1, 2, 0)])
def test_wilson_refuses_what_is_no_share(hits, n, level) -> None:
    with pytest.raises(InputError):
        wilson(hits, n, level)


# --- the gap that chance alone shows


def test_floor_of_two_groups_equals_the_closed_form() -> None:
    # The TPR gap of two groups of 50 is |N(0, s²)| with s² = 2 · 0.9 · 0.1 / 50, the FPR gap likewise, and
    # the mean of the larger of two such is 2 s / sqrt(pi).
    expected = 2 * math.sqrt(2 * 0.09 / 50) / math.sqrt(math.pi)
    assert expected == pytest.approx(0.068, abs=0.0005)
    assert chance_floor(equal_groups(2), resamples=20_000).mean == pytest.approx(expected, abs=0.002)


def test_floor_of_eight_groups_equals_the_expected_range() -> None:
    # The larger of two ranges of eight normal rates, by simulation apart from ours; DESIGN.md gives 0.139.
    normal = np.random.default_rng(1).normal(0, math.sqrt(0.09 / 50), size=(20_000, 2, 8))
    expected = np.ptp(normal, axis=2).max(axis=1)
    floor = chance_floor(equal_groups(8), resamples=20_000)
    assert floor.mean == pytest.approx(0.139, abs=0.002)
    assert floor.mean == pytest.approx(expected.mean(), abs=0.003)
    assert floor.high == pytest.approx(np.quantile(expected, 0.95), abs=0.01)


@pytest.mark.parametrize("quantity", GAP_QUANTITIES)
@pytest.mark.parametrize("n_classes", [2, 3])
def test_floor_falls_with_the_root_of_the_size(quantity, n_classes) -> None:
    small, large = (
        chance_floor(equal_groups(3, n_classes, 40 * k, 32 * k), quantity=quantity, resamples=4000).mean
        for k in (1, 16)
    )
    assert small / large == pytest.approx(4, rel=0.1)


def test_floor_equals_permuting_the_predictions_within_each_class() -> None:
    rng = np.random.default_rng(3)
    y, g = rng.integers(0, 2, 400), rng.integers(0, 3, 400)
    p = np.where(rng.random(400) < 0.8, y, 1 - y)
    for quantity in ("eod", "dpd"):
        permuted = []
        for _ in range(1000):
            shuffled = p.copy()
            for c in (0, 1):
                shuffled[y == c] = rng.permutation(p[y == c])
            permuted.append(getattr(count(y, shuffled, g, n_classes=2), quantity))
        floor = chance_floor(count(y, p, g, n_classes=2), quantity=quantity, resamples=4000)
        assert floor.mean == pytest.approx(np.mean(permuted), rel=0.05)
        assert floor.high == pytest.approx(np.quantile(permuted, 0.95), rel=0.07)


def test_floor_equals_permuting_the_groups_of_predictions_and_of_answers() -> None:
    rng = np.random.default_rng(3)
    y, g = rng.integers(0, 2, 400), rng.integers(0, 3, 400)
    p = np.where(rng.random(400) < 0.8, y, 1 - y)
    counts = count(y, p, g, n_classes=2)
    precisions, accuracies = [], []
    for _ in range(2000):
        shuffled = np.where(p == 1, rng.permutation(g[p == 1])[np.cumsum(p == 1) - 1], g)
        precisions.append(measured_gap(count(y, p, shuffled, n_classes=2), "predictive_parity_difference"))
        accuracies.append(measured_gap(count(y, p, rng.permutation(g), n_classes=2), "accuracy_difference"))
    for quantity, values in (
        ("predictive_parity_difference", precisions),
        ("accuracy_difference", accuracies),
    ):
        floor = chance_floor(counts, quantity=quantity, resamples=4000)
        assert floor.mean == pytest.approx(np.mean(values), rel=0.06)
        assert floor.high == pytest.approx(np.quantile(values, 0.95), rel=0.08)


def test_floor_of_a_perfect_classifier_is_what_its_labels_say() -> None:
    table = np.array([[30, 10], [20, 20]])
    perfect = Counts(table, table, table)
    assert chance_floor(perfect, quantity="eod") == (0.0, 0.0)
    assert chance_floor(perfect, quantity="dpd") == pytest.approx((0.25, 0.25))


# --- intervals of gaps


@pytest.mark.parametrize(
    ("tpr", "size"),
    [
        ((0.9, 0.9), 50),
        ((0.9, 0.8), 50),
        ((0.9, 0.6), 50),
        ((1.0, 0.95), 10),
        (np.linspace(0.95, 0.7, 8), 50),
    ],
)
@pytest.mark.parametrize("quantity", GAP_QUANTITIES)
def test_intervals_cover_the_truth(tpr, size, quantity) -> None:
    rng = np.random.default_rng(0)
    tpr = np.array(tpr)
    sizes = np.full(len(tpr), size)
    truth = {
        "eod": np.ptp(tpr),
        "dpd": np.ptp(tpr) / 2,
        "equal_opportunity_difference": np.ptp(tpr),
        "predictive_parity_difference": np.ptp(tpr / (tpr + 0.1)),
        "accuracy_difference": np.ptp(tpr) / 2,
    }[quantity]
    covered = 0
    for seed in range(400):
        counts = drawn(rng, sizes, sizes, tpr, 0.1)
        low, high = gap_interval(counts, quantity=quantity, resamples=300, seed=seed)
        covered += low - 1e-12 <= truth <= high + 1e-12
    assert covered >= 368  # 92 %: 95 % less two standard errors of 200 draws


def test_intervals_are_not_vacuous() -> None:
    rng = np.random.default_rng(0)
    sizes = np.array([2000, 2000])
    low, high = gap_interval(drawn(rng, sizes, sizes, np.array([0.9, 0.6]), 0.1))
    assert 0.25 < low < 0.3 < high < 0.35


def test_ten_of_ten_is_no_certainty() -> None:
    interval = gap_interval(equal_groups(2, 2, 10, 10))
    assert interval.low == 0
    assert interval.high > 0.1


def test_a_higher_level_is_wider() -> None:
    counts = equal_groups(3)
    assert gap_interval(counts, level=0.5).high < gap_interval(counts, level=0.99).high


@pytest.mark.parametrize("function", [gap_interval, chance_floor])
@pytest.mark.parametrize("quantity", GAP_QUANTITIES)
def test_seeds_decide(function, quantity) -> None:
    counts = equal_groups(3, 4)
    assert function(counts, quantity=quantity, seed=1) == function(counts, quantity=quantity, seed=1)
    others = {tuple(function(counts, quantity=quantity, seed=seed)) for seed in range(1, 9)}
    assert len(others) > 1, "ends of few examples lie on few values, so that two seeds may agree"


@pytest.mark.parametrize("function", [gap_interval, chance_floor])
def test_undefined_stays_undefined(function) -> None:
    one_group = equal_groups(1)
    for quantity in GAP_QUANTITIES:
        assert np.isnan(function(one_group, quantity=quantity)).all()


@pytest.mark.parametrize("function", [gap_interval, chance_floor])
def test_an_absent_group_changes_nothing(function) -> None:
    two = equal_groups(2)
    three = Counts(*(np.vstack([t, [[0, 0]]]) for t in (two.examples, two.predicted, two.hits)))
    assert function(three, resamples=5000) == pytest.approx(function(two, resamples=5000), abs=0.01)


@pytest.mark.parametrize("function", [gap_interval, chance_floor])
def test_bad_input_is_refused(function) -> None:
    with pytest.raises(InputError, match="quantity"):
        function(equal_groups(2), quantity="tpr")
    with pytest.raises(InputError, match="resamples"):
        function(equal_groups(2), resamples=0)
    with pytest.raises(InputError, match="level"):
        gap_interval(equal_groups(2), level=95)


# --- class bias


def trained(rng, sizes, shares):
    """Counts of one group: hits drawn, errors given to the class after."""
    sizes = np.array(sizes)
    hits = rng.binomial(sizes, shares)
    return Counts(sizes[None], (hits + np.roll(sizes - hits, 1))[None], hits[None])


def test_identical_models_show_a_class_bias_of_a_tenth() -> None:
    """50 images of each of 10 classes at 69 %: the chance value, against models that are drawn alike."""
    rng = np.random.default_rng(0)
    pairs = [[trained(rng, [50] * 10, 0.69) for _ in range(2)] for _ in range(500)]
    biases = [mean_class_bias(*pair) for pair in pairs]
    assert np.mean(biases) == pytest.approx(0.10, abs=0.005)
    floors = [class_bias_chance(*pair, resamples=300) for pair in pairs[:50]]
    assert np.mean([floor.mean for floor in floors]) == pytest.approx(np.mean(biases), rel=0.03)
    assert np.mean([floor.high for floor in floors]) == pytest.approx(np.quantile(biases, 0.95), rel=0.05)


@pytest.mark.parametrize(
    "shares",
    [
        pytest.param([0.69] * 10, id="no bias"),
        pytest.param([0.9, 0.5] * 5, id="strong bias"),
        pytest.param([0.95, 0.9, 0.9, 1.0], id="near certainty"),
    ],
)
def test_intervals_of_class_bias_cover_the_truth(shares) -> None:
    rng = np.random.default_rng(0)
    true = np.abs(np.array(shares) / np.mean(shares) - 1).mean()
    covered = 0
    for seed in range(200):
        student, reference = (trained(rng, [50] * len(shares), p) for p in (shares, 0.69))
        low, high = class_bias_interval(student, reference, resamples=300, seed=seed)
        covered += low - 1e-12 <= true <= high + 1e-12
    assert covered >= 184


def test_undefined_class_bias_has_no_interval() -> None:
    empty = Counts(*[np.array([[10, 0]])] * 3)
    assert np.isnan(class_bias_interval(empty, empty)).all()
    assert np.isnan(class_bias_chance(empty, empty)).all()
    with pytest.raises(InputError, match="resamples"):
        class_bias_chance(empty, empty, resamples=0)


# --- label base rates


def test_base_rate_gap() -> None:
    table = np.array([[30, 10], [20, 20]])
    result = base_rate_gap(Counts(table, np.array([[40, 0], [40, 0]]), np.array([[30, 0], [20, 0]])))
    assert result.value == 0.25
    assert result.by_class.tolist() == [0.25, 0.25]
    assert math.isnan(base_rate_gap(equal_groups(1)).value)
