"""How certain a rate or a gap is: intervals, and the gap that chance or the labels alone would give."""

from collections.abc import Mapping
from statistics import NormalDist
from typing import Literal, NamedTuple, get_args

import numpy as np
import numpy.typing as npt

from kdtune.errors import InputError
from kdtune.fairness._arrays import check_drawing, check_level, floats
from kdtune.fairness._classes import mean_class_bias
from kdtune.fairness._counts import Counts
from kdtune.fairness._rate_measures import (
    accuracy_difference,
    equal_opportunity_difference,
    predictive_parity_difference,
)
from kdtune.fairness._rates import Floats, Ints, equalized_odds_gap, gap, over_classes, ratio, relative

Quantity = Literal[
    "eod", "dpd", "equal_opportunity_difference", "predictive_parity_difference", "accuracy_difference"
]
GAP_QUANTITIES: tuple[Quantity, ...] = get_args(Quantity)
"""Gaps between groups that have an interval and a chance floor: each is the largest difference of some rates."""

EQUAL_RATES: Mapping[str, str] = {
    "eod": "equal true and false positive rates",
    "dpd": "equal true and false positive rates",
    "equal_opportunity_difference": "equal true positive rates",
    "predictive_parity_difference": "equal precision",
    "accuracy_difference": "equal accuracy",
}
"""What the model of `chance_floor` has in all groups."""

Gap = Literal["eod", "dpd"]
GAPS: tuple[Gap, ...] = get_args(Gap)
"""Those of `GAP_QUANTITIES` that are always shown, asked for or not."""


class Interval(NamedTuple):
    """Both ends of a confidence interval; NaN if the quantity is undefined."""

    low: float
    high: float


class ChanceFloor(NamedTuple):
    """What a measure shows by chance: its mean, and the value that 95 of 100 data sets of these sizes stay below."""

    mean: float
    high: float


class BaseRateGap(NamedTuple):
    """Gap of the label base rates over the groups: summarised as `Counts.dpd` is, and by class [C]."""

    value: float
    by_class: Floats


def wilson(hits: npt.ArrayLike, n: npt.ArrayLike, level: float = 0.95) -> tuple[Floats, Floats]:
    """Return Wilson's score interval of a share (Wilson 1927).

    Args:
        hits: counts, any shape.
        n: numbers of cases; shapes broadcast.
        level: coverage.

    Returns:
        Lower and upper ends in [0, 1]; NaN if n is 0.

    Raises:
        InputError: hits are not between 0 and n, or the level is not between 0 and 1.
    """
    check_level(level)
    given = floats("hits", hits), floats("n", n)
    try:
        k, size = np.broadcast_arrays(*given)
    except ValueError:
        shapes = " and ".join(str(array.shape) for array in given)
        raise InputError(f"hits and n have the shapes {shapes}, which do not fit together") from None
    if not ((k >= 0) & (k <= size)).all():
        raise InputError("an interval of a share needs 0 <= hits <= n everywhere")
    z2 = NormalDist().inv_cdf((1 + level) / 2) ** 2
    share = ratio(k, size)
    centre = share + ratio(z2, 2 * size)
    spread = np.sqrt(ratio(share * (1 - share) * z2, size) + ratio(z2, 2 * size) ** 2)
    scale = 1 + ratio(z2, size)
    # At k = 0 and k = n the ends are exactly 0 and 1: rounding must not push them off.
    low = np.where(k == 0, 0 * share, (centre - spread) / scale)
    high = np.where(k == size, 0 * share + 1, (centre + spread) / scale)
    return low, high


