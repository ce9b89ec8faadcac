"""Checks of the integer arrays that people hand in."""

import numpy as np
import numpy.typing as npt

from kdtune.errors import InputError
from kdtune.fairness._rates import Ints


def integers(name: str, values: npt.ArrayLike) -> Ints:
    """Return values [n] as int64; raises `InputError` for another shape or kind."""
    array = np.asarray(values)
    if array.ndim != 1:
        raise InputError(f"{name} must have one dimension, got the shape {array.shape}")
    if array.size and array.dtype.kind not in "iub":
        raise InputError(f"{name} must hold integers, got {array.dtype}")
    return array.astype(np.int64, copy=False)


def classes(name: str, values: npt.ArrayLike, n_classes: int) -> Ints:
    """Return classes [n] as int64; raises `InputError` for anything outside 0..n_classes - 1."""
    if n_classes < 1:
        raise InputError(f"n_classes must be at least 1, got {n_classes}")
    array = integers(name, values)
    check_range(name, array, 0, n_classes)
    return array


def check_range(name: str, array: Ints, low: int, high: int) -> None:
    """Raise `InputError` for the first entry outside low..high - 1."""
    if array.size and (array.min() < low or array.max() >= high):
        row = int(np.flatnonzero((array < low) | (array >= high))[0])
        raise InputError(f"{name}[{row}] is {array[row]}, outside {low}..{high - 1}")


def check_same_length(name: str, array: Ints, other_name: str, other: Ints) -> None:
    """Raise `InputError` if two arrays differ in length."""
    if array.size != other.size:
        raise InputError(f"{name} has {array.size} entries, {other_name} has {other.size}")
