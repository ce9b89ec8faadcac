"""Whether a model knows more than which class is the most frequent one."""

import math
from typing import NamedTuple

import numpy as np

from kdtune.fairness._counts import Counts

_LARGEST_Z = 37.0
"""Beyond, the probability is too small for a number."""


class AgainstMajority(NamedTuple):
    """A model compared with the one that always answers the most frequent class.

    Attributes:
        constant: whether the model gives the same answer to every example; False without examples.
        difference: its accuracy minus that of the majority answer; NaN without examples.
        p: one-sided p-value of a model that is no better; NaN without examples.
        z: the standard normal quantile that belongs to p where the model is better, and to the p-value of one that is
            no worse, with a minus, where it is worse; 0 where both are right equally often; at most 37 either way.
    """

    constant: bool
    difference: float
    p: float
    z: float

    def beyond_noise(self, level: float = 0.05) -> bool:
        """Return whether the model is better than the majority answer beyond noise."""
        return bool(self.p <= level)


def against_majority(counts: Counts) -> AgainstMajority:
    """Compare a model with the answer that is most often right, on the same examples.

    By McNemar's exact test, one-sided. Counts suffice for it: the majority answer is right on all examples of its
    class and wrong on all others, so that a model gains its hits outside this class and loses its misses inside.
    """
    from scipy.special import bdtr, ndtri

    everyone = counts.overall()
    examples, hits, predicted = everyone.examples[0], everyone.hits[0], everyone.predicted[0]
    n = int(examples.sum())
    if n == 0:
        return AgainstMajority(False, math.nan, math.nan, math.nan)
    majority = int(examples.argmax())
    gained, lost = int(hits.sum() - hits[majority]), int(examples[majority] - hits[majority])
    both = gained + lost
    p = float(bdtr(lost, both, 0.5)) if both else 1.0
    # The test is exact: p is 1 for a model that gains nothing, however little it loses.
    tail = float(bdtr(min(gained, lost), both, 0.5)) if gained != lost else 0.5
    away = min(_LARGEST_Z, -float(ndtri(tail)))
    z = (away if gained >= lost else -away) + 0.0  # no minus zero
    return AgainstMajority(int(np.count_nonzero(predicted)) == 1, (gained - lost) / n, p, z)
