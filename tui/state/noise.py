"""Doubt that follows from counts alone: intervals of rates and of class bias.

Counts do not say which examples two models are right on. So two students are compared as if they had been tested on
different examples; tested on the same ones, as they are, they can be told apart a little better than is said here.
"""

import math
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from kdtune.fairness import Counts, wilson

Floats = npt.NDArray[np.float64]
Interval = tuple[float, float]

Z = 1.959964
"""The normal quantile of a 95 % interval."""


@lru_cache(maxsize=8192)
def share_interval(share: float, n: int) -> Interval:
    """Return the 95 % interval of a share of n examples (Wilson)."""
    if n < 1 or math.isnan(share):
        return math.nan, math.nan
    low, high = wilson(round(share * n), n)
    return float(low), float(high)


def difference(a: float, around_a: Interval, b: float, around_b: Interval) -> Interval:
    """Return the 95 % interval of a − b from those of a and b (Newcombe 1998: the square-and-add method)."""
    low = a - b - math.hypot(a - around_a[0], around_b[1] - b)
    high = a - b + math.hypot(around_a[1] - a, b - around_b[0])
    return low, high


def class_bias_margin(student: Counts, reference: Counts) -> Floats:
    """Return half the width of the 95 % interval of each class's bias, [C], by the delta method; NaN if undefined."""
    return np.asarray(Z * np.sqrt(_relative_variance(student) + _relative_variance(reference)))


def _relative_variance(counts: Counts) -> Floats:
    """Return the variance of each class's accuracy over that of all, [C], around (hits + ½) / (examples + 1)."""
    examples = counts.examples.sum(axis=0).astype(np.float64)
    hits = counts.hits.sum(axis=0)
    n = examples.sum()
    if not n or not hits.sum():
        return np.full(len(examples), np.nan)
    share = (hits + 0.5) / (examples + 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        variance = np.where(examples > 0, share * (1 - share) / examples, 0.0)
    weight = examples / n
    whole = float((weight * share).sum())
    through_whole = share / whole**2  # how the ratio falls as the accuracy of all grows
    others = (weight**2 * variance).sum()
    own = (1 / whole - through_whole * weight) ** 2 * variance
    found = own + through_whole**2 * (others - weight**2 * variance)
    return np.where(examples > 0, found, np.nan)
