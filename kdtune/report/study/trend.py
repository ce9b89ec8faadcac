"""Does a quantity rise or fall with T? Spearman's rank correlation, with an interval over the seeds."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

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

    Seeds are resampled whole, for the models of one seed learn from one teacher.
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
    rho = _spearman(x, y)
    if np.isnan(rho):
        return Trend(nan, nan, nan, len(points), "the same value everywhere")
    seeds = np.array([point[1] for point in points])
    distinct = np.unique(seeds)
    if len(distinct) < 3:
        return Trend(rho, nan, nan, len(points), f"{len(distinct)} seeds: no interval")
    rng = np.random.default_rng(0)
    rows = {seed: np.flatnonzero(seeds == seed) for seed in distinct}
    found = []
    for _ in range(_RESAMPLES):
        chosen = np.concatenate([rows[seed] for seed in rng.choice(distinct, len(distinct))])
        found.append(_spearman(x[chosen], y[chosen]))
    low, high = np.nanquantile(found, [0.025, 0.975])
    return Trend(rho, float(low), float(high), len(points))


def _spearman(x: np.ndarray, y: np.ndarray) -> float:
    a, b = stats.rankdata(x), stats.rankdata(y)
    a, b = a - a.mean(), b - b.mean()
    size = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / size if size > 0 else float("nan")
