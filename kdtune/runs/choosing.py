"""What students are chosen by: their values on validation and on training examples, counted together.

A front of values on validation alone is to a good part a front of luck, the more so the smaller validation is. What a
student answers on the examples that it was trained on is no estimate of what it will do, but it has other luck:
counted together, they choose students that do better on test (the section `truth` of `benchmarks/RESULTS.md`). At most
as many training examples count as validation has, so that a student does not win by knowing its examples by heart. None
count where classes and groups are distributed otherwise in training than in validation: they would speak of other data.
"""

import math
from collections.abc import Sequence

import numpy as np
from scipy.special import gammaincc

from kdtune.fairness import Counts
from kdtune.runs.objectives import Objective, References
from kdtune.runs.records import Report
from kdtune.runs.state import ModelState


def pooled_values(report: Report, objectives: Sequence[Objective]) -> dict[str, float]:
    """Return the objectives' values on validation and training examples together.

    Those are left out that can't be had so: what does not follow from counts, and what compares with another model. All
    are left out where training examples are not distributed as validation.
    """
    values: dict[str, float] = {}
    if not all(
        is_alike(own, report.training[name]) for name, own in report.counts.items() if name in report.training
    ):
        return values
    for objective in objectives:
        measure, own = objective.measure, report.counts.get(objective.attribute)
        seen = report.training.get(objective.attribute)
        if own is None or seen is None or measure.of_counts is None or measure.need in ("teacher", "nds"):
            continue
        values[objective.name] = objective.of_counts(own + seen, References())
    return values


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
    return freedom == 0 or float(gammaincc(freedom / 2, statistic / 2)) >= _UNLIKELY


_UNLIKELY = 1e-3


def values_to_choose_by(
    models: Sequence[ModelState], names: Sequence[str], *, raw: bool = False
) -> np.ndarray:
    """Return the values that a front of these models is computed from, float [n, len(names)]; NaN where undefined.

    They are those on validation and training examples together where every model has them, because values of both kinds
    can't be compared: a run of an earlier kdtune has none.

    Args:
        raw: those on validation alone.
    """
    columns = [_column(models, name, raw=raw) for name in names]
    return np.array(columns, dtype=float).T.reshape(len(models), len(names))


def _column(models: Sequence[ModelState], name: str, *, raw: bool) -> list[float]:
    if not raw and all(_is_pooled(model, name) for model in models):
        return [value_to_choose_by(model, name) for model in models]
    return [model.values.get(name, math.nan) for model in models]


def _is_pooled(model: ModelState, name: str) -> bool:
    return name in model.pooled or math.isnan(model.values.get(name, math.nan))


def value_to_choose_by(model: ModelState, name: str) -> float:
    """Return the value of one model by itself, which a sampler is told."""
    return model.pooled[name] if name in model.pooled else model.values.get(name, math.nan)
