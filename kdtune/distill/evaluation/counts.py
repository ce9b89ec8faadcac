"""The counts that a report keeps of a model's predictions."""

from collections.abc import Mapping

import numpy as np

from kdtune.distill.arrays import Arrays
from kdtune.fairness import Counts, count, disagreement
from kdtune.runs.records import LARGEST_CELLS


def count_all(arrays: Arrays, predictions: np.ndarray) -> dict[str, Counts]:
    """Return the validation counts of predictions (int [m]): of all examples, and by each sensitive attribute."""
    return _count(arrays, arrays.validation_labels, arrays.validation_groups, predictions)


def count_training(arrays: Arrays, predictions: np.ndarray) -> dict[str, Counts]:
    """Return the same of the training examples, given the predictions (int [n]) on those."""
    return _count(arrays, arrays.train_labels, arrays.train_groups, predictions)


def _count(
    arrays: Arrays, labels: np.ndarray, groups: Mapping[str, np.ndarray], predictions: np.ndarray
) -> dict[str, Counts]:
    counts = {"all": count(labels, predictions, n_classes=arrays.n_classes)}
    for name, codes in groups.items():
        counts[name] = count(
            labels, predictions, codes, n_classes=arrays.n_classes, n_groups=arrays.n_groups[name]
        )
    return counts


def largest_disagreements(
    teacher: np.ndarray, student: np.ndarray, n_classes: int
) -> tuple[tuple[int, int, int], ...]:
    """Return (teacher's class, student's class, examples) for the largest cells off the diagonal."""
    cells = disagreement(teacher, student, n_classes=n_classes)
    rows, columns = np.nonzero(cells)
    order = np.argsort(-cells[rows, columns], kind="stable")[:LARGEST_CELLS]
    return tuple((int(rows[k]), int(columns[k]), int(cells[rows[k], columns[k]])) for k in order)
