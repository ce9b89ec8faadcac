"""EOD, DPD, accuracy and individual fairness: values by seed, their mean and spread, and their chance values."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from kdtune.fairness import GAPS, ChanceFloor, Gap, base_rate_gap, chance_floor
from kdtune.report.study.results.evaluate import SHARED
from kdtune.report.study.results.reading import ModelOnTest, Series, Study
from kdtune.report.study.statistics.trend import Trend, trend
from kdtune.runs.records import ALL

_RESAMPLES = 200

Value = Callable[[ModelOnTest], float]


@dataclass(frozen=True)
class Spread:
    """Mean and standard deviation (n - 1) over seeds; NaN if undefined, as the spread of fewer than 2 values is."""

    mean: float
    std: float
    n: int


def spread(models: Sequence[ModelOnTest], value: Value) -> Spread:
    """Return the mean and spread of a value over the models for which it is defined."""
    return spread_of(np.array([value(model) for model in models], dtype=float))


def spread_of(values: np.ndarray) -> Spread:
    """Return the mean and spread of values; NaN is left out."""
    values = values[~np.isnan(values)]
    nan = float("nan")
    mean = float(values.mean()) if len(values) else nan
    return Spread(mean, float(values.std(ddof=1)) if len(values) > 1 else nan, len(values))


def accuracy(model: ModelOnTest) -> float:
    """Return a model's accuracy."""
    return model.counts[ALL].accuracy


def gap_value(attribute: str, quantity: Gap) -> Value:
    """Return the function that gives a model's EOD or DPD over an attribute."""
    return lambda model: float(getattr(model.counts[attribute], quantity))


def individual_value(series: Series) -> Value:
    """Return the function that gives a model's I(f), in the feature space that the series' models share."""

    def value(model: ModelOnTest) -> float:
        values = model.individual
        return values.get(series.teacher_name, values.get(SHARED, float("nan")))

    return value


def chance(models: Sequence[ModelOnTest], attribute: str, quantity: Gap) -> ChanceFloor:
    """Return the gap of equal true and false positive rates in all groups at these sizes; means over the models."""
    floors = np.array(
        [chance_floor(m.counts[attribute], quantity=quantity, resamples=_RESAMPLES) for m in models[:5]]
    ).reshape(-1, 2)
    defined = floors[~np.isnan(floors).any(axis=1)]
    return ChanceFloor(*defined.mean(axis=0).tolist()) if len(defined) else ChanceFloor(np.nan, np.nan)


def label_gap(study: Study, attribute: str) -> float:
    """Return the base-rate gap of the labels: the DPD of a model that is always right."""
    for series in study.series:
        for model in (*series.nds, *series.teachers):
            return base_rate_gap(model.counts[attribute]).value
    return float("nan")


def ranges(temperatures: Sequence[float]) -> list[tuple[str, list[float]]]:
    """Return the ranges of T for trends: all values, and those on each side of 10 if there are at least three."""
    low, high = [t for t in temperatures if t <= 10], [t for t in temperatures if t >= 10]
    found = [("all", list(temperatures))]
    if 3 <= len(low) < len(temperatures):
        found.append(("T ≤ 10", low))
    if 3 <= len(high) < len(temperatures):
        found.append(("T ≥ 10", high))
    return found


def trend_of(series: Series, temperatures: Sequence[float], value: Value) -> Trend:
    """Return the trend of a value over T."""
    return trend(temperatures, [[(m.seed, value(m)) for m in series.students[t]] for t in temperatures])


def trend_quantities(study: Study, series: Series) -> list[tuple[str, Value]]:
    """Return the quantities whose trends are shown, with their names."""
    found: list[tuple[str, Value]] = [("accuracy", accuracy)]
    for attribute in study.attributes:
        found += [(f"{gap.upper()} over {attribute}", gap_value(attribute, gap)) for gap in GAPS]
    if has_individual(series):
        found.append(("individual fairness", individual_value(series)))
    return found


def has_individual(series: Series) -> bool:
    """Return whether individual fairness was measured."""
    return any(not np.isnan(individual_value(series)(m)) for m in (*series.nds, *series.teachers))
