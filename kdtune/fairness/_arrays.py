"""Checks of the arrays and numbers that people hand in."""

import math
from numbers import Integral, Real
from typing import Any

import numpy as np
import numpy.typing as npt

from kdtune.errors import InputError
from kdtune.fairness._rates import Floats, Ints
from kdtune.order import check_same_order

MOST_CELLS = 10**8
"""More cells of a table by group and class are a mistake, and would not fit into memory."""

_MOST_RESAMPLES = 10**6


def integers(name: str, values: npt.ArrayLike) -> Ints:
    """Return values [n] as int64; raises `InputError` for another shape or kind."""
    array = plain_array(name, values)
    if array.ndim != 1:
        raise InputError(f"{name} must have one dimension, got the shape {array.shape}")
    if array.size and array.dtype.kind not in "iub":
        raise InputError(f"{name} must hold integers, got {array.dtype}")
    if array.size and array.dtype.kind == "u" and array.max() > np.iinfo(np.int64).max:
        row = int(array.argmax())
        raise InputError(f"{name}[{row}] is {array[row]}, too large for a 64-bit integer with a sign")
    return array.astype(np.int64, copy=False)


def floats(name: str, values: npt.ArrayLike) -> Floats:
    """Return values of any shape as float64; raises `InputError` for what is no number."""
    return plain_array(name, values).astype(np.float64, copy=False)


def classes(name: str, values: npt.ArrayLike, n_classes: int) -> Ints:
    """Return classes [n] as int64; raises `InputError` for anything outside 0..n_classes - 1."""
    whole("n_classes", n_classes, most=MOST_CELLS)
    array = integers(name, values)
    check_range(name, array, 0, n_classes)
    return array


def groups_of(values: npt.ArrayLike, n_groups: int | None, name: str = "groups") -> tuple[Ints, int]:
    """Return groups [n], -1 for unknown, as int64, and how many there are; the highest one decides if None is given.

    Raises:
        InputError: another shape or kind, or an entry outside -1..n_groups - 1.
    """
    array = integers(name, values)
    n = max(1, int(array.max(initial=0)) + 1) if n_groups is None else n_groups
    whole("n_groups", n, most=MOST_CELLS)
    check_range(name, array, -1, n)
    return array, n


def scores_of(labels: npt.ArrayLike, scores: npt.ArrayLike) -> tuple[Ints, Floats]:
    """Return classes [n] and scores [n, C] in their order; raises `InputError` if they do not fit, or one is NaN."""
    check_same_order("fairness", {"labels": labels, "probabilities": scores})
    rows = floats("probabilities", scores)
    if rows.ndim != 2 or not rows.shape[1]:
        raise InputError(f"probabilities must be [n, classes], got the shape {rows.shape}")
    label = classes("labels", labels, rows.shape[1])
    check_same_length("probabilities", rows[:, 0], "labels", label)
    if np.isnan(rows).any():
        row, column = np.argwhere(np.isnan(rows))[0].tolist()
        raise InputError(f"probabilities[{row}, {column}] is nan: leave the example out")
    return label, rows


def probabilities_of(labels: npt.ArrayLike, probabilities: npt.ArrayLike) -> tuple[Ints, Floats]:
    """Return the same; raises `InputError` also if rows are no probabilities, but logits or percentages."""
    label, rows = scores_of(labels, probabilities)
    wrong = (np.abs(rows.sum(axis=1) - 1) > 1e-3) | (rows < 0).any(axis=1)
    if wrong.any():
        row = int(wrong.argmax())
        raise InputError(
            f"probabilities must not be negative, and each row must sum to 1: row {row} sums to {rows[row].sum():g}, "
            f"and its smallest is {rows[row].min():g}"
        )
    return label, rows


def check_range(name: str, array: Ints, low: int, high: int) -> None:
    """Raise `InputError` for the first entry outside low..high - 1."""
    if array.size and (array.min() < low or array.max() >= high):
        row = int(np.flatnonzero((array < low) | (array >= high))[0])
        raise InputError(f"{name}[{row}] is {array[row]}, outside {low}..{high - 1}")


def check_same_length(name: str, array: Ints | Floats, other_name: str, other: Ints | Floats) -> None:
    """Raise `InputError` if two arrays differ in length."""
    if array.size != other.size:
        raise InputError(f"{name} has {array.size} entries, {other_name} has {other.size}")


def whole(name: str, value: object, least: int = 1, most: int | None = None) -> None:
    """Raise `InputError` for what is no whole number from `least` to `most`."""
    if not isinstance(value, Integral) or isinstance(value, bool):
        raise InputError(f"{name} must be a whole number, got {value!r}")
    number = int(value)
    if number < least:
        raise InputError(f"{name} must be at least {least}, got {value}")
    if most is not None and number > most:
        raise InputError(f"{name} must be at most {most:,}, got {value}")


def check_drawing(resamples: object, seed: object, least: int = 1) -> None:
    """Raise `InputError` for a number of resamples, or a seed, that makes no sense."""
    whole("resamples", resamples, least, _MOST_RESAMPLES)
    whole("seed", seed, 0)


def check_level(level: object) -> None:
    """Raise `InputError` for a level that is no number between 0 and 1."""
    if not isinstance(level, Real) or not 0 < float(level) < 1:
        raise InputError(f"level must lie between 0 and 1, got {level!r}")


def check_distance(name: str, value: object) -> None:
    """Raise `InputError` for what is no number from 0, or is not finite."""
    if not isinstance(value, Real) or not 0 <= float(value) < math.inf:
        raise InputError(f"{name} must be a distance, 0 or more, got {value!r}")


def plain_array(name: str, values: npt.ArrayLike) -> "np.ndarray[Any, Any]":
    """Return values as an array; raises `InputError` for what is masked, ragged, or holds no numbers."""
    if np.ma.is_masked(values):
        raise InputError(f"{name} has masked values: leave these examples out, or fill them in")
    try:
        array = np.asarray(values)
    except (TypeError, ValueError, RuntimeError) as error:
        raise InputError(f"{name} is no array of numbers ({error})") from None
    if array.size and array.dtype.kind not in "iubf":
        raise InputError(f"{name} must hold numbers, got {array.dtype}")
    return array
