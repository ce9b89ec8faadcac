"""Rates and their gaps, on plain arrays: the one place where 'undefined' is decided."""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


def ratio(part: npt.ArrayLike, whole: npt.ArrayLike) -> Floats:
    """Return part / whole, NaN where the whole is 0; shapes broadcast."""
    part, whole = np.asarray(part, np.float64), np.asarray(whole, np.float64)
    if whole.all():  # the usual case, at half the cost
        return np.asarray(part / whole)
    part, whole = np.broadcast_arrays(part, whole)
    out = np.full(part.shape, np.nan)
    np.divide(part, whole, out=out, where=whole != 0)
    return out


def gap(rates: Floats, axis: int) -> Floats:
    """Return max - min over the defined rates along an axis; NaN where fewer than two are defined."""
    defined = ~np.isnan(rates)
    if rates.shape[axis] >= 2 and defined.all():  # the usual case, at a third of the cost
        return np.asarray(rates.max(axis=axis) - rates.min(axis=axis))
    highest = np.where(defined, rates, -np.inf).max(axis=axis, initial=-np.inf)
    lowest = np.where(defined, rates, np.inf).min(axis=axis, initial=np.inf)
    comparable = defined.sum(axis=axis) >= 2
    out = np.full(highest.shape, np.nan)
    np.subtract(highest, lowest, out=out, where=comparable)
    return out


def lowest(rates: Floats, axis: int) -> Floats:
    """Return the minimum over the defined rates along an axis; NaN where none is defined."""
    defined = ~np.isnan(rates)
    found = np.where(defined, rates, np.inf).min(axis=axis, initial=np.inf)
    return np.where(defined.any(axis=axis), found, np.nan)


def relative(rates: Floats, sizes: Ints) -> Floats:
    """Return class accuracies over the accuracy that they make together: [..., C], sizes [C] -> [..., C]."""
    hits = np.where(sizes > 0, rates * sizes, 0).sum(axis=-1, keepdims=True)
    return ratio(rates, ratio(hits, sizes.sum()))


def over_classes(by_class: Floats) -> Floats:
    """Summarise a one-vs-rest quantity [..., C]: of class 1 if there are two, else the mean over the classes.

    A NaN class makes it NaN: the mean over the rest would look better for having its hard classes undefined.
    """
    summary = by_class[..., 1] if by_class.shape[-1] == 2 else by_class.mean(axis=-1)
    return np.asarray(summary)


def equalized_odds_gap(tpr: Floats, fpr: Floats) -> Floats:
    """Return the larger of the TPR gap and the FPR gap over the groups: [..., G, C] twice -> [..., C].

    NaN where either gap is: the defined one is only a lower bound of the maximum.
    """
    return np.maximum(gap(tpr, axis=-2), gap(fpr, axis=-2))
