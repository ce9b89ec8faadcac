"""A model's counts on a split as numbers with their uncertainty: the content of `metrics.json` and of all tables."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from kdtune.fairness import (
    GAP_QUANTITIES,
    Counts,
    base_rate_gap,
    calibration,
    chance_floor,
    class_bias,
    gap_interval,
    measured_gap,
    rate_ratios,
    wilson,
)
from kdtune.runs.measures.measure import Answers, References
from kdtune.runs.measures.objectives import Objective
from kdtune.runs.records import ALL


def split_numbers(
    counts: Mapping[str, Counts],
    *,
    values: Mapping[str, float],
    cross_entropy: float,
    classes: Sequence[str],
    attributes: Mapping[str, Sequence[str]],
    references: References | None = None,
    further_gaps: Mapping[str, Sequence[str]] | None = None,
) -> dict[str, Any]:
    """Return what a model's counts on a split say, as plain JSON; NaN stands for undefined.

    Intervals of shares are Wilson's, those of EOD and DPD a parametric bootstrap (see `gap_interval`), all 95 %.
    `chance` is what a model with the same rates in every group shows at these group sizes. The counts are included,
    so that every number can be derived from them.

    Args:
        counts: by sensitive attribute, and under `ALL` for all examples.
        values: measures by name.
        cross_entropy: mean over the examples.
        classes: names, in the order of the counts' columns.
        attributes: those of `counts` -> names of groups, in the order of the counts' rows.
        references: the models that the classes' bias is measured against.
        further_gaps: attribute -> names of `GAP_QUANTITIES` to tell beside EOD and DPD.
    """
    everyone, compared = counts[ALL], references or References()
    return {
        "n": everyone.n,
        "values": dict(values),
        "accuracy": share(everyone.hits.sum(), everyone.n),
        "cross_entropy": cross_entropy,
        "by_class": [
            {
                "class": name,
                "n": int(n),
                "predicted": int(p),
                **share(h, n),
                "precision": share(h, p)["value"],
            }
            for name, n, p, h in zip(
                classes, everyone.examples[0], everyone.predicted[0], everyone.hits[0], strict=True
            )
        ],
        "class_bias": {
            name: class_bias(everyone, other).tolist()
            for name, other in (("teacher", compared.teacher), ("nds", compared.nds))
            if other is not None
        },
        "attributes": {
            name: {
                **attribute_numbers(counts[name], groups=groups, classes=classes),
                **{gap: gap_numbers(counts[name], gap) for gap in (further_gaps or {}).get(name, ())},
            }
            for name, groups in attributes.items()
        },
        "counts": {name: item.to_dict() for name, item in counts.items()},
    }


def calibration_numbers(answers: Answers, attributes: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """Return the calibration of a model over all examples, and by attribute and group, as plain JSON."""

    def of(chosen: Any) -> dict[str, Any]:
        return calibration(answers.labels[chosen], answers.probabilities[chosen])._asdict()

    return {
        "all": of(slice(None)),
        "attributes": {
            name: {group: of(answers.attributes[name] == g) for g, group in enumerate(groups)}
            for name, groups in attributes.items()
        },
    }


def attribute_numbers(counts: Counts, *, groups: Sequence[str], classes: Sequence[str]) -> dict[str, Any]:
    """Return the numbers of one sensitive attribute: gaps with their uncertainty, undefined rates, rates by group."""
    return {
        "eod": gap_numbers(counts, "eod"),
        "dpd": {**gap_numbers(counts, "dpd"), "base_rate_gap": base_rate_gap(counts).value},
        "n_missing": counts.n_missing,
        "undefined": counts.undefined(groups, classes),
        "ratios": {name: values.tolist() for name, values in rate_ratios(counts)._asdict().items()},
        "groups": [
            {
                "group": group,
                "n": int(counts.group_sizes[g]),
                "accuracy": share(counts.hits[g].sum(), counts.group_sizes[g]),
                "by_class": [_rates(counts, g, c, name) for c, name in enumerate(classes)],
            }
            for g, group in enumerate(groups)
        ],
    }


def gap_numbers(counts: Counts, quantity: Any) -> dict[str, Any]:
    """Return a gap with its interval and what chance alone would give; EOD and DPD also by class."""
    low, high = gap_interval(counts, quantity=quantity)
    chance = chance_floor(counts, quantity=quantity)
    numbers = {
        "value": measured_gap(counts, quantity),
        "interval": [low, high],
        "chance": {"mean": chance.mean, "exceeded_once_in_20": chance.high},
    }
    by_class = {"eod": counts.eod_by_class, "dpd": counts.dpd_by_class}
    return {**numbers, "by_class": by_class[quantity].tolist()} if quantity in by_class else numbers


def interval_in(numbers: Mapping[str, Any], objective: Objective) -> tuple[float, float] | None:
    """Return the 95 % interval of a measure in what `split_numbers` returned; None if there is none."""
    ends: Sequence[float | None] = (None, None)
    of = numbers["attributes"].get(objective.attribute, {})
    if objective.measure.name == "accuracy":
        found = numbers if objective.group is None else of["groups"][objective.group] if of else None
        ends = (None, None) if found is None else found["accuracy"]["interval"]
    elif objective.measure.name in GAP_QUANTITIES and objective.measure.name in of:
        ends = of[objective.measure.name]["interval"]
    low, high = ends
    if low is None or high is None or math.isnan(low) or math.isnan(high):
        return None
    return float(low), float(high)


def share(hits: Any, n: Any) -> dict[str, Any]:
    """Return a share with its number of cases and Wilson interval, as plain JSON."""
    low, high = wilson(hits, n)
    value = float(hits) / float(n) if n else float("nan")
    return {"value": value, "interval": [float(low), float(high)]}


def _rates(counts: Counts, g: int, c: int, name: str) -> dict[str, Any]:
    positives, size = int(counts.examples[g, c]), int(counts.group_sizes[g])
    predicted, hits = int(counts.predicted[g, c]), int(counts.hits[g, c])
    return {
        "class": name,
        "n": positives,
        "predicted": predicted,
        "hits": hits,
        "tpr": share(hits, positives),
        "fpr": share(predicted - hits, size - positives),
        "selection_rate": share(predicted, size),
    }
