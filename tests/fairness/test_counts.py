import json

import numpy as np
import pytest
from fairlearn.metrics import demographic_parity_difference, equalized_odds_difference
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from kdtune.errors import InputError
from kdtune.fairness import Counts, count

nan = float("nan")


@st.composite
def tables(draw, *, min_classes=2, max_classes=4, min_groups=1, max_groups=4, largest=6):
    """Counts from a random confusion table [G, C, C]."""
    G = draw(st.integers(min_groups, max_groups))
    C = draw(st.integers(min_classes, max_classes))
    cells = draw(st.lists(st.integers(0, largest), min_size=G * C * C, max_size=G * C * C))
    return np.array(cells, int).reshape(G, C, C)


def from_confusion(confusion):
    """Counts of a confusion table [G, true, predicted]."""
    return Counts(confusion.sum(2), confusion.sum(1), np.diagonal(confusion, axis1=1, axis2=2))


def unrolled(confusion):
    g, t, p = (np.repeat(axis.ravel(), confusion.ravel()) for axis in np.indices(confusion.shape))
    return t, p, g


# --- equal to fairlearn wherever every rate is defined


# fairlearn takes some 50 ms a call, hence fewer examples.
@settings(max_examples=40, deadline=None)
@given(tables(max_classes=2, min_groups=2))
def test_binary_gaps_equal_fairlearn(confusion) -> None:
    assume((confusion.sum(2) > 0).all())
    y, p, g = unrolled(confusion)
    counts = count(y, p, g, n_classes=2)
    assert counts.n_undefined == 0
    assert counts.dpd == demographic_parity_difference(y, p, sensitive_features=g)
    assert counts.eod == equalized_odds_difference(y, p, sensitive_features=g)


@settings(max_examples=15, deadline=None)
@given(tables(min_classes=3, max_classes=4, min_groups=2, max_groups=3, largest=4))
def test_multi_class_gaps_equal_fairlearn_one_against_the_rest(confusion) -> None:
    examples = confusion.sum(2)
    assume((examples > 0).all())
    y, p, g = unrolled(confusion)
    counts = count(y, p, g, n_classes=confusion.shape[1])
    assert counts.n_undefined == 0
    rest = [(y == c, p == c) for c in range(confusion.shape[1])]
    dpd = [demographic_parity_difference(*pair, sensitive_features=g) for pair in rest]
    eod = [equalized_odds_difference(*pair, sensitive_features=g) for pair in rest]
    assert counts.dpd_by_class.tolist() == dpd
    assert counts.eod_by_class.tolist() == eod
    assert (counts.dpd, counts.eod) == (np.mean(dpd), np.mean(eod))
    assert (counts.dpd_worst_class, counts.eod_worst_class) == (max(dpd), max(eod))


# --- where fairlearn is not followed


def test_perfect_classifier_with_a_group_without_positives_is_undefined_not_unequal() -> None:
    y = np.array([0, 1, 0, 0])
    g = np.array([0, 0, 1, 1])
    assert equalized_odds_difference(y, y, sensitive_features=g) == 1.0
    counts = count(y, y, g, n_classes=2)
    assert np.isnan(counts.eod)
    assert counts.n_undefined == 1
    assert counts.undefined(["male", "female"], ["dog", "cat"]) == [
        "TPR of class 'cat' in group 'female': no examples"
    ]


def test_a_third_group_without_positives_leaves_the_gap_of_the_others() -> None:
    y = np.array([0, 1, 0, 1, 0, 0])
    p = np.array([0, 1, 0, 0, 0, 0])
    g = np.array([0, 0, 1, 1, 2, 2])
    counts = count(y, p, g, n_classes=2)
    assert counts.eod == 1.0
    assert counts.n_undefined == 1


def test_constant_classifier_has_no_gaps_but_its_accuracy_shows() -> None:
    y = np.array([0, 1, 1, 0, 1, 0])
    p = np.zeros(6, int)
    g = np.array([0, 0, 0, 1, 1, 1])
    assert equalized_odds_difference(y, p, sensitive_features=g) == 0.0
    counts = count(y, p, g, n_classes=2)
    # Every rate has a denominator, so the gaps are honestly 0: a constraint on accuracy must keep it out.
    assert (counts.eod, counts.dpd, counts.n_undefined) == (0.0, 0.0, 0)
    assert counts.worst_class_accuracy == 0.0