def gap_interval(
    counts: Counts,
    *,
    quantity: Quantity = "eod",
    level: float = 0.95,
    resamples: int = 1000,
    seed: int = 0,
) -> Interval:
    """Return a confidence interval of a gap between groups, by a parametric bootstrap of the error of the rates.

    A bootstrap of the gap itself fails: a gap of noise is positive, so the percentile interval of a model
    without any true gap hardly ever holds 0. But a gap is a seminorm of its rates, so the measured gap lies
    no further from the true one than the gap of the errors of the rates: with q the `level` quantile of that,
    gap ± q covers at least at this level, however small the true gap is (for the mean of many classes it is
    wide).

    TPR and FPR of each class in each group are drawn as binomials given the class labels, selection rates and
    accuracies given the group sizes, precision given the predictions, around (k + 1/2) / (n + 1), so that 10 hits of 10
    do not count as certainty. Classes are drawn independently, because counts do not say which class is mistaken for
    which.

    Raises:
        InputError: an unknown quantity, a level not between 0 and 1, or no resamples.
    """
    _check(quantity)
    check_level(level)
    check_drawing(resamples, seed)
    measured = measured_gap(counts, quantity)
    if np.isnan(measured):
        return Interval(float("nan"), float("nan"))
    rng = np.random.default_rng(seed)
    sizes = np.broadcast_to(counts.group_sizes[:, None], counts.examples.shape)
    match quantity:
        case "eod":
            negatives = sizes - counts.examples
            false_alarms = counts.predicted - counts.hits
            tpr = _errors(rng, counts.hits, counts.examples, resamples)
            fpr = _errors(rng, false_alarms, negatives, resamples)
            error = over_classes(equalized_odds_gap(tpr, fpr))
        case "dpd":
            error = over_classes(gap(_errors(rng, counts.predicted, sizes, resamples), axis=-2))
        case "equal_opportunity_difference":
            error = over_classes(gap(_errors(rng, counts.hits, counts.examples, resamples), axis=-2))
        case "predictive_parity_difference":
            error = over_classes(gap(_errors(rng, counts.hits, counts.predicted, resamples), axis=-2))
        case "accuracy_difference":
            right = counts.hits.sum(axis=1, keepdims=True)
            error = gap(_errors(rng, right, sizes[:, :1], resamples), axis=-2)[..., 0]
    margin = float(np.quantile(error, level))
    return Interval(max(0.0, measured - margin), min(1.0, measured + margin))


def chance_floor(
    counts: Counts, *, quantity: Quantity = "eod", resamples: int = 1000, seed: int = 0
) -> ChanceFloor:
    """Return the gap that a model with the same rates in every group would show at these group sizes.

    Hits and false alarms of each class are drawn as binomials with the TPR and FPR of all groups together,
    given how many examples of the class each group has. The DPD of this model therefore includes the gap of the
    label base rates. For predictive parity hits are drawn with the precision of all groups together, given the
    predictions; for the difference of accuracies right answers with the accuracy. NaN if the quantity is undefined.

    Exact for two classes. With more, the counts do not say which class is mistaken for which: classes are drawn
    independently, and false alarms are assumed not to depend on the true class.

    Raises:
        InputError: an unknown quantity, or no resamples.
    """
    _check(quantity)
    check_drawing(resamples, seed)
    if np.isnan(measured_gap(counts, quantity)):
        return ChanceFloor(float("nan"), float("nan"))
    values = _by_chance(counts, quantity, resamples, np.random.default_rng(seed))
    return ChanceFloor(float(values.mean()), float(np.quantile(values, 0.95)))


def measured_gap(counts: Counts, quantity: Quantity) -> float:
    """Return one of `GAP_QUANTITIES`.

    Raises:
        InputError: it is none of them.
    """
    _check(quantity)
    match quantity:
        case "eod":
            return counts.eod
        case "dpd":
            return counts.dpd
        case "equal_opportunity_difference":
            return equal_opportunity_difference(counts)
        case "predictive_parity_difference":
            return predictive_parity_difference(counts)
        case "accuracy_difference":
            return accuracy_difference(counts)


def _by_chance(counts: Counts, quantity: Quantity, resamples: int, rng: "np.random.Generator") -> Floats:
    """Draw the gap of a model with the same rates in every group, [resamples]."""
    pooled = counts.overall()
    sizes = counts.group_sizes[:, None]
    if quantity == "accuracy_difference":
        right = _draw(rng, sizes, np.array([[pooled.accuracy]]), resamples)
        return gap(ratio(right, sizes), axis=-2)[..., 0]
    if quantity == "predictive_parity_difference":
        precise = _draw(rng, counts.predicted, ratio(pooled.hits, pooled.predicted), resamples)
        return over_classes(gap(ratio(precise, counts.predicted), axis=-2))
    negatives = sizes - counts.examples
    hits = _draw(rng, counts.examples, pooled.tpr, resamples)
    if quantity == "equal_opportunity_difference":
        return over_classes(gap(ratio(hits, counts.examples), axis=-2))
    false_alarms = _draw(rng, negatives, pooled.fpr, resamples)
    if quantity == "eod":
        tpr, fpr = ratio(hits, counts.examples), ratio(false_alarms, negatives)
        return over_classes(equalized_odds_gap(tpr, fpr))
    return over_classes(gap(ratio(hits + false_alarms, sizes), axis=-2))


