"""What audits ask for beside accuracy, EOD and DPD: precision, recall and F1, and further gaps and ratios of rates.

One-vs-rest quantities are summarised as EOD and DPD are: of class 1 if there are two classes, else the mean over the
classes. What has no denominator is NaN, where scikit-learn and fairlearn give 0.
"""

import numpy as np

from kdtune.fairness._counts import Counts
from kdtune.fairness._rates import Floats, gap, over_classes, ratio
from kdtune.fairness._ratios import rate_ratios


def precision(counts: Counts) -> float:
    """Return the share of right answers among the predictions of a class; NaN if a class is never predicted."""
    return float(over_classes(ratio(counts.hits.sum(axis=0), counts.predicted.sum(axis=0))))


def recall(counts: Counts) -> float:
    """Return the share of a class's examples that are predicted as it; NaN if a class has no examples."""
    return float(over_classes(counts.class_accuracy))


def f1(counts: Counts) -> float:
    """Return the harmonic mean of precision and recall: 2 TP / (2 TP + FP + FN).

    NaN if a class neither occurs nor is predicted.
    """
    hits, both = counts.hits.sum(axis=0), (counts.examples + counts.predicted).sum(axis=0)
    return float(over_classes(ratio(2 * hits, both)))


def positive_predictive_value(counts: Counts) -> Floats:
    """Return P(is c | predicted c, group g), [G, C]; NaN where group g is never predicted as c."""
    return ratio(counts.hits, counts.predicted)


def equal_opportunity_difference(counts: Counts) -> float:
    """Return the gap of the true positive rates over the groups (Hardt et al. 2016, arXiv 1610.02413)."""
    return float(over_classes(gap(counts.tpr, axis=0)))


def predictive_parity_difference(counts: Counts) -> float:
    """Return the gap of the precision over the groups (Chouldechova 2017, arXiv 1703.00056).

    NaN if, of a class, fewer than two groups have predictions.
    """
    return float(over_classes(gap(positive_predictive_value(counts), axis=0)))


def accuracy_difference(counts: Counts) -> float:
    """Return the accuracy of the group that fares best minus that of the one that fares worst."""
    return float(gap(counts.group_accuracy, axis=0))


def demographic_parity_ratio(counts: Counts) -> float:
    """Return the lowest selection rate over the highest one, also called disparate impact (see `FOUR_FIFTHS`)."""
    return float(over_classes(rate_ratios(counts).selection_rate))


def equal_opportunity_ratio(counts: Counts) -> float:
    """Return the lowest true positive rate of the groups over the highest one."""
    return float(over_classes(rate_ratios(counts).tpr))


def equalized_odds_ratio(counts: Counts) -> float:
    """Return the smaller of the ratios of true and of false positive rates; NaN where either is undefined.

    Rates that are 0 in every group are equal and have no ratio: the other one decides then, as in fairlearn. So a model
    without a false alarm has a value, as one has that is always right.
    """
    ratios = rate_ratios(counts)
    no_hits, no_alarms = (_is_zero_everywhere(rates) for rates in (counts.tpr, counts.fpr))
    tpr = np.where(no_hits, ratios.fpr, ratios.tpr)
    fpr = np.where(no_alarms, ratios.tpr, ratios.fpr)
    return float(over_classes(np.minimum(tpr, fpr)))


def _is_zero_everywhere(rates: Floats) -> np.ndarray:
    """Return for each class whether at least two groups have the rate, and all have 0: [G, C] -> bool [C]."""
    defined = ~np.isnan(rates)
    return np.asarray((defined.sum(axis=0) >= 2) & ~np.where(defined, rates, 0.0).any(axis=0))