def test_constant_classifier_on_single_class_groups_is_undefined_though_fairlearn_says_equal() -> None:
    y = np.array([0, 0, 1, 1])
    p = np.zeros(4, int)
    g = np.array([0, 0, 1, 1])
    assert equalized_odds_difference(y, p, sensitive_features=g) == 0.0
    counts = count(y, p, g, n_classes=2)
    assert np.isnan(counts.eod)
    assert counts.n_undefined == 2


def test_a_class_that_only_one_group_has_makes_the_mean_undefined() -> None:
    y = np.array([0, 1, 2, 0, 1, 1])
    counts = count(y, y, [0, 0, 0, 1, 1, 1], n_classes=3)
    assert counts.eod_by_class.tolist() == pytest.approx([0.0, 0.0, nan], nan_ok=True)
    assert np.isnan(counts.eod)
    assert np.isnan(counts.eod_worst_class)
    assert counts.dpd == pytest.approx((0 + 1 / 3 + 1 / 3) / 3)


def test_a_declared_group_without_examples_is_missing_not_in_the_way() -> None:
    y, p, g = [0, 1, 0, 1], [0, 1, 1, 0], [0, 0, 1, 1]
    two, three = (count(y, p, g, n_classes=2, n_groups=n) for n in (2, 3))
    assert (three.eod, three.dpd) == (two.eod, two.dpd) == (1.0, 0.0)
    assert (two.n_undefined, three.n_undefined) == (0, 3)
    assert len(three.undefined()) == 3


@given(tables(max_groups=1))
def test_one_group_has_no_gaps(confusion) -> None:
    counts = from_confusion(confusion)
    assert np.isnan([counts.dpd, counts.eod, counts.dpd_worst_class, counts.eod_worst_class]).all()


# --- closed forms


def test_every_quantity_of_a_small_table() -> None:
    # Group 0: 3 of class 0 (2 right), 1 of class 1 (right). Group 1: 2 of class 0, 4 of class 1 (1 right).
    counts = Counts(
        np.array([[3, 1], [2, 4]]), np.array([[2, 2], [5, 1]]), np.array([[2, 1], [2, 1]]), n_missing=7
    )
    assert (counts.n, counts.n_groups, counts.n_classes, counts.n_missing) == (10, 2, 2, 7)
    assert counts.group_sizes.tolist() == [4, 6]
    assert counts.accuracy == 0.6
    assert counts.class_accuracy.tolist() == [0.8, 0.4]
    assert counts.worst_class_accuracy == 0.4
    assert counts.class_gap == pytest.approx(0.4)
    assert counts.group_accuracy.tolist() == [0.75, 0.5]
    assert counts.worst_group_accuracy == 0.5
    assert counts.tpr.tolist() == [[2 / 3, 1.0], [1.0, 0.25]]
    assert counts.fpr.tolist() == [[0.0, 1 / 3], [0.75, 0.0]]
    assert counts.selection_rate.tolist() == [[0.5, 0.5], [5 / 6, 1 / 6]]
    assert counts.dpd == pytest.approx(1 / 3)
    assert counts.eod == 0.75
    assert counts.dpd_by_class == pytest.approx([1 / 3, 1 / 3])
    assert counts.eod_by_class == pytest.approx([0.75, 0.75])


@given(tables())
def test_perfect_classifier(confusion) -> None:
    examples = confusion.sum(2)
    assume((examples > 0).all())
    counts = Counts(examples, examples, examples)
    assert counts.accuracy == counts.worst_class_accuracy == counts.worst_group_accuracy == 1.0
    assert counts.class_gap == 0.0
    assert counts.n_groups == 1 or counts.eod == 0.0


def test_a_class_without_examples_has_no_accuracy() -> None:
    counts = count([0, 0, 1], [0, 1, 1], n_classes=3)
    assert counts.class_accuracy.tolist() == pytest.approx([0.5, 1.0, nan], nan_ok=True)
    assert counts.worst_class_accuracy == 0.5
    assert counts.class_gap == 0.5
    assert np.isnan(count([0], [0], n_classes=2).class_gap)


# --- properties


def scalars(counts):
    names = ("accuracy", "worst_class_accuracy", "class_gap", "worst_group_accuracy", "dpd", "eod")
    return [getattr(counts, name) for name in (*names, "dpd_worst_class", "eod_worst_class")]