def class_bias_interval(
    student: Counts, reference: Counts, *, level: float = 0.95, resamples: int = 1000, seed: int = 0
) -> Interval:
    """Return a confidence interval of `mean_class_bias`, by a parametric bootstrap of the errors of class accuracies.

    As in `gap_interval`, the measured bias lies no further from the true one than the bias of the errors alone. Hits
    are drawn as binomials given the class sizes, independently for the two models: counts do not say on which
    examples both are right. Models that share their errors have a narrower interval (see `compare`).

    Raises:
        InputError: numbers of classes differ, a level not between 0 and 1, or no resamples.
    """
    check_level(level)
    check_drawing(resamples, seed)
    measured = mean_class_bias(student, reference)
    if np.isnan(measured):
        return Interval(float("nan"), float("nan"))
    rng = np.random.default_rng(seed)
    errors = []
    for counts in (student.overall(), reference.overall()):
        hits, sizes = counts.hits[0], counts.examples[0]
        p = (hits + 0.5) / (sizes + 1)
        errors.append(_drawn_relative(rng, sizes, p, resamples) - relative(p, sizes))
    error = np.abs(errors[0] - errors[1]).mean(axis=-1)
    margin = float(np.nanquantile(error, level))
    return Interval(max(0.0, measured - margin), measured + margin)


def class_bias_chance(
    student: Counts, reference: Counts, *, resamples: int = 1000, seed: int = 0
) -> ChanceFloor:
    """Return the `mean_class_bias` that a student without any class bias would show at these class sizes.

    Both models are drawn with the same relative class accuracies, the mean of the measured ones, independently of
    each other. With 50 examples of each class and 69 % accuracy it is 0.10 on average. NaN if the bias is undefined.

    Raises:
        InputError: numbers of classes differ, or no resamples.
    """
    check_drawing(resamples, seed)
    if np.isnan(mean_class_bias(student, reference)):
        return ChanceFloor(float("nan"), float("nan"))
    rng = np.random.default_rng(seed)
    pair = (student.overall(), reference.overall())
    common = np.mean([relative(counts.class_accuracy, counts.examples[0]) for counts in pair], axis=0)
    drawn = [
        _drawn_relative(rng, counts.examples[0], np.minimum(common * counts.accuracy, 1.0), resamples)
        for counts in pair
    ]
    values = np.abs(drawn[0] - drawn[1]).mean(axis=-1)
    return ChanceFloor(float(np.nanmean(values)), float(np.nanquantile(values, 0.95)))


def base_rate_gap(counts: Counts) -> BaseRateGap:
    """Return the gap of the label base rates: the DPD of a classifier that is always right.

    A DPD below it requires errors, because the labels themselves depend on the group.
    """
    perfect = Counts(counts.examples, counts.examples, counts.examples)
    return BaseRateGap(perfect.dpd, perfect.dpd_by_class)


def _drawn_relative(rng: "np.random.Generator", sizes: Ints, p: Floats, resamples: int) -> Floats:
    """Draw class accuracies over the accuracy: sizes [C], p [C] -> [resamples, C]."""
    return relative(ratio(_draw(rng, sizes[None], p[None], resamples)[:, 0], sizes), sizes)


def _draw(rng: "np.random.Generator", n: Ints, p: Floats, resamples: int) -> Ints:
    """Draw binomials: n [G, C], p [G, C] or [1, C] -> [resamples, G, C]; undefined rates go with n = 0."""
    n, p = np.broadcast_arrays(n, np.nan_to_num(p))
    # Resamples come last here because numpy sets its sampler up again whenever n or p change.
    draws = rng.binomial(n[..., None], p[..., None], size=(*n.shape, resamples))
    return np.ascontiguousarray(np.moveaxis(draws, -1, 0))


def _errors(rng: "np.random.Generator", k: Ints, n: Ints, resamples: int) -> Floats:
    """Draw errors of the rates k / n: [G, C] -> [resamples, G, C]; NaN if n is 0."""
    p = (k + 0.5) / (n + 1)
    return ratio(_draw(rng, n, p, resamples), n) - p


def _check(quantity: str) -> None:
    if quantity not in GAP_QUANTITIES:
        raise InputError(f"quantity must be one of {', '.join(GAP_QUANTITIES)}, got {quantity!r}")
