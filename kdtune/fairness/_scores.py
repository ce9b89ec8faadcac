"""Measures of probabilities, and over intersections of groups: what integer counts by class and group do not give."""

from collections.abc import Callable, Mapping
from functools import reduce

import numpy as np
import numpy.typing as npt

from kdtune.errors import InputError, expect
from kdtune.fairness._arrays import check_same_length, groups_of, integers, probabilities_of, scores_of
from kdtune.fairness._calibration import calibration_error
from kdtune.fairness._rates import Floats, gap, over_classes
from kdtune.order import check_same_order

ByScores = Callable[[npt.ArrayLike, npt.ArrayLike], float]
"""A measure of labels [n] and probabilities [n, C]."""


def auc(labels: npt.ArrayLike, probabilities: npt.ArrayLike) -> float:
    """Return the area under the ROC curve: the chance that an example of a class scores above one of another class.

    Ties count one half (Mann and Whitney 1947). Of class 1 if there are two classes, else the mean over the classes,
    one-vs-rest. NaN if a class has no examples, or all of them.

    Args:
        labels: integer classes [n].
        probabilities: [n, C], or other scores.

    Raises:
        InputError: shapes do not agree, or a score is NaN.
    """
    label, scores = scores_of(labels, probabilities)
    return float(over_classes(np.array([_area(label == c, scores[:, c]) for c in range(scores.shape[1])])))


def expected_calibration_error(labels: npt.ArrayLike, probabilities: npt.ArrayLike) -> float:
    """Return the expected calibration error of the most likely class (see `calibration`); NaN without examples.

    Raises:
        InputError: shapes do not agree, or rows are no probabilities.
    """
    label, scores = probabilities_of(labels, probabilities)
    return calibration_error(label, scores)


def difference_over_groups(
    measure: ByScores, labels: npt.ArrayLike, probabilities: npt.ArrayLike, groups: npt.ArrayLike
) -> float:
    """Return the largest minus the smallest value of a measure over the groups in which it is defined.

    Args:
        measure: of labels and probabilities.
        groups: integer groups [n]; -1 for unknown, which no group contains.

    Returns:
        NaN where fewer than two groups have a value.

    Raises:
        InputError: shapes do not agree, a score is NaN, or a group is below -1.
    """
    if not callable(measure):
        raise InputError(f"measure must be a function of labels and probabilities, got {measure!r}")
    check_same_order("fairness", {"labels": labels, "probabilities": probabilities, "groups": groups})
    label, scores = scores_of(labels, probabilities)
    group, _ = groups_of(groups, None)
    check_same_length("groups", group, "labels", label)
    values = [measure(label[group == g], scores[group == g]) for g in np.unique(group[group >= 0])]
    return float(gap(np.array(values, dtype=np.float64), axis=0)) if values else float("nan")


def worst_subgroup_accuracy(
    labels: npt.ArrayLike, predictions: npt.ArrayLike, attributes: Mapping[str, npt.ArrayLike]
) -> float:
    """Return the lowest accuracy over the intersections of all attributes' groups that occur.

    Intersections are small: the worst of many small ones is low by chance alone.

    Args:
        labels, predictions: integer classes [n].
        attributes: attribute -> integer groups [n]; an example with an unknown one (-1) is in no intersection.

    Returns:
        NaN without attributes, or if no example has all of them.

    Raises:
        InputError: lengths differ, an entry is no integer, or a group is below -1.
    """
    expect("attributes", attributes, Mapping, "a mapping of attribute -> groups")
    check_same_order("fairness", {"labels": labels, "predictions": predictions, **attributes})
    label, guess = integers("labels", labels), integers("predictions", predictions)
    check_same_length("predictions", guess, "labels", label)
    codes = [groups_of(values, None, str(name))[0] for name, values in attributes.items()]
    for name, code in zip(attributes, codes, strict=True):
        check_same_length(str(name), code, "labels", label)
    if not codes:
        return float("nan")
    known = reduce(np.logical_and, [code >= 0 for code in codes])
    cells = np.unique(np.stack([code[known] for code in codes], axis=1), axis=0, return_inverse=True)[1]
    cells = cells.reshape(-1)
    if not cells.size:
        return float("nan")
    hits = np.bincount(cells, weights=(label == guess)[known])
    return float((hits / np.bincount(cells)).min())


def _area(positive: npt.NDArray[np.bool_], scores: Floats) -> float:
    """Return the area under the ROC curve of one class, from the ranks of its examples; ties share their mean rank."""
    n, m = int(positive.sum()), int((~positive).sum())
    if not n or not m:
        return float("nan")
    _, place, ties = np.unique(scores, return_inverse=True, return_counts=True)
    last = np.cumsum(ties)
    ranks = (last - (ties - 1) / 2)[place]
    return float((ranks[positive].sum() - n * (n + 1) / 2) / (n * m))