@given(tables(), st.data())
def test_groups_may_be_renumbered(confusion, data) -> None:
    order = data.draw(st.permutations(range(confusion.shape[0])))
    a, b = from_confusion(confusion), from_confusion(confusion[list(order)])
    assert scalars(a) == pytest.approx(scalars(b), nan_ok=True)
    assert a.n_undefined == b.n_undefined


@given(tables(), st.data())
def test_classes_may_be_renumbered(confusion, data) -> None:
    order = list(data.draw(st.permutations(range(confusion.shape[1]))))
    a, b = from_confusion(confusion), from_confusion(confusion[:, order][:, :, order])
    assert scalars(a) == pytest.approx(scalars(b), nan_ok=True)
    assert a.eod_by_class[order] == pytest.approx(b.eod_by_class, nan_ok=True)


@given(tables(), st.integers(2, 5))
def test_rates_do_not_depend_on_size(confusion, times) -> None:
    assert scalars(from_confusion(confusion)) == scalars_equal(from_confusion(confusion * times))


def scalars_equal(counts):
    return pytest.approx(scalars(counts), nan_ok=True)


@given(tables())
def test_defined_gaps_lie_between_0_and_1(confusion) -> None:
    values = np.array(scalars(from_confusion(confusion)))
    values = values[~np.isnan(values)]
    assert ((values >= 0) & (values <= 1)).all()


@given(tables())
def test_a_second_equal_group_hides_nothing(confusion) -> None:
    doubled = from_confusion(np.concatenate([confusion, confusion]))
    counts = from_confusion(confusion)
    if counts.n_groups > 1 and counts.n_undefined == 0:
        assert scalars(doubled) == scalars_equal(counts)


# --- records


@given(tables())
def test_json_round_trip(confusion) -> None:
    counts = from_confusion(confusion)
    assert Counts.from_dict(json.loads(json.dumps(counts.to_dict()))) == counts


def test_cannot_be_changed() -> None:
    counts = count([0], [0], n_classes=2)
    with pytest.raises(ValueError, match="read-only"):
        counts.hits[0, 0] = 9
    with pytest.raises(TypeError, match="unhashable"):
        hash(counts)


def test_equality() -> None:
    a = count([0, 1], [0, 1], n_classes=2)
    assert a != count([0, 1], [1, 1], n_classes=2)
    assert a != count([0, 1], [0, 1], n_classes=3)
    assert a != count([0, 1, 1], [0, 1, 1], [0, 0, -1], n_classes=2)
    assert a != "counts"


def test_only_like_shapes_add() -> None:
    with pytest.raises(InputError, match="same groups and classes"):
        count([0], [0], n_classes=2) + count([0], [0], n_classes=3)


GOOD = {"examples": [[2, 1]], "predicted": [[1, 2]], "hits": [[1, 1]], "n_missing": 0}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"examples": [[2, -1]]}, "negative"),
        ({"hits": [[2, 1]]}, "group 0, class 0 has 2 hits"),
        ({"predicted": [[1, 1]]}, "3 examples but 2 predictions"),
        ({"predicted": [[1, 2], [0, 0]]}, "'predicted' has the shape"),
        ({"predicted": [[1, 2], [0]]}, "differ in length"),
        ({"examples": [[2.0, 1.0]]}, "integers"),
        ({"examples": [[True, False]]}, "integers"),
        ({"examples": "many"}, "integers"),
        ({"examples": [[2**70, 1]]}, "integers"),
        ({"examples": [2, 1], "predicted": [1, 2], "hits": [1, 1]}, r"\[groups, classes\]"),
        ({"n_missing": 1.5}, "n_missing"),
        ({"n_missing": -1}, "n_missing"),
    ],
)
def test_impossible_records_are_refused(change, message) -> None:
    assert Counts.from_dict(GOOD).n == 3
    with pytest.raises(InputError, match=message):
        Counts.from_dict({**GOOD, **change})


def test_incomplete_records_are_refused() -> None:
    with pytest.raises(InputError, match="lack 'hits'"):
        Counts.from_dict({"examples": [[1, 1]], "predicted": [[1, 1]]})
    with pytest.raises(InputError, match="mapping"):
        Counts.from_dict([1])  # type: ignore[arg-type]


def test_names_must_fit() -> None:
    with pytest.raises(InputError, match="3 group names for counts with 1"):
        count([0], [0], n_classes=2).undefined(["a", "b", "c"])
