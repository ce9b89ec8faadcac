"""A model's counts on a split as numbers with their uncertainty: the content of `metrics.json` and of all tables."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from kdtune.fairness import (
    GAP_QUANTITIES,
    Counts,
    base_rate_gap,
    chance_floor,
    class_bias,
    gap_interval,
    measured_gap,
    rate_ratios,
    wilson,
)
from kdtune.runs.objectives import References, objective_of, recorded_values
from kdtune.runs.records import ALL, Report, RunRecord
from kdtune.runs.summary import GAPS


def split_numbers(report: Report, references: References, record: RunRecord) -> dict[str, Any]:
    """Return what a report says, as plain JSON; NaN stands for undefined.

    Intervals of shares are Wilson's, those of EOD and DPD a parametric bootstrap (see `gap_interval`), all 95 %.
    `chance` is what a model with the same rates in every group shows at these group sizes. The counts are included,
    so that every number can be derived from them.
    """
    classes, attributes = record.classes, record.attributes
    everyone = report.counts[ALL]
    return {
        "n": everyone.n,
        "values": recorded_values(record, report, references),
        "accuracy": share(everyone.hits.sum(), everyone.n),
        "cross_entropy": report.validation_loss,
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
            for name, other in (("teacher", references.teacher), ("nds", references.nds))
            if other is not None
        },
        "attributes": {
            name: {
                **attribute_numbers(report.counts[name], groups=groups, classes=classes),
                **_asked_gaps(report.counts[name], name, record),
            }
            for name, groups in attributes.items()
        },
        "counts": {name: counts.to_dict() for name, counts in report.counts.items()},
    }


def _asked_gaps(counts: Counts, attribute: str, record: RunRecord) -> dict[str, Any]:
    """Return the gaps over an attribute that are objectives, beside those that are always there."""
    objectives = [objective_of(record, name) for name in record.objectives]
    asked = [o.measure.name for o in objectives if o.attribute == attribute and o.group is None]
    return {name: gap_numbers(counts, name) for name in asked if name in GAP_QUANTITIES and name not in GAPS}


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


def spread(values: Sequence[float]) -> dict[str, float]:
    """Return mean and standard deviation (n - 1) of values over seeds, and their number."""
    known = np.array(values, dtype=float)
    return {
        "mean": float(known.mean()) if known.size else float("nan"),
        "std": float(known.std(ddof=1)) if known.size > 1 else float("nan"),
        "n": int(known.size),
    }
