"""What students are chosen by: their values on validation, corrected by what they answer on training examples.

A front of values on validation alone is to a good part a front of luck, the more so the smaller validation is. What a
student answers on the examples that it was trained on is no estimate of what it will do, but it has other luck. So its
counts are added to those of validation, with three cautions. At most as many training examples count as validation has,
and none where classes and groups are distributed otherwise there. A student counts the less with them, the more it
overfits. And they count the less for an objective, the less both agree about how students differ in it. Of the rules
that were tried, this is the one that was nowhere worse on test: see "Whether a front holds" in `benchmarks/RESULTS.md`.
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
    """Objectives by name, as the training examples have them.

    Attributes:
        seen: on the training examples alone.
        pooled: on validation, moved towards validation and training together as far as the student does not overfit.
    """

    seen: dict[str, float]
    pooled: dict[str, float]


def training_values(report: Report, objectives: Sequence[Objective]) -> TrainingValues:
    """Return what the training examples say of a student.

    Those objectives are left out for which they say nothing: that do not follow from counts, or compare with another
    model. All are left out where training examples are not distributed as validation.
    """
    found = TrainingValues({}, {})
    tables = [(own, report.training[name]) for name, own in report.counts.items() if name in report.training]
    if ALL not in report.training or not all(is_alike(own, seen) for own, seen in tables):
        return found
    share = trust(report.counts[ALL], report.training[ALL])
    for objective in objectives:
        measure, name = objective.measure, objective.attribute
        if measure.of_counts is None or measure.need in ("teacher", "nds") or name not in report.training:
            continue
        own, seen, both = (
            objective.of_counts(counts, References())
            for counts in (
                report.counts[name],
                report.training[name],
                report.counts[name] + report.training[name],
            )
        )
        found.seen[objective.name] = seen
        found.pooled[objective.name] = own + share * (both - own)
    return found


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


def trust(own: Counts, seen: Counts) -> float:
    """Return how much a student's training examples may count: 1 unless it overfits.

    With z the difference between its accuracies on validation and on training examples, in standard errors, it is 1 up
    to z = 1, and 1 / z² beyond.
    """
    accuracy = (own + seen).accuracy
    variance = accuracy * (1 - accuracy) * (1 / own.n + 1 / seen.n)
    squared = (seen.accuracy - own.accuracy) ** 2
    return 1.0 if squared <= variance else variance / squared


def corrected(values: Floats, seen: Floats, pooled: Floats, feasible: npt.NDArray[np.bool_]) -> Floats:
    """Return the values of one objective by which students are chosen, [n].

    They go from `values` on validation towards `pooled` by the correlation of `values` and `seen` over the feasible
    students; not at all if it is negative, or of fewer than eight.
    """
    known = feasible & np.isfinite(values) & np.isfinite(seen)
    one, other = values[known], seen[known]
    if len(one) < _FEWEST or min(np.ptp(one), np.ptp(other)) < 1e-12:
        return values
    share = max(0.0, float(np.corrcoef(one, other)[0, 1]))
    return np.where(np.isfinite(pooled), values + share * (pooled - values), values)


_FEWEST = 8


def values_to_choose_by(
    models: Sequence[ModelState], names: Sequence[str], feasible: npt.NDArray[np.bool_]
) -> Floats:
    """Return the values that a front of these models is computed from, [n, len(names)]; NaN where undefined.

    Values on validation are corrected only where training examples speak of every feasible student: a run that an
    earlier kdtune began has students of whom they don't.

    Args:
        feasible: which models may be on the front, [n].
    """
    columns = []
    for name in names:
        own = _column([model.values for model in models], name)
        if all(name in model.pooled for model, may in zip(models, feasible, strict=True) if may):
            seen, pooled = (
                _column(kind, name) for kind in ([m.seen for m in models], [m.pooled for m in models])
            )
            own = corrected(own, seen, pooled, feasible)
        columns.append(own)
    return np.array(columns, dtype=float).T.reshape(len(models), len(names))


def _column(values: Sequence[Mapping[str, float]], name: str) -> Floats:
    return np.array([row.get(name, math.nan) for row in values], dtype=float)


def possible_values(models: Sequence[ModelState], names: Sequence[str]) -> Floats:
    """Return all values that a model may be chosen by, now or later: on validation, and corrected in full.

    Whoever is dominated in all of them can't come onto the front however much training examples will count.

    Returns:
        [n, 2 * len(names)]: a column of either kind for each name.
    """
    rows = [
        [
            *(m.values.get(n, math.nan) for n in names),
            *(m.pooled.get(n, m.values.get(n, math.nan)) for n in names),
        ]
        for m in models
    ]
    return np.array(rows, dtype=float).reshape(len(models), 2 * len(names))
