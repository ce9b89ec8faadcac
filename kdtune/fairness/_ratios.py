"""Ratios of rates between groups, as audits ask for them beside the differences."""

from typing import NamedTuple

import numpy as np

from kdtune.fairness._counts import Counts
from kdtune.fairness._rates import Floats, lowest, ratio

FOUR_FIFTHS = 0.8
"""In US employment law a selection rate below this share of the highest one is evidence of adverse impact (29 CFR
1607.4 D). It is a convention, not a test: small groups miss it by chance."""


class RateRatios(NamedTuple):
    """The lowest rate over the highest one, of the groups where it is defined: [C] each.

    NaN with fewer than two such groups, or where no group has the rate above 0.
    """

    selection_rate: Floats
    tpr: Floats
    fpr: Floats


def rate_ratios(counts: Counts) -> RateRatios:
    """Return the ratios of selection rates, true and false positive rates between the groups, one-vs-rest."""
    return RateRatios(*(_ratio(rates) for rates in (counts.selection_rate, counts.tpr, counts.fpr)))


def _ratio(rates: Floats) -> Floats:
    comparable = (~np.isnan(rates)).sum(axis=0) >= 2
    return np.where(comparable, ratio(lowest(rates, axis=0), -lowest(-rates, axis=0)), np.nan)
