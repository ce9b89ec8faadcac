"""The section `levers` of RESULTS.md: whether class weights, reweighing and others widen the true front."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from benchmarks.tables import table
from benchmarks.truth.levers import ALONE

TEXT = """\
Which levers widen the *true* front? For each set, configurations (T, α, learning rate and whatever else the ready space
searches) are drawn at random, and their students are trained on several splits. Then the same configurations are
trained again from the same seeds with one more lever. Its value is drawn at random for each configuration from the
range in the table. With two classes DKD is KD itself, so it is measured only on the set of 12 occupations, and is
missing here without that set.

The true front is the front on test, which is large. The non-dominated students are found on one half of it and scored
on the other, both ways. *Hypervolume* is that of these students (of the unit square, accuracy and the gap that is
named). *Chosen on validation* is the hypervolume on test of the students that are non-dominated on validation, which
are the students that a sweep ships. *Lowest gap* looks at the students that cost at most a point of accuracy against
the most accurate student of T and α alone. It is the gap of the one among them whose gap is lowest, found on one half
and measured on the other. Numbers are paired differences from T and α alone, on the same splits, in thousandths; ± is
their standard error over the splits. A lower gap is better.

The next rows are models without these levers, with accuracy and gap on test, and by how much the true front of T and α
would grow if the model were on it. `ThresholdOptimizer` is fairlearn's. It leaves an NDS as it is, and chooses a
threshold for each group on the validation examples, so that the rates that the gap compares are equal there. It is not
a student of a sweep, because it needs everybody's group and draws some decisions by lot."""


def report(outcomes: Sequence[Mapping[str, Any]]) -> str:
    """Return the section of RESULTS.md."""
    parts = []
    for one in outcomes:
        own = {key: _mean(_of(one, ALONE, key)) for key in ("true", "chosen", "lowest")}
        gap = one["gap"].upper()
        parts.append(
            f"**{one['data']}** (accuracy, {gap}): {one['splits']} splits × {one['configurations']} configurations, "
            f"{one['test']:,} test examples. T and α alone: hypervolume {own['true']:.4f}, chosen on validation "
            f"{own['chosen']:.4f}, lowest gap {own['lowest']:.4f}."
        )
        rows = [
            [name, *(_difference(_of(one, name, key), _of(one, ALONE, key)) for key in own)]
            for name in one["levers"]
            if name != ALONE
        ]
        parts.append(table(["with the lever", "hypervolume", "chosen on validation", "lowest gap"], rows))
        beside = [name for name in one["scores"][0] if name not in one["levers"]]
        rows = [
            [
                name,
                f"{_mean(_of(one, name, 'accuracy')):.4f}",
                f"{_mean(_of(one, name, 'gap')):.4f}",
                _difference(_of(one, name, "added"), np.zeros(one["splits"])),
            ]
            for name in beside
        ]
        parts.append(table(["beside", "accuracy", gap, "widens the front of T and α by"], rows))
        if one["why"]:
            parts.append(f"No thresholds by group: {one['why']}.")
    return "\n\n".join(parts)


def _of(one: Mapping[str, Any], name: str, key: str) -> np.ndarray:
    return np.array([split[name][key] for split in one["scores"]], dtype=float)


def _mean(values: np.ndarray) -> float:
    return float(np.nanmean(values))


def _difference(values: np.ndarray, others: np.ndarray) -> str:
    apart = 1000 * (values - others)
    apart = apart[~np.isnan(apart)]
    if not len(apart):
        return "–"
    error = float(np.std(apart, ddof=1)) / math.sqrt(len(apart)) if len(apart) > 1 else math.nan
    return f"{apart.mean():+.1f} ± {error:.1f}"
