"""Counting: from predictions to `Counts`, one `np.bincount` a table."""

import numpy as np
import numpy.typing as npt

from kdtune.errors import InputError
from kdtune.fairness._arrays import MOST_CELLS, check_same_length, classes, groups_of, whole
from kdtune.fairness._counts import Counts
from kdtune.order import check_same_order


def count(
    y_true: npt.ArrayLike,
    y_pred: npt.ArrayLike,
    groups: npt.ArrayLike | None = None,
    *,
    n_classes: int,
    n_groups: int | None = None,
) -> Counts:
    """Count examples, predictions and hits per group and class.

    Args:
        y_true: integer classes [n], 0 <= y < n_classes.
        y_pred: integer classes [n], likewise.
        groups: integer groups [n]; -1 says that an example's group is unknown: such examples are left out,
            and their number is kept in `n_missing`. Without groups all examples form one.
        n_classes: C; a class need not occur.
        n_groups: G; a group need not occur, so that an absent one is missing and not forgotten. Left out, the
            highest group that occurs decides.

    Raises:
        InputError: lengths differ, an entry is no integer, or it is out of range.
    """
    check_same_order("fairness", {"y_true": y_true, "y_pred": y_pred, "groups": groups})
    true = classes("y_true", y_true, n_classes)
    guess = classes("y_pred", y_pred, n_classes)
    check_same_length("y_pred", guess, "y_true", true)

    n_missing = 0
    if groups is None:
        n_groups = 1 if n_groups is None else n_groups
        if n_groups != 1:
            raise InputError(f"n_groups is {n_groups}, but no groups were given")
        true_cell, guess_cell = true, guess
    else:
        group, n_groups = groups_of(groups, n_groups)
        check_same_length("groups", group, "y_true", true)
        known = group >= 0
        n_missing = int(group.size - np.count_nonzero(known))
        if n_missing:
            true, guess, group = true[known], guess[known], group[known]
        true_cell, guess_cell = group * n_classes + true, group * n_classes + guess

    whole("n_groups * n_classes", n_groups * n_classes, most=MOST_CELLS)
    shape = (n_groups, n_classes)
    cells = n_groups * n_classes
    return Counts(
        np.bincount(true_cell, minlength=cells).reshape(shape),
        np.bincount(guess_cell, minlength=cells).reshape(shape),
        np.bincount(true_cell[true_cell == guess_cell], minlength=cells).reshape(shape),
        n_missing,
    )
