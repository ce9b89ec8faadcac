"""Exact hypervolumes: one pure function for each of 1-D, 2-D, 3-D and n-D.

The private functions minimise. They take the distinct, finite points [n, d] of a front in lexicographic
order, and a limit [d] that they do not exceed.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from kdtune.errors import InputError
from kdtune.pareto._directions import Floats, minimised
from kdtune.pareto._dominance import front_of_distinct

# Cells of the largest temporary table of the 3-D case: 32 MB of floats.
_CELLS = 4_000_000


def hypervolume(values: npt.ArrayLike, directions: Sequence[str], reference: npt.ArrayLike) -> float:
    """Return the volume that the points dominate, up to the reference point.

    A point that is not strictly better than the reference in every column adds nothing, nor does a row with a
    NaN. Without points the volume is 0, with a contributing infinity it is infinite.

    Args:
        values: [n, d], in any order, dominated points included.
        directions: "max" or "min" for each of the d columns.
        reference: [d], the worst corner.

    Raises:
        InputError: shapes do not agree, a direction is unknown, or the reference holds a NaN.
    """
    losses = minimised(values, directions)
    corner = np.asarray(reference, dtype=np.float64)
    if corner.shape != (len(directions),) or np.isnan(corner).any():
        raise InputError(f"reference must be {len(directions)} numbers, one per column, got {reference!r}")
    limit = minimised(corner[None], directions)[0]

    losses = losses[(losses < limit).all(axis=1)]  # false for NaN
    if not len(losses):
        return 0.0
    if not (np.isfinite(losses).all() and np.isfinite(limit).all()):
        return float("inf")
    distinct = _distinct(losses)
    return _volume(distinct[front_of_distinct(distinct)], limit)


def _volume(front: Floats, limit: Floats) -> float:
    match front.shape[1]:
        case 1:
            return _volume_1d(front, limit)
        case 2:
            return _volume_2d(front, limit)
        case 3:
            return _volume_3d(front, limit)
        case _:
            return _volume_nd(front, limit)


def _distinct(values: Floats) -> Floats:
    """Return the distinct rows in order; without `return_index`, NumPy would load its masked arrays."""
    return np.unique(values, axis=0, return_index=True)[0]


def _volume_1d(front: Floats, limit: Floats) -> float:
    return float(limit[0] - front[0, 0])


def _volume_2d(front: Floats, limit: Floats) -> float:
    """Sum the columns of the staircase: from each point to the next in x, as high as the lowest y so far."""
    widths = np.diff(front[:, 0], append=limit[0])
    heights = limit[1] - np.minimum.accumulate(front[:, 1])
    return float(widths @ heights)


def _volume_3d(front: Floats, limit: Floats) -> float:
    """Cut into slabs along z; in each, sum the staircase of the points at or below it. O(n²)."""
    levels = _distinct(front[:, 2])
    thickness = np.diff(levels, append=limit[2])
    widths = np.diff(front[:, 0], append=limit[0])
    step = max(1, _CELLS // len(front))
    total = 0.0
    for start in range(0, len(levels), step):
        slabs = slice(start, start + step)
        # Points above a slab are put on the limit, where they have no area.
        y = np.where(front[:, 2] <= levels[slabs, None], front[:, 1], limit[1])
        areas = (limit[1] - np.minimum.accumulate(y, axis=1)) @ widths
        total += float(thickness[slabs] @ areas)
    return total


def _volume_nd(front: Floats, limit: Floats) -> float:
    """Add what each point dominates beyond the points before it (WFG: While, Bradstreet and Barone 2012).

    The part shared with another point is the box from their worse corner. Those before it are no worse in the
    first column, so all these boxes begin at the point's own place there: one dimension less is left.
    """
    total = 0.0
    for i, point in enumerate(front):
        own = float(np.prod(limit[1:] - point[1:]))
        if i:
            corners = _distinct(np.maximum(front[:i, 1:], point[1:]))
            own -= _volume(corners[front_of_distinct(corners)], limit[1:])
        total += float(limit[0] - point[0]) * own
    return total
