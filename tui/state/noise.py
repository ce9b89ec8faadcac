"""Doubt that follows from counts alone: intervals of rates, of class bias, and members of a front that it joins.

A run's records hold no predictions of single examples. So two students are compared as if they had been tested on
different examples; tested on the same ones, as they are, they can be told apart a little better than is said here.
"""

import math
from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from kdtune.fairness import Counts, wilson

Floats = npt.NDArray[np.float64]
Interval = tuple[float, float]

Z = 1.959964
"""The normal quantile of a 95 % interval."""

EXACT = ("parameters", "latency")
"""Measures that do not depend on the examples that a student was tested on."""


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


def steps(
    values: Sequence[Sequence[float]],
    intervals: Callable[[int, int], Interval | None],
) -> list[int] | None:
    """Return the step of each member of a front, from 0: members that do not differ beyond noise share one.

    The members come in the order of the first objective. A member begins a new step if its 95 % interval of the
    difference to the first member of the step leaves 0 out in any objective.

    Args:
        values: [members][objectives].
        intervals: returns that of member i in objective k; None while it is not known.

    Returns:
        None if an interval is not known.
    """
    found: list[int] = []
    first = 0
    for k, member in enumerate(values):
        for o, value in enumerate(member):
            own, other = intervals(k, o), intervals(first, o)
            if own is None or other is None:
                return None
            low, high = difference(value, own, values[first][o], other)
            if not low <= 0 <= high:
                first = k
                break
        found.append(0 if not found else found[-1] + (first == k))
    return found
