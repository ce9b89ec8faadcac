import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kdtune.errors import InputError
from kdtune.fairness import Counts, count


@st.composite
def predictions(draw, max_classes=4, max_groups=4, missing=True):
    n_classes = draw(st.integers(2, max_classes))
    n_groups = draw(st.integers(1, max_groups))
    n = draw(st.integers(0, 40))
    column = lambda low, high: st.lists(st.integers(low, high), min_size=n, max_size=n)  # noqa: E731
    y_true, y_pred = (draw(column(0, n_classes - 1)) for _ in range(2))
    groups = draw(column(-1 if missing else 0, n_groups - 1))
    return np.array(y_true, int), np.array(y_pred, int), np.array(groups, int), n_classes, n_groups


def by_hand(y_true, y_pred, groups, n_classes, n_groups):
    examples, predicted, hits = (np.zeros((n_groups, n_classes), int) for _ in range(3))
    n_missing = 0
    for t, p, g in zip(y_true, y_pred, groups, strict=True):
        if g == -1:
            n_missing += 1
            continue
        examples[g, t] += 1
        predicted[g, p] += 1
        hits[g, t] += t == p
    return Counts(examples, predicted, hits, n_missing)


@given(predictions())
def test_equals_a_loop(data) -> None:
    y, p, g, C, G = data
    assert count(y, p, g, n_classes=C, n_groups=G) == by_hand(y, p, g, C, G)


@given(predictions(), st.randoms(use_true_random=False))
def test_order_of_examples_does_not_matter(data, random) -> None:
    y, p, g, C, G = data
    order = list(range(len(y)))
    random.shuffle(order)
    order = np.array(order, int)
    shuffled = count(y[order], p[order], g[order], n_classes=C, n_groups=G)
    assert shuffled == count(y, p, g, n_classes=C, n_groups=G)


@given(predictions(), st.integers(0, 40))
def test_parts_add_up_to_the_whole(data, cut) -> None:
    y, p, g, C, G = data
    parts = [count(y[s], p[s], g[s], n_classes=C, n_groups=G) for s in (slice(cut), slice(cut, None))]
    assert parts[0] + parts[1] == count(y, p, g, n_classes=C, n_groups=G)


@given(predictions(missing=False))
def test_summed_groups_equal_counting_without_groups(data) -> None:
    y, p, g, C, G = data
    assert count(y, p, g, n_classes=C, n_groups=G).overall() == count(y, p, n_classes=C)


def test_missing_groups_are_left_out_and_numbered() -> None:
    counts = count([0, 1, 1], [0, 1, 0], [0, -1, 1], n_classes=2)
    assert counts.n_missing == 1
    assert counts.n == 2
    assert counts.n_groups == 2
    assert counts.examples.tolist() == [[1, 0], [0, 1]]


def test_declared_group_without_examples_is_kept() -> None:
    assert count([0], [0], [0], n_classes=2, n_groups=3).examples.tolist() == [[1, 0], [0, 0], [0, 0]]


def test_no_examples() -> None:
    counts = count([], [], n_classes=3)
    assert counts.n == 0
    assert np.isnan(counts.accuracy)


def test_small_integer_types_do_not_overflow() -> None:
    y = np.array([99], np.int8)
    assert count(y, y, np.array([9], np.int8), n_classes=100, n_groups=10).hits[9, 99] == 1


def test_takes_tensors() -> None:
    torch = pytest.importorskip("torch")
    y = torch.tensor([0, 1, 1])
    assert count(y, y, y, n_classes=2) == count([0, 1, 1], [0, 1, 1], [0, 1, 1], n_classes=2)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: count([0, 1], [0], n_classes=2), r"y_pred has 1 entries, y_true has 2"),
        (lambda: count([0, 2], [0, 1], n_classes=2), r"y_true\[1\] is 2, outside 0\.\.1"),
        (lambda: count([0, 1], [0, -1], n_classes=2), r"y_pred\[1\] is -1, outside 0\.\.1"),
        (lambda: count([0], [0], [-2], n_classes=2), r"groups\[0\] is -2, outside -1\.\.0"),
        (lambda: count([0], [0], [3], n_classes=2, n_groups=2), r"groups\[0\] is 3, outside -1\.\.1"),
        (lambda: count([0.0], [0], n_classes=2), r"y_true must hold integers, got float64"),
        (lambda: count([[0]], [[0]], n_classes=2), r"one dimension"),
        (lambda: count([0], [0], n_classes=0), r"n_classes must be at least 1"),
        (lambda: count([0], [0], [0], n_classes=1, n_groups=0), r"n_groups must be at least 1"),
        (lambda: count([0], [0], n_classes=2, n_groups=2), r"no groups were given"),
    ],
)
def test_bad_input_is_named(call, message) -> None:
    with pytest.raises(InputError, match=message):
        call()
