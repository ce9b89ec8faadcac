"""p-values adjusted for the number of tests."""

import numpy as np
import numpy.typing as npt

from kdtune.errors import InputError
from kdtune.fairness._arrays import check_level, floats, whole
from kdtune.fairness._rates import Floats


def holm(p: npt.ArrayLike) -> Floats:
    """Adjust p-values [m] so that the probability of any false alarm among them stays at the level (Holm 1979).

    The k-th smallest of m is multiplied by m - k + 1, and never falls below the one before it. NaN stays NaN and does
    not count.

    Raises:
        InputError: one is no number from 0 to 1.
    """
    adjusted = floats("p", p).copy()
    if adjusted.ndim != 1:
        raise InputError(f"p must have one dimension, got the shape {adjusted.shape}")
    wrong = (adjusted < 0) | (adjusted > 1)
    if wrong.any():
        k = int(wrong.argmax())
        raise InputError(f"p[{k}] is {adjusted[k]:g}, and p-values lie between 0 and 1")
    tested = ~np.isnan(adjusted)
    values = adjusted[tested]
    order = np.argsort(values)
    steps = np.maximum.accumulate(values[order] * np.arange(len(values), 0, -1))
    ordered = np.empty_like(values)
    ordered[order] = np.minimum(steps, 1.0)
    adjusted[tested] = ordered
    return adjusted


def pairwise_level(models: int, measures: int = 1, level: float = 0.05) -> float:
    """Return the level of each comparison of two models, so that no pair of many is called different by chance.

    Among `models` equal models, the probability that any two are called different in any of `measures` measures is
    then at most `level`: every pair may be compared, whichever the data suggest. The largest difference of all is
    that of the best and the worst, whose distribution is known (Tukey's studentized range, here with a known
    variance); measures are divided by Bonferroni.

    Raises:
        InputError: fewer than two models or one measure, or a level not between 0 and 1.
    """
    from scipy.special import ndtr

    whole("models", models, 2)
    whole("measures", measures)
    check_level(level)
    largest = np.linspace(-8.0, 8.0, 1601)
    weight = models * np.exp(-(largest**2) / 2) / np.sqrt(2 * np.pi) * (largest[1] - largest[0])
    low, high = 0.0, 16.0
    for _ in range(60):
        middle = (low + high) / 2
        below = float((weight * (ndtr(largest) - ndtr(largest - middle)) ** (models - 1)).sum())
        low, high = (middle, high) if 1 - below > level / measures else (low, middle)
    return float(2 * ndtr(-high / np.sqrt(2)))


def benjamini_hochberg(p: Floats) -> Floats:
    """Adjust p-values [m] for the share of false alarms among the rejected (Benjamini and Hochberg 1995).

    NaN stays NaN and does not count.
    """
    from scipy import stats  # takes seconds to load, and most commands do without

    adjusted = p.copy()
    tested = ~np.isnan(p)
    if tested.any():
        adjusted[tested] = stats.false_discovery_control(p[tested], method="bh")
    return adjusted
