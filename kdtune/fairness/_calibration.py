"""Whether a model is right as often as it says it is."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from kdtune.fairness._arrays import check_drawing, probabilities_of
from kdtune.fairness._rates import Floats, Ints

BINS = 15
"""Bins of equal width, as in Guo et al. 2017."""

_MOST_DRAWS = 4_000_000
"""Drawn at once, so that many examples do not fill the memory."""


class Calibration(NamedTuple):
    """How far confidence and accuracy lie apart; NaN without examples.

    Attributes:
        n: examples.
        confidence: mean probability of the class that the model answers.
        accuracy: share of right answers.
        error: expected calibration error: mean over the examples of |accuracy - confidence| of their bin.
        chance: the error that a perfectly calibrated model with these probabilities shows, on average.
        chance_high: value that such a model's error stays below in 95 of 100 data sets.
    """

    n: int
    confidence: float
    accuracy: float
    error: float
    chance: float
    chance_high: float


def calibration(
    labels: npt.ArrayLike, probabilities: npt.ArrayLike, *, resamples: int = 500, seed: int = 0
) -> Calibration:
    """Return the expected calibration error of a model's most likely class (Guo et al. 2017).

    The error is never negative, so that few examples push it up: compare it with `chance`.

    Args:
        labels: integer classes [n].
        probabilities: [n, C], rows that sum to 1.
        resamples: of the perfectly calibrated model.
        seed: of the resamples.

    Raises:
        InputError: shapes do not agree, or rows are no probabilities.
    """
    check_drawing(resamples, seed)
    label, rows = probabilities_of(labels, probabilities)
    if not len(rows):
        return Calibration(0, *[float("nan")] * 5)
    confidence = np.minimum(rows.max(axis=1), 1.0)
    right = rows.argmax(axis=1) == label
    rng = np.random.default_rng(seed)
    at_once = max(1, _MOST_DRAWS // len(rows))
    by_chance = np.concatenate(
        [
            _errors(confidence, rng.random((min(at_once, resamples - k), len(rows))) < confidence)
            for k in range(0, resamples, at_once)
        ]
    )
    return Calibration(
        n=len(rows),
        confidence=float(confidence.mean()),
        accuracy=float(right.mean()),
        error=float(_errors(confidence, right[None])[0]),
        chance=float(by_chance.mean()),
        chance_high=float(np.quantile(by_chance, 0.95)),
    )


def calibration_error(labels: Ints, probabilities: Floats) -> float:
    """Return the error alone, of checked labels [n] and probabilities [n, C]; NaN without examples."""
    if not len(labels):
        return float("nan")
    confidence = np.minimum(probabilities.max(axis=1), 1.0)
    return float(_errors(confidence, (probabilities.argmax(axis=1) == labels)[None])[0])


def _errors(confidence: Floats, right: npt.NDArray[np.bool_]) -> Floats:
    """Return the calibration error of each row of right answers: confidence [n], right [r, n] -> [r]."""
    bins = np.minimum((confidence * BINS).astype(np.int64), BINS - 1)
    order = np.argsort(bins, kind="stable")
    starts = np.flatnonzero(np.diff(bins[order], prepend=-1))
    surplus = np.add.reduceat(right[:, order] - confidence[order], starts, axis=1)
    return np.asarray(np.abs(surplus).sum(axis=1) / len(confidence))
