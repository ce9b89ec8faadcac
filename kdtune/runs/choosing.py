"""What students are chosen by: their values on validation, and those on training examples as far as they don't overfit.

A front of values on validation alone is to a good part a front of luck, the more so the smaller validation is. What a
student answers on the examples that it was trained on is no estimate of what it will do, but it has other luck. So the
two are averaged, with two cautions. Training examples don't count where classes and groups are distributed otherwise
than in validation. And the more the students of a sweep overfit, the less their training examples count. Of the rules
that were tried, this one gains most on test without being worse on any set: see "Whether a front holds" in
`benchmarks/RESULTS.md`.
"""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from kdtune.fairness import Counts
from kdtune.runs.measures.objectives import Objective, References
from kdtune.runs.records import ALL, Report
from kdtune.runs.state import ModelState

Floats = npt.NDArray[np.float64]


class TrainingValues(NamedTuple):
    """What the training examples say of a student.

    Attributes:
        seen: objectives by name, on the training examples.
        overfit: how much more accurate it is on them than on validation, in standard errors (`overfit`).
    """

    seen: dict[str, float]
    overfit: float


def training_values(report: Report, objectives: Sequence[Objective]) -> TrainingValues | None:
    """Return what the training examples say of a student; None if they are not distributed as validation.

    Those objectives are left out for which they say nothing: that do not follow from counts, or compare with another
    model.
    """
    tables = [(own, report.training[name]) for name, own in report.counts.items() if name in report.training]
    if ALL not in report.training or not all(is_alike(own, seen) for own, seen in tables):
        return None
    counted = [
        objective
        for objective in objectives
        if objective.measure.of_counts is not None
        and objective.measure.need not in ("teacher", "nds")
        and objective.attribute in report.training
    ]
    seen = {o.name: o.of_counts(report.training[o.attribute], References()) for o in counted}
    return TrainingValues(seen, overfit(report.counts[ALL], report.training[ALL]))


def is_alike(one: Counts, other: Counts) -> bool:
    """Return whether the examples of two tables may come from one distribution over groups and classes.

    They may unless Pearson's test of homogeneity rejects it at 0.1 %.
    """
    cells = np.stack([one.examples.ravel(), other.examples.ravel()]).astype(float)
    cells = cells[:, cells.sum(axis=0) > 0]
    if not cells.any(axis=1).all():
        return False
    expected = np.outer(cells.sum(axis=1), cells.sum(axis=0)) / cells.sum()
    statistic = float(((cells - expected) ** 2 / expected).sum())
    freedom = cells.shape[1] - 1
    from scipy.special import gammaincc

    return freedom == 0 or float(gammaincc(freedom / 2, statistic / 2)) >= _UNLIKELY


_UNLIKELY = 1e-3


def overfit(own: Counts, seen: Counts) -> float:
    """Return how much more accurate a student is on training examples than on validation, in standard errors."""
    accuracy = (own + seen).accuracy
    variance = accuracy * (1 - accuracy) * (1 / own.n + 1 / seen.n)
    return (seen.accuracy - own.accuracy) / math.sqrt(variance) if variance > 0 else 0.0


def share_of_training(students: Sequence[float]) -> float:
    """Return how much training examples count beside validation: ½, or ½ / mean z² if the students overfit.

    z is how much each does (`overfit`); chance alone makes the mean of its square 1. All students of a sweep get the
    same share, because values of different shares can't be compared.
    """
    return _share(sum(z * z for z in students), len(students))


def _share(squares: float, students: int) -> float:
    return 0.5 / max(1.0, squares / students)


def values_to_choose_by(
    models: Sequence[ModelState], names: Sequence[str], feasible: npt.NDArray[np.bool_]
) -> Floats:
    """Return the values that a front of these models is computed from, [n, len(names)]; NaN where undefined.

    Args:
        feasible: which models may be on the front, [n].
    """
    chooser = Chooser(names)
    for model, may in zip(models, feasible, strict=True):
        if may:
            chooser.add(model)
    return chooser.values(models)


class Chooser:
    """Computes the values that students are chosen by, once it was told of every feasible student, one by one.

    An objective's values are those on validation unless training examples speak of every feasible student that has one:
    a run that an earlier kdtune began has students of whom they don't.

    Args:
        names: names of the objectives.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._names = tuple(names)
        self._squares, self._known, self._unknown = 0.0, 0, 0
        self._speaks = [True] * len(self._names)

    def add(self, model: ModelState) -> None:
        """Take a feasible student into account."""
        if model.overfit is None:
            self._unknown += 1
        else:
            self._known += 1
            self._squares += model.overfit**2
        for k, name in enumerate(self._names):
            if math.isfinite(model.values.get(name, math.nan)):
                self._speaks[k] &= math.isfinite(model.seen.get(name, math.nan))

    def values(self, models: Sequence[ModelState]) -> Floats:
        """Return the values that these models are chosen by, [n, len(names)]; NaN where undefined."""
        own, seen = _values(models, self._names), _seen(models, self._names)
        if self._unknown or not self._known:
            return own
        moved = own + _share(self._squares, self._known) * (seen - own)
        return np.where(np.array(self._speaks) & np.isfinite(seen), moved, own)


def possible_values(models: Sequence[ModelState], names: Sequence[str]) -> Floats:
    """Return all values that a model may be chosen by, now or later: on validation, and moved as far as can be.

    Whoever is dominated in all of them can't come onto the front however much training examples will count.

    Returns:
        [n, 2 * len(names)]: the columns on validation, then the others.
    """
    own, seen = _values(models, names), _seen(models, names)
    return np.hstack([own, np.where(np.isfinite(seen), (own + seen) / 2, own)])


def _values(models: Sequence[ModelState], names: Sequence[str]) -> Floats:
    return _table([model.values for model in models], names)


def _seen(models: Sequence[ModelState], names: Sequence[str]) -> Floats:
    return _table([model.seen for model in models], names)


def _table(rows: Sequence[Mapping[str, float]], names: Sequence[str]) -> Floats:
    found = [[row.get(name, math.nan) for name in names] for row in rows]
    return np.array(found, dtype=float).reshape(len(rows), len(names))
