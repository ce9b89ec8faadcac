import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kdtune.errors import InputError
from kdtune.fairness import Counts, class_bias, count, disagreement, mean_class_bias


def one_group(examples, hits):
    """Counts with these hits; the errors are predictions of the next class."""
    examples, hits = np.array(examples), np.array(hits)
    return Counts(examples[None], (hits + np.roll(examples - hits, 1))[None], hits[None])


def test_class_bias_by_hand() -> None:
    teacher = one_group([10, 10], [9, 7])  # accuracy 0.8: relative 1.125, 0.875
    student = one_group([10, 10], [6, 4])  # accuracy 0.5: relative 1.2, 0.8
    assert class_bias(student, teacher) == pytest.approx([0.075, -0.075])
    assert mean_class_bias(student, teacher) == pytest.approx(0.075)


def test_losing_every_class_in_proportion_is_no_bias() -> None:
    teacher, student = one_group([10, 20, 40], [8, 16, 24]), one_group([10, 20, 40], [4, 8, 12])
    assert class_bias(student, teacher) == pytest.approx([0, 0, 0])


@given(st.lists(st.tuples(st.integers(1, 9), st.integers(1, 9)), min_size=2, max_size=5))
def test_bias_is_antisymmetric_and_cancels_over_balanced_classes(hits) -> None:
    a, b = (one_group([9] * len(hits), list(column)) for column in zip(*hits, strict=True))
    assert class_bias(a, b) == pytest.approx(-class_bias(b, a))
    assert class_bias(a, b).sum() == pytest.approx(0, abs=1e-12)
    assert class_bias(a, a).tolist() == [0] * len(hits)


def test_undefined_class_bias() -> None:
    teacher = one_group([10, 0], [9, 0])
    assert np.isnan(class_bias(teacher, teacher)).tolist() == [False, True]
    assert np.isnan(mean_class_bias(teacher, teacher))
    wrong = one_group([5, 5], [0, 0])
    assert np.isnan(class_bias(wrong, one_group([5, 5], [5, 5]))).all()


def test_class_bias_needs_the_same_classes() -> None:
    with pytest.raises(InputError, match="2 and 3 classes"):
        class_bias(one_group([1, 1], [1, 1]), one_group([1, 1, 1], [1, 1, 1]))


def test_disagreement_by_hand() -> None:
    matrix = disagreement([0, 0, 0, 1, 2, 2], [0, 1, 1, 1, 0, 2], n_classes=3)
    assert matrix.tolist() == [[0, 2, 0], [0, 0, 0], [1, 0, 0]]
    assert matrix.dtype == np.int64


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3))))
def test_disagreement_is_transposed_by_swapping_the_models(pairs) -> None:
    teacher, student = [t for t, _ in pairs], [s for _, s in pairs]
    matrix = disagreement(teacher, student, n_classes=4)
    assert matrix.sum() == sum(t != s for t, s in pairs)
    assert (np.diagonal(matrix) == 0).all()
    assert (disagreement(student, teacher, n_classes=4) == matrix.T).all()


@pytest.mark.parametrize(
    ("teacher", "student", "message"),
    [
        ([0, 3], [0, 1], r"teacher_pred\[1\] is 3, outside 0\.\.2"),
        ([0, -1], [0, 1], r"teacher_pred\[1\] is -1, outside 0\.\.2"),
        ([0, 1], [0, -1], r"student_pred\[1\] is -1, outside 0\.\.2"),
        ([0, 1], [0], r"student_pred has 1 entries, teacher_pred has 2"),
        ([0.5], [0], r"teacher_pred must hold integers"),
    ],
)
def test_bad_predictions_are_named(teacher, student, message) -> None:
    with pytest.raises(InputError, match=message):
        disagreement(teacher, student, n_classes=3)


def test_disagreement_accepts_the_same_input_as_count() -> None:
    assert disagreement([], [], n_classes=2).tolist() == [[0, 0], [0, 0]]
    assert count([], [], n_classes=2).n == 0
