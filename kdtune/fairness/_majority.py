"""Whether a model knows more than which class is the most frequent one."""

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
    """

    constant: bool
    difference: float
    p: float

    @property
    def z(self) -> float:
        """The standard normal quantile that belongs to p, at most 37 either way; NaN without examples."""
        from scipy.special import ndtri

        return float(np.clip(-ndtri(self.p), -_LARGEST_Z, _LARGEST_Z))

    def beyond_noise(self, level: float = 0.05) -> bool:
        """Return whether the model is better than the majority answer beyond noise."""
        return bool(self.p <= level)


def against_majority(counts: Counts) -> AgainstMajority:
    """Compare a model with the answer that is most often right, on the same examples.

    By McNemar's exact test, one-sided. Counts suffice for it: the majority answer is right on all examples of its
    class and wrong on all others, so that a model gains its hits outside this class and loses its misses inside.
    """
    from scipy.special import bdtr

    everyone = counts.overall()
    examples, hits, predicted = everyone.examples[0], everyone.hits[0], everyone.predicted[0]
    n = int(examples.sum())
    if n == 0:
        return AgainstMajority(False, float("nan"), float("nan"))
    majority = int(examples.argmax())
    gained, lost = int(hits.sum() - hits[majority]), int(examples[majority] - hits[majority])
    p = float(bdtr(lost, gained + lost, 0.5)) if gained + lost else 1.0
    return AgainstMajority(int(np.count_nonzero(predicted)) == 1, (gained - lost) / n, p)
