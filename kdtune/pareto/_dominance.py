"""Non-dominated sets."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from kdtune.errors import InputError
from kdtune.pareto._directions import Floats, minimised

Bools = npt.NDArray[np.bool_]


def non_dominated(
    values: npt.ArrayLike, directions: Sequence[str], feasible: npt.ArrayLike | None = None
) -> Bools:
    """Return which rows no other row dominates.

    A row dominates another if it is at least as good in every column and better in one; equal rows do not
    dominate each other, so ties are all non-dominated. A row with a NaN, or an infeasible one, is never
    non-dominated and dominates nothing.

    Args:
        values: [n, d]; infinities are ordinary values.
        directions: "max" or "min" for each of the d columns.
        feasible: bool [n]; all rows if left out.

    Returns:
        bool [n].

    Raises:
        InputError: shapes do not agree, or a direction is unknown.
    """
    losses = minimised(values, directions)
    candidate = ~np.isnan(losses).any(axis=1)
    if feasible is not None:
        allowed = np.asarray(feasible)
        if allowed.size == 0:
            allowed = allowed.astype(np.bool_)
        if allowed.shape != (len(losses),) or allowed.dtype != np.bool_:
            raise InputError(
                f"feasible must be bool [{len(losses)}], got {allowed.dtype} of the shape {allowed.shape}"
            )
        candidate &= allowed
    chosen = np.zeros(len(losses), dtype=np.bool_)
    if candidate.any():
        distinct, where = np.unique(losses[candidate], axis=0, return_inverse=True)
        chosen[candidate] = front_of_distinct(distinct)[where.ravel()]
    return chosen


def front_of_distinct(losses: Floats) -> Bools:
    """Return which of n > 0 distinct rows (minimised, in lexicographic order) are non-dominated: [n, d] -> [n].

    In this order a row can be dominated only by one before it.
    """
    if losses.shape[1] == 1:
        return np.asarray(np.arange(len(losses)) == 0)
    if losses.shape[1] == 2:
        best_before = np.minimum.accumulate(losses[:, 1])[:-1]
        return np.concatenate(([True], losses[1:, 1] < best_before))
    front = np.zeros(len(losses), dtype=np.bool_)
    left = np.arange(len(losses))
    while left.size:
        front[left[0]] = True
        # A row that is nowhere better than the head is dominated by it, or is the head itself.
        left = left[(losses[left] < losses[left[0]]).any(axis=1)]
    return front
