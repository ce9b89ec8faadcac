"""A bank as a policy sees it, and as it is scored: measures of every student on validation and on test."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.truth.training import NO_MODEL, SplitStudents
from kdtune.fairness import Counts


@dataclass(frozen=True)
class Cells:
    """Counts of many students on one part of the examples, with a common shape [..., G, C].

    Attributes:
        examples: int [G, C].
        predicted, hits: int [students..., G, C].
        all_examples, all_hits: of all examples, those of unknown group included: int, int [students...].
    """

    examples: np.ndarray
    predicted: np.ndarray
    hits: np.ndarray
    all_examples: int
    all_hits: np.ndarray

    def counts(self, student: tuple[int, ...]) -> Counts:
        """Return one student's counts by group."""
        return Counts(self.examples, self.predicted[student], self.hits[student])

    def __add__(self, other: "Cells") -> "Cells":
        return Cells(
            self.examples + other.examples,
            self.predicted + other.predicted,
            self.hits + other.hits,
            self.all_examples + other.all_examples,
            self.all_hits + other.all_hits,
        )

    def values(self, gap: str) -> np.ndarray:
        """Return accuracy and a gap between groups (`eod` or `dpd`), float [students..., 2]."""
        with np.errstate(invalid="ignore", divide="ignore"):
            tpr = self.hits / self.examples
            fpr = (self.predicted - self.hits) / (self.examples.sum(axis=1, keepdims=True) - self.examples)
            selected = self.predicted / self.examples.sum(axis=1, keepdims=True)
        equal_odds = np.maximum(np.ptp(tpr, axis=-2), np.ptp(fpr, axis=-2))
        by_class = np.ptp(selected, axis=-2) if gap == "dpd" else equal_odds
        gaps = by_class[..., 1] if by_class.shape[-1] == 2 else by_class.mean(axis=-1)
        return np.stack([self.all_hits / self.all_examples, gaps], axis=-1)


def count_cells(students: SplitStudents, rows: np.ndarray, predictions: np.ndarray | None = None) -> Cells:
    """Count what students answer on some of the examples.

    Args:
        rows: int [k], which examples.
        predictions: uint8 [m, students...], `students.predictions` if left out.
    """
    guesses = (students.predictions if predictions is None else predictions)[rows]
    shape = guesses.shape[1:]
    guesses = guesses.reshape(len(rows), -1)
    labels, groups = students.labels[rows], students.groups[rows]
    n_classes, n_groups = int(students.labels.max()) + 1, int(students.groups.max()) + 1
    in_group = np.stack([groups == g for g in range(n_groups)]).astype(np.float32)
    predicted = np.empty((guesses.shape[1], n_groups, n_classes), dtype=np.int64)
    hits, examples = np.empty_like(predicted), np.empty((n_groups, n_classes), dtype=np.int64)
    all_hits = np.zeros(guesses.shape[1], dtype=np.int64)
    for c in range(n_classes):
        said = (guesses == c).astype(np.float32)
        right = labels == c
        predicted[:, :, c] = np.rint(in_group @ said).T
        hits[:, :, c] = np.rint((in_group * right) @ said).T
        examples[:, c] = (in_group * right).sum(axis=1)
        all_hits += np.rint(right.astype(np.float32) @ said).astype(np.int64)
    return Cells(
        examples,
        predicted.reshape(*shape, n_groups, n_classes),
        hits.reshape(*shape, n_groups, n_classes),
        len(rows),
        all_hits.reshape(shape),
    )


def influences(
    students: SplitStudents, rows: np.ndarray, who: Sequence[tuple[int, int]], gap: str
) -> np.ndarray:
    """Return how much each example moves the values of some students, to first order: [students, k, 2].

    The covariance of two students' values over samples of examples is the sum of the products.
    """
    labels, groups = students.labels[rows], students.groups[rows]
    n_classes, n_groups = int(students.labels.max()) + 1, int(students.groups.max()) + 1
    out = np.zeros((len(who), len(rows), 2))
    classes = [1] if n_classes == 2 else range(n_classes)
    for k, (c, s) in enumerate(who):
        guess = students.predictions[rows, c, s]
        right = guess == labels
        out[k, :, 0] = (right - right.mean()) / len(rows)
        for label in classes:
            best, row = -1.0, np.zeros(len(rows))
            said = guess == label
            conditions = (labels == label, labels != label) if gap == "eod" else (labels >= 0,)
            for truth in conditions:
                parts = [truth & (groups == g) for g in range(n_groups)]
                rates = [said[part].mean() if part.any() else np.nan for part in parts]
                if np.nanmax(rates) - np.nanmin(rates) > best:
                    high, low = int(np.nanargmax(rates)), int(np.nanargmin(rates))
                    best = rates[high] - rates[low]
                    row = np.zeros(len(rows))
                    row[parts[high]] += (said[parts[high]] - rates[high]) / parts[high].sum()
                    row[parts[low]] -= (said[parts[low]] - rates[low]) / parts[low].sum()
            out[k, :, 1] += row / len(classes)
    return out


def has_model(students: SplitStudents) -> np.ndarray:
    """Return which students trained to the end, bool [configurations, seeds]."""
    return np.asarray((students.predictions != NO_MODEL).all(axis=0))
