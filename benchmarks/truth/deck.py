"""What a policy may know of a split: the students that were trained on it, and validation."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from benchmarks.truth.training import SplitStudents
from benchmarks.truth.view import Cells
from kdtune.fairness import Counts

Who = tuple[int, int]
"""A student: its configuration, and its seed or fold."""


@dataclass(frozen=True)
class Deck:
    """The students of one split and what a sweep may know of them.

    Attributes:
        numbers: [C, d], what was searched, each setting placed on [0, 1] within its range.
        pairs: int [C], which pair a configuration has.
        rows: the examples of validation.
        values: accuracy and gap of each student on validation, [C, S, 2].
        larger: the same on validation that is so many times as large.
        train: accuracy and gap of each student on the examples that it was trained on, [C, S, 2].
        counted: the same on at most as many of those as validation has, [C, S, 2].
        pooled: the same on validation and so many times as many of them together, or all of them (None).
        is_alike: whether classes and groups are distributed alike in training and in validation.
        curves: accuracy and gap on validation after each epoch, of each first seed, [C, epochs, 2]; maybe empty.
        folds: counts of [C, folds] students, each on the part that it was not trained on; None without folds.
        budget: students that a policy may train.
        bound: accuracy that a student must reach on validation.
        gap: the second objective.
    """

    numbers: np.ndarray
    pairs: np.ndarray
    students: SplitStudents
    rows: np.ndarray
    values: np.ndarray
    larger: Mapping[int, np.ndarray]
    train: np.ndarray
    counted: np.ndarray
    pooled: Mapping[float | None, np.ndarray]
    is_alike: bool
    curves: np.ndarray
    folds: Cells | None
    budget: int
    bound: float
    gap: str

    @property
    def settings(self) -> np.ndarray:
        """Numbers, and a column for each pair if there are several, [C, d + pairs]."""
        if not self.pairs.any():
            return self.numbers
        return np.hstack([self.numbers, np.eye(int(self.pairs.max()) + 1)[self.pairs] / np.sqrt(2)])

    def own_counts(self, who: Who) -> Counts:
        """Return a student's counts of all validation examples as one group."""
        return _overall(len(self.rows), self.values[who][0])

    def train_counts(self, who: Who) -> Counts:
        """Return the same of the training examples."""
        return _overall(len(self.students.train_labels), self.train[who][0])

    def counted_counts(self, who: Who) -> Counts:
        """Return the same of at most as many of those as validation has."""
        return _overall(min(len(self.rows), len(self.students.train_labels)), self.counted[who][0])

    @property
    def shape(self) -> tuple[int, int]:
        """Number of configurations and of seeds."""
        return self.values.shape[0], self.values.shape[1]


def _overall(n: int, accuracy: float) -> Counts:
    hits = round(n * float(accuracy))
    return Counts(np.array([[n, 0]]), np.array([[hits, n - hits]]), np.array([[hits, 0]]))
