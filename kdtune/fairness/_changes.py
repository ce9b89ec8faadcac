"""On which examples one model is right and another is not, class by class or group by group."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from kdtune.fairness._arrays import MOST_CELLS, check_range, check_same_length, integers, whole
from kdtune.fairness._rates import Floats, Ints, ratio
from kdtune.order import check_same_order


class Changes(NamedTuple):
    """How right answers change from one model to another, by part of the data: [K] each.

    Attributes:
        n: examples.
        gained: examples that only the second model gets right.
        lost: examples that only the first model gets right.
        difference: change of the share of right answers; NaN without examples.
        p: p-value of no change; NaN without examples.
    """

    n: Ints
    gained: Ints
    lost: Ints
    difference: Floats
    p: Floats


def changes(
    labels: npt.ArrayLike, before: npt.ArrayLike, after: npt.ArrayLike, parts: npt.ArrayLike, *, n_parts: int
) -> Changes:
    """Count on which examples of each part the models differ, with McNemar's exact test.

    Examples on which both are right or both are wrong say nothing about a difference. If the models are equally often
    right, each of the others is a gain or a loss with probability one half (McNemar 1947).

    Args:
        labels, before, after: integers [n], true classes and the answers of the two models.
        parts: integers [n]: the class or group of each example; -1 for none.
        n_parts: K.

    Raises:
        InputError: lengths differ, or an entry is out of range.
    """
    from scipy.stats import binom  # takes seconds to load, and most commands do without

    whole("n_parts", n_parts, most=MOST_CELLS)
    check_same_order("fairness", {"labels": labels, "before": before, "after": after, "parts": parts})
    part, label = integers("parts", parts), integers("labels", labels)
    check_range("parts", part, -1, n_parts)
    right = []
    for name, given in {"before": before, "after": after}.items():
        array = integers(name, given)
        check_same_length(name, array, "labels", label)
        right.append(array == label)
    check_same_length("parts", part, "labels", label)
    known = part >= 0

    def counted(chosen: np.ndarray) -> Ints:
        return np.bincount(part[known & chosen], minlength=n_parts)

    n = counted(known)
    gained, lost = counted(right[1] & ~right[0]), counted(right[0] & ~right[1])
    p = np.minimum(2 * binom.cdf(np.minimum(gained, lost), gained + lost, 0.5), 1.0)
    return Changes(n, gained, lost, ratio(gained - lost, n), np.where(n > 0, p, np.nan))
