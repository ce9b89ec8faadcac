import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from kdtune.errors import InputError
from kdtune.fairness import affected_classes


def accuracies(seed, seeds=5, classes=6, shift=0.0):
    return np.random.default_rng(seed).uniform(0.5, 0.9, (seeds, classes)) + shift


def transformed(x, null):
    total = x.mean(axis=1, keepdims=True)
    return {"ratio": x / total, "difference": x - total, "raw": x}[null]


@pytest.mark.parametrize("null", ["ratio", "difference", "raw"])
@pytest.mark.parametrize("seeds", [(5, 5), (3, 7)])
def test_equals_scipys_welch(null, seeds) -> None:
    a, b = accuracies(0, seeds[0]), accuracies(1, seeds[1], shift=0.05)
    result = affected_classes(a, b, null=null)
    ta, tb = transformed(a, null), transformed(b, null)
    expected = stats.ttest_ind(ta, tb, equal_var=False).pvalue
    assert result.p == pytest.approx(expected)
    assert result.affected.tolist() == (expected <= 0.05).tolist()
    assert result.better.tolist() == (tb.mean(0) > ta.mean(0)).tolist()
    assert result.note == ""
    assert (result.null, result.level, result.correction) == (null, 0.05, None)


def test_nulls_differ_where_the_paper_says_so() -> None:
    # Both classes lose a fifth: in proportion nothing happened to either, in difference the better one lost
    # more.
    rng = np.random.default_rng(0)
    a = np.array([0.9, 0.5]) + rng.normal(0, 1e-4, (5, 2))
    b = np.array([0.72, 0.4]) + rng.normal(0, 1e-4, (5, 2))
    assert not affected_classes(a, b, null="ratio").affected.any()
    assert affected_classes(a, b, null="difference").affected.all()
    assert affected_classes(a, b, null="raw").affected.all()


def test_model_accuracy_may_be_given() -> None:
    a, b = accuracies(0), accuracies(1)
    totals = np.linspace(0.6, 0.7, 5), np.linspace(0.7, 0.8, 5)
    expected = stats.ttest_ind(a / totals[0][:, None], b / totals[1][:, None], equal_var=False).pvalue
    assert affected_classes(a, b, model_accuracy=totals).p == pytest.approx(expected)
    with pytest.raises(InputError, match="model_accuracy of b must be"):
        affected_classes(a, b, model_accuracy=(totals[0], totals[1][:3]))


@given(st.integers(0, 100), st.permutations(range(6)), st.permutations(range(5)))
def test_order_of_classes_and_seeds_does_not_matter(seed, classes, seeds) -> None:
    a, b = accuracies(seed), accuracies(seed + 1000)
    plain = affected_classes(a, b, correction="holm")
    turned = affected_classes(a[list(seeds)][:, list(classes)], b[:, list(classes)], correction="holm")
    assert turned.p == pytest.approx(plain.p[list(classes)])


@given(st.integers(0, 100))
def test_swapping_the_models_swaps_better_and_keeps_p(seed) -> None:
    a, b = accuracies(seed), accuracies(seed + 1000)
    one, other = affected_classes(a, b), affected_classes(b, a)
    assert one.p == pytest.approx(other.p)
    assert (one.better != other.better).all()


@pytest.mark.parametrize("null", ["ratio", "difference", "raw"])
def test_percent_or_fraction_is_the_same(null) -> None:
    a, b = accuracies(0), accuracies(1)
    assert affected_classes(a * 100, b * 100, null=null).p == pytest.approx(
        affected_classes(a, b, null=null).p
    )


# --- corrections


def test_bh_equals_scipy() -> None:
    a, b = accuracies(0), accuracies(1, shift=np.linspace(0, 0.4, 6))
    result = affected_classes(a, b, correction="bh")
    assert result.p == pytest.approx(stats.false_discovery_control(result.p_uncorrected))


def holm_by_hand(p):
    order = sorted(range(len(p)), key=lambda i: p[i])
    adjusted, floor = [0.0] * len(p), 0.0
    for rank, i in enumerate(order):
        floor = max(floor, (len(p) - rank) * p[i])
        adjusted[i] = min(1.0, floor)
    return adjusted


@given(st.integers(0, 200))
def test_corrections_only_raise_p_and_holm_is_the_stricter(seed) -> None:
    a, b = accuracies(seed), accuracies(seed + 1000, shift=np.linspace(0, 0.4, 6))
    plain, bh, holm = (affected_classes(a, b, correction=c) for c in (None, "bh", "holm"))
    assert (bh.p >= plain.p - 1e-15).all()
    assert (holm.p >= bh.p - 1e-15).all()
    assert holm.p == pytest.approx(holm_by_hand(plain.p.tolist()))


def test_noise_alone_affects_about_the_levels_share_of_classes_uncorrected() -> None:
    rng = np.random.default_rng(0)
    plain = corrected = 0
    for _ in range(200):
        a, b = rng.normal(0.7, 0.01, (2, 5, 100))
        plain += affected_classes(a, b).affected.sum()
        corrected += affected_classes(a, b, correction="bh").affected.any()
    assert 4.0 < plain / 200 < 5.0  # PAPER.md: 4.4 of 100
    assert corrected / 200 < 0.08


