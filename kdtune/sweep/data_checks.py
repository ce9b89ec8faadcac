"""Whether data define what a space asks of them: objectives, bounds, and weights by group."""

import contextlib
import math
import sys
from collections.abc import Iterable

import numpy as np

from kdtune.data.dataset import Dataset
from kdtune.distill.arrays import inputs_of
from kdtune.errors import DataError, SpaceError, did_you_mean
from kdtune.fairness import DENOMINATED, count, small_denominators
from kdtune.runs.measures.measure import Answers
from kdtune.runs.measures.objectives import MEASURES, Objective, References
from kdtune.runs.records import ALL
from kdtune.space.reading import Range, Space, extremes


def check_group_weights(space: Space, dataset: Dataset) -> None:
    """Refuse weights by the groups of an attribute that the data do not have."""
    asked = {
        "train": space.train.get("group_weights"),
        "teacher": space.teacher.settings.get("group_weights"),
    }
    places = [(where, name) for where, name in asked.items() if name is not None]
    for pair in space.pairs:
        choice = space.search_of(pair).get("group_weights", [])
        places += [("search", name) for name in ([] if isinstance(choice, Range) else extremes(choice))]
    for where, name in places:
        if name != "none" and name not in dataset.attributes:
            known = ["none", *dataset.attributes]
            raise SpaceError(
                f"{where}.group_weights: the data have no sensitive attribute {name!r}"
                f"{did_you_mean(str(name), known)} (known: {', '.join(known)})"
            )


def check_size(dataset: Dataset) -> None:
    """Refuse data with too few examples to train anything, or to compare it."""
    if len(dataset.train) < 2 or len(dataset.validation) < 1:
        raise SpaceError(
            f"dataset {dataset.name!r}: {len(dataset.train)} training and {len(dataset.validation)} validation "
            "examples are too few to train and compare models"
        )


def check_defined(objective: Objective, dataset: Dataset, role: str | None) -> None:
    """Refuse to decide by a measure that validation leaves undefined, whatever a model answers.

    What is only recorded may be undefined; a function of the user's own is called once all the same, so that one that
    fails is named before anything is trained.

    Args:
        role: `objective` or `constraint` by which is decided; None where it is only recorded.
    """
    if objective.measure.name == "individual_fairness":
        _check_distances(objective.name, dataset)
    measure, attribute, labels = objective.measure, objective.attribute, dataset.validation.labels.numpy()
    if measure.of_answers is not None:
        with contextlib.redirect_stdout(sys.stderr):  # what the user's code prints is no result of the search
            value = objective.answered(_all_right(dataset))
        if not math.isnan(value) or role is None:
            return
        if measure.name in MEASURES:
            raise DataError(
                f"{role} {objective.name!r} is undefined for a model that is right about all of validation: "
                "a class or a group that it needs has no examples there: leave it out, or use more examples"
            )
        raise DataError(
            f"{role} {objective.name!r}: the measure gives NaN for a model that is right about all of validation: let "
            "it return a number for such a model, or ask for it under measures, which only records it"
        )
    if role is None or attribute == ALL or measure.of_counts is None:
        return
    groups = dataset.attributes[attribute]
    counts = count(
        labels,
        labels,
        dataset.validation.groups[attribute].numpy(),
        n_classes=len(dataset.classes),
        n_groups=len(groups),
    )
    if math.isnan(objective.of_counts(counts, References())):
        reasons = counts.undefined(groups, dataset.classes)
        raise DataError(
            f"{role} {objective.name!r} is undefined for every model: in validation, of {attribute!r}, "
            f"{'; '.join(reasons[:3])}{f'; and {len(reasons) - 3} more' if len(reasons) > 3 else ''}: "
            "merge groups that are too small or leave them out, or use more examples for validation"
        )


def check_denominators(dataset: Dataset, decisive: Iterable[tuple[str, Objective]]) -> None:
    """Refuse to decide by a measure of groups that rests on a handful of examples: fewer than the data's `min_group`.

    The data set itself holds only whole groups against it. Not every one has this limit.

    Args:
        decisive: what is optimised or bounded, and which of them: `objective` or `constraint`.
    """
    if dataset.min_group is None:
        return
    for role, objective in decisive:
        told = _small_parts(objective, dataset, dataset.min_group)
        if told:
            raise DataError(
                f"{role} {objective.name!r} compares rates out of fewer than {dataset.min_group} validation examples "
                f"(min_group): {'; '.join(told[:5])}{f'; and {len(told) - 5} more' if len(told) > 5 else ''}: leave "
                "these groups out or merge them (groups), take a measure of whole groups (dpd, worst_group_accuracy), "
                "use more examples for validation, or set a lower min_group"
            )


def _small_parts(objective: Objective, dataset: Dataset, fewest: int) -> list[str]:
    """Name what a measure's rates are out of that is too small: `'m' has 2 of class 'low'`."""
    measure, classes, split = objective.measure, dataset.classes, dataset.validation
    if measure.name == "worst_subgroup_accuracy":
        codes = np.stack([split.groups[name].numpy() for name in dataset.attributes])
        cells, sizes = np.unique(codes[:, (codes >= 0).all(axis=0)], axis=1, return_counts=True)
        named = [
            " ".join(names[k] for names, k in zip(dataset.attributes.values(), cell, strict=True))
            for cell in cells.T
        ]
        return [f"{name!r} has {n}" for name, n in zip(named, sizes.tolist(), strict=True) if n < fewest]
    if measure.need != "groups" and objective.group is None:
        return []
    groups = dataset.attributes[objective.attribute]
    labels, codes = split.labels.numpy(), split.groups[objective.attribute].numpy()
    if objective.group is not None:  # all others are unknown then, and so left out
        groups = groups[objective.group : objective.group + 1]
        codes = np.where(codes == objective.group, 0, -1)
    counts = count(labels, labels, codes, n_classes=len(classes), n_groups=len(groups))
    return [
        f"{groups[g]!r} has {n}" + ("" if c is None else f" {'not ' if other else ''}of class {classes[c]!r}")
        for g, c, other, n in small_denominators(
            counts, measure.name if measure.name in DENOMINATED else None, fewest
        )
    ]


def _all_right(dataset: Dataset) -> Answers:
    """Return the answers of a model that is right about each validation example, and sure of it."""
    labels = dataset.validation.labels.numpy()
    groups = {name: codes.numpy() for name, codes in dataset.validation.groups.items()}
    return Answers(labels, labels, np.eye(len(dataset.classes))[labels], groups)


def _check_distances(name: str, dataset: Dataset) -> None:
    if dataset.vocabulary is not None:
        raise SpaceError(
            f"objective or constraint {name!r} compares inputs by their distance, and token ids have none: leave it out"
        )
    with_direction = 0
    for row in inputs_of(dataset.validation):
        with_direction += bool(row.any())
        if with_direction == 2:
            return
    raise DataError(
        f"objective or constraint {name!r} is undefined for every model: of {len(dataset.validation)} validation "
        f"inputs {with_direction} are not all zeros, and it needs two: leave it out, or look at the data"
    )
