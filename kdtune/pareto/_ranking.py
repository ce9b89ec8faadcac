"""Ranking by dominance, and an order within one rank."""

import bisect
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from kdtune.pareto._directions import Floats, minimised
from kdtune.pareto._dominance import front_of_distinct

Indices = npt.NDArray[np.intp]


def non_dominated_rank(values: npt.ArrayLike, directions: Sequence[str]) -> Indices:
    """Rank rows by dominance: 0 for the non-dominated, 1 for those of the rest, and so on.

    This is non-dominated sorting (Goldberg, 1989). Equal rows have the same rank.

    Args:
        values: [n, d]; infinities are ordinary values.
        directions: "max" or "min" for each of the d columns.

    Returns:
        int [n]; -1 for rows with a NaN.

    Raises:
        InputError: shapes do not agree, or a direction is unknown.
    """
    losses = minimised(values, directions)
    ranks = np.full(len(losses), -1, dtype=np.intp)
    rows = np.flatnonzero(~np.isnan(losses).any(axis=1))
    if len(rows):
        distinct, where = np.unique(losses[rows], axis=0, return_inverse=True)
        ranks[rows] = _ranks_of_distinct(distinct)[where.ravel()]
    return ranks


def _ranks_of_distinct(losses: Floats) -> Indices:
    """Rank distinct rows in lexicographic order, minimised: [n, d] -> [n]."""
    n, d = losses.shape
    if d == 1:
        return np.arange(n)
    ranks = np.zeros(n, dtype=np.intp)
    if d == 2:
        # A row is dominated by a front if that front's lowest second value so far is no higher (Jensen, 2003).
        lowest: list[float] = []
        for k, second in enumerate(losses[:, 1].tolist()):
            rank = bisect.bisect_right(lowest, second)
            ranks[k] = rank
            lowest[rank : rank + 1] = [second]
        return ranks
    left, rank = np.arange(n), 0
    while left.size:
        on_front = front_of_distinct(losses[left])
        ranks[left[on_front]] = rank
        left, rank = left[~on_front], rank + 1
    return ranks


def epsilon_net(values: npt.ArrayLike, directions: Sequence[str]) -> Indices:
    """Return each row's place (from 0) in an order whose every beginning covers the rows evenly.

    The best row in the first column comes first; next is always the row farthest from all before it, in units of the
    columns' own spans (the ε-net of Salinas et al., 2021, arXiv 2106.05680; Schmucker et al., 2021, arXiv 2106.12639,
    order a non-dominated rank by it). Equal rows share a place, that of the first of them, and the rows after them
    are moved back by their number. Where two rows are equally far, the lexicographically better one comes first, so
    that the order of the rows does not matter.

    Args:
        values: [n, d] without NaN; an infinity counts as one span beyond the finite values.
        directions: "max" or "min" for each of the d columns.

    Returns:
        int [n].
    """
    losses = minimised(values, directions)
    if not len(losses):
        return np.zeros(0, dtype=np.intp)
    distinct, where, copies = np.unique(losses, axis=0, return_inverse=True, return_counts=True)
    points = _in_spans(distinct)
    places = np.zeros(len(points), dtype=np.intp)
    distance = np.full(len(points), np.inf)
    taken, chosen = 0, 0
    for _ in range(len(points)):
        places[chosen] = taken
        taken += int(copies[chosen])
        # Rounded, so that a tie stays a tie when the columns are scaled.
        distance = np.minimum(distance, np.linalg.norm(points - points[chosen], axis=1).round(9))
        distance[chosen] = -1.0
        chosen = int(distance.argmax())
    return places[where.ravel()]


def _in_spans(losses: Floats) -> Floats:
    finite = np.where(np.isfinite(losses), losses, np.nan)
    known = ~np.isnan(finite).all(axis=0)
    low, high = np.zeros(losses.shape[1]), np.zeros(losses.shape[1])
    low[known], high[known] = np.nanmin(finite[:, known], axis=0), np.nanmax(finite[:, known], axis=0)
    span = np.where(high > low, high - low, 1.0)
    return np.clip((losses - low) / span, -1.0, 2.0)
