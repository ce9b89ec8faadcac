"""Counting: from predictions to `Counts`, one `np.bincount` a table."""

import numpy as np
import numpy.typing as npt

from kdtune.errors import InputError
from kdtune.fairness._counts import Counts
from kdtune.fairness._rates import Ints


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
    if n_classes < 1:
        raise InputError(f"n_classes must be at least 1, got {n_classes}")
    true = _integers("y_true", y_true)
    guess = _integers("y_pred", y_pred)
    _check_same_length("y_pred", guess, true)
    _check_range("y_true", true, 0, n_classes)
    _check_range("y_pred", guess, 0, n_classes)

    n_missing = 0
    if groups is None:
        n_groups = 1 if n_groups is None else n_groups
        if n_groups != 1:
            raise InputError(f"n_groups is {n_groups}, but no groups were given")
        true_cell, guess_cell = true, guess
    else:
        group = _integers("groups", groups)
        _check_same_length("groups", group, true)
        if n_groups is None:
            n_groups = int(group.max(initial=0)) + 1
        if n_groups < 1:
            raise InputError(f"n_groups must be at least 1, got {n_groups}")
        _check_range("groups", group, -1, n_groups)
        known = group >= 0
        n_missing = int(group.size - np.count_nonzero(known))
        if n_missing:
            true, guess, group = true[known], guess[known], group[known]
        true_cell, guess_cell = group * n_classes + true, group * n_classes + guess

    shape = (n_groups, n_classes)
    cells = n_groups * n_classes
    return Counts(
        np.bincount(true_cell, minlength=cells).reshape(shape),
        np.bincount(guess_cell, minlength=cells).reshape(shape),
        np.bincount(true_cell[true_cell == guess_cell], minlength=cells).reshape(shape),
        n_missing,
    )


def _integers(name: str, values: npt.ArrayLike) -> Ints:
    array = np.asarray(values)
    if array.ndim != 1:
        raise InputError(f"{name} must have one dimension, got the shape {array.shape}")
    if array.size and array.dtype.kind not in "iub":
        raise InputError(f"{name} must hold integers, got {array.dtype}")
    return array.astype(np.int64, copy=False)


def _check_same_length(name: str, array: Ints, true: Ints) -> None:
    if array.size != true.size:
        raise InputError(f"{name} has {array.size} entries, y_true has {true.size}")


def _check_range(name: str, array: Ints, low: int, high: int) -> None:
    if array.size and (array.min() < low or array.max() >= high):
        row = int(np.flatnonzero((array < low) | (array >= high))[0])
        raise InputError(f"{name}[{row}] is {array[row]}, outside {low}..{high - 1}")
