"""Does a quantity rise or fall with T? Spearman's rank correlation, with an interval over the seeds."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

_RESAMPLES = 1000


@dataclass(frozen=True)
class Trend:
    """A rank correlation of T with a quantity, over all seeds.

    Attributes:
        rho: NaN where undefined.
        low, high: 95 % percentile interval, seeds drawn again with replacement; NaN with fewer than 3 seeds.
        n: number of models.
    """

    rho: float
    low: float
    high: float
    n: int
    note: str = ""


def trend(temperatures: Sequence[float], values: Sequence[Sequence[tuple[int, float]]]) -> Trend:
    """Return the trend of a quantity over T.

    Args:
        temperatures: in any order.
        values: for each T, (seed, value) of each model; NaN values are left out.

    Seeds are resampled whole, because the models of one seed learn from the same teacher.
    """
    points = [
        (float(t), seed, value)
        for t, models in zip(temperatures, values, strict=True)
        for seed, value in models
        if not np.isnan(value)
    ]
    nan = float("nan")
    if len({t for t, _, _ in points}) < 3:
        return Trend(nan, nan, nan, len(points), "fewer than 3 temperatures")
    x, y = (np.array([point[k] for point in points]) for k in (0, 2))
    rho = float(_spearman(x, y, np.ones((1, len(points))))[0])
    if np.isnan(rho):
        return Trend(nan, nan, nan, len(points), "the same value everywhere")
    seeds = np.array([point[1] for point in points])
    distinct = np.unique(seeds)
    if len(distinct) < 3:
        return Trend(rho, nan, nan, len(points), f"{len(distinct)} seeds: no interval")
    rng = np.random.default_rng(0)
    drawn = rng.multinomial(len(distinct), np.full(len(distinct), 1 / len(distinct)), size=_RESAMPLES)
    found = _spearman(x, y, drawn[:, np.searchsorted(distinct, seeds)].astype(float))
    low, high = np.nanquantile(found, [0.025, 0.975])
    return Trend(rho, float(low), float(high), len(points))


def _spearman(x: np.ndarray, y: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Return the rank correlations [r] of r samples.

    Args:
        x, y: the points, [n].
        times: how often each sample holds each point, [r, n].

    Returns:
        [r]; NaN if x or y is the same everywhere in a sample.
    """
    a, b = _ranks(x, times), _ranks(y, times)
    n = times.sum(axis=1, keepdims=True)
    a, b = a - (times * a).sum(axis=1, keepdims=True) / n, b - (times * b).sum(axis=1, keepdims=True) / n
    size = np.sqrt((times * a * a).sum(axis=1) * (times * b * b).sum(axis=1))
    found = np.full(len(times), np.nan)
    np.divide((times * a * b).sum(axis=1), size, out=found, where=size > 0)
    return found


def _ranks(values: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Return each value's mean rank in each sample, [r, n]; equal values share their rank."""
    below = (values[:, None] < values) + 0.5 * (values[:, None] == values)
    return np.asarray(times @ below)
