"""p-values adjusted for the number of tests."""

import numpy as np

from kdtune.fairness._rates import Floats


def holm(p: Floats) -> Floats:
    """Adjust p-values [m] so that the probability of any false alarm among them stays at the level (Holm 1979).

    The k-th smallest of m is multiplied by m - k + 1, and never falls below the one before it. NaN stays NaN and does
    not count.
    """
    adjusted = p.copy()
    tested = ~np.isnan(p)
    values = p[tested]
    order = np.argsort(values)
    steps = np.maximum.accumulate(values[order] * np.arange(len(values), 0, -1))
    ordered = np.empty_like(values)
    ordered[order] = np.minimum(steps, 1.0)
    adjusted[tested] = ordered
    return adjusted


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