# --- the limits


def test_no_variance() -> None:
    a = np.tile([0.9, 0.8, 0.7], (5, 1))
    b = np.tile([0.9, 0.6, 0.7], (5, 1))
    b[:, 2] += [-0.1, 0.1, 0.0, 0.0, 0.05]
    result = affected_classes(a, b, null="raw")
    assert np.isnan(result.p[:2]).all()
    assert 0 < result.p[2] < 1
    assert result.degenerate.tolist() == [True, True, False]
    assert result.affected.tolist() == [False, False, False]
    assert "no test of 2 classes is possible" in result.note


@pytest.mark.parametrize("null", ["ratio", "difference", "raw"])
def test_rounding_is_no_variance(null) -> None:
    # 0.1 · 3 and 0.3 differ in the last bit, as accuracies computed in two ways do.
    a = np.array([[0.3, 0.3], [0.1 * 3, 0.3], [0.3, 0.1 * 3]])
    result = affected_classes(a, a[::-1], null=null)
    assert np.isnan(result.p).all()
    assert result.degenerate.all()


def near_ceiling(rng, seeds, flips, chance, size=50, classes=4000):
    """Class accuracies near 100 %: each of a few examples is missed or not, anew for every seed."""
    return 1 - rng.binomial(flips, chance, (seeds, classes)) / size


@pytest.mark.parametrize("seeds", [3, 5, 10])
@pytest.mark.parametrize("flips", [1, 3])
@pytest.mark.parametrize("chance", [0.02, 0.1, 0.3, 0.5])
def test_classes_that_hardly_vary_give_no_more_false_alarms_than_the_level(seeds, flips, chance) -> None:
    rng = np.random.default_rng(0)
    a, b = (near_ceiling(rng, seeds, flips, chance) for _ in range(2))
    assert affected_classes(a, b, null="raw", class_sizes=np.full(4000, 50)).affected.mean() <= 0.05


def test_a_variance_of_almost_nothing_proves_little() -> None:
    """One seed is off by a hundredth of an example, all others agree."""
    a, b = np.full((5, 1), 0.90), np.full((5, 1), 0.88)
    b[0] += 0.0002
    assert affected_classes(a, b, null="raw").p[0] < 1e-6
    floored = affected_classes(a, b, null="raw", class_sizes=[50])
    assert 0.005 < floored.p[0] < 0.05


def test_class_sizes_do_not_matter_where_seeds_vary() -> None:
    a, b = accuracies(0), accuracies(1, shift=0.05)
    for null in ("ratio", "difference", "raw"):
        with_sizes = affected_classes(a, b, null=null, class_sizes=[1000] * 6)
        assert with_sizes.p == pytest.approx(affected_classes(a, b, null=null).p)
    with pytest.raises(InputError, match="class_sizes"):
        affected_classes(a, b, class_sizes=[10] * 5)


@pytest.mark.parametrize("seeds", [(1, 5), (5, 1), (1, 1)])
def test_one_seed_proves_nothing(seeds) -> None:
    result = affected_classes(accuracies(0, seeds[0]), accuracies(1, seeds[1], shift=1), correction="bh")
    assert np.isnan(result.p).all()
    assert not result.affected.any()
    assert "at least two seeds" in result.note


@pytest.mark.parametrize("correction", [None, "holm", "bh"])
def test_an_undefined_class_leaves_the_others_alone(correction) -> None:
    a, b = accuracies(0), accuracies(1)
    a[0, 2] = np.nan
    result = affected_classes(a, b, null="raw", correction=correction)
    keep = [0, 1, 3, 4, 5]
    assert np.isnan(result.p[2])
    assert not result.affected[2]
    assert result.p[keep] == pytest.approx(
        affected_classes(a[:, keep], b[:, keep], null="raw", correction=correction).p
    )


def test_a_model_that_is_never_right_has_no_ratio() -> None:
    result = affected_classes(np.zeros((3, 2)), accuracies(0, 3, 2))
    assert np.isnan(result.p).all()
    assert not result.affected.any()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: affected_classes(accuracies(0), accuracies(0, classes=3)), "a has 6 classes, b has 3"),
        (lambda: affected_classes([0.5], accuracies(0)), r"a must be class accuracies \[seeds, classes\]"),
        (lambda: affected_classes(accuracies(0), np.zeros((0, 6))), "b must be class accuracies"),
        (lambda: affected_classes(accuracies(0), accuracies(0), null="ratios"), "null must be"),
        (lambda: affected_classes(accuracies(0), accuracies(0), correction="bonferroni"), "correction must"),
        (lambda: affected_classes(accuracies(0), accuracies(0), level=5), "level must lie"),
    ],
)
def test_bad_input_is_named(call, message) -> None:
    with pytest.raises(InputError, match=message):
        call()
