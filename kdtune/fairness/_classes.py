"""What distillation does to single classes: class bias, and who disagrees with the teacher about what."""

import numpy as np
import numpy.typing as npt

from kdtune.errors import InputError
from kdtune.fairness._arrays import MOST_CELLS, check_same_length, classes, whole
from kdtune.fairness._counts import Counts
from kdtune.fairness._rates import Floats, Ints, relative
from kdtune.order import check_same_order


def class_bias(student: Counts, reference: Counts) -> Floats:
    """Return how relative class accuracy (class accuracy / accuracy) changes from reference to student.

    Positive: the class gained more than the model as a whole. The ratio is that of the paper's class-bias
        test (Mohammadshahi and Ioannou 2025).

    Returns:
        [C]; NaN for a class without examples in either, everywhere if either accuracy is 0 or undefined.

    Raises:
        InputError: the two count different numbers of classes.
    """
    if student.n_classes != reference.n_classes:
        raise InputError(
            f"class bias compares like with like: {student.n_classes} and {reference.n_classes} classes"
        )
    first, second = (
        relative(counts.class_accuracy, counts.examples.sum(axis=0)) for counts in (student, reference)
    )
    return np.asarray(first - second)


def mean_class_bias(student: Counts, reference: Counts) -> float:
    """Return the mean over the classes of |class_bias|; NaN if that of any class is undefined."""
    return float(np.abs(class_bias(student, reference)).mean())


def disagreement(teacher_pred: npt.ArrayLike, student_pred: npt.ArrayLike, *, n_classes: int) -> Ints:
    """Count the examples on which two models differ, by what each of them says.

    Args:
        teacher_pred: integer classes [n].
        student_pred: integer classes [n], for the same examples in the same order.
        n_classes: C.

    Returns:
        int64 [C, C], rows the teacher's class, columns the student's; the diagonal (agreement) is 0.

    Raises:
        InputError: lengths differ, an entry is no integer, or it is out of range.
    """
    check_same_order("fairness", {"teacher_pred": teacher_pred, "student_pred": student_pred})
    whole("n_classes", n_classes, most=int(MOST_CELLS**0.5))
    teacher = classes("teacher_pred", teacher_pred, n_classes)
    student = classes("student_pred", student_pred, n_classes)
    check_same_length("student_pred", student, "teacher_pred", teacher)
    matrix = np.bincount(teacher * n_classes + student, minlength=n_classes**2).reshape(n_classes, n_classes)
    np.fill_diagonal(matrix, 0)
    return matrix
