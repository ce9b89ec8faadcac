"""The section `truth` of RESULTS.md: every policy that was tried, on every bank, against validation alone."""

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.tables import table
from benchmarks.truth.banks import read_split
from benchmarks.truth.beliefs import (
    adaptive,
    as_kdtune,
    as_measured,
    calibrated,
    pooled,
    pooled_unless_overfit,
    smoothed,
    towards_training,
    with_as_many_of_training,
    with_train,
)
from benchmarks.truth.play import BASELINE, SCORES, play
from benchmarks.truth.policies import (
    Policy,
    choosing,
    everything,
    folds_for_free,
    folds_pooled,
    halved,
    larger_validation,
    seeds_averaged,
    seeds_where_they_decide,
    tolerant,
)
from benchmarks.truth.samplers import sampled
from benchmarks.truth.sets import truth_sets

TEXT = """\
Is the front real? This is measured on banks of students that kdtune's own code trained (`python -m benchmarks.truth`
makes them). Every configuration is drawn at random from the ranges of a ready space, and trained on several splits of
the data from several seeds. A policy sees settings and validation, chooses what it ships, and is scored on *test*,
which played no part in the choice. There are three scores: the hypervolume of everything that it ships (of the unit
square, accuracy and EOD; DPD for Adult, as its ready space has it); the hypervolume of the three members that look best
together; and utility, the mean over λ = ¼, ½, 1, 2 of accuracy − λ · gap of the member that looks best for that λ. Each
number is the paired difference from validation alone (one seed each, the students that are non-dominated on
validation), on the same students and examples, in thousandths; ± is its standard error over the splits. The examples
that a split keeps back are cut into validation and test several times. The oracle chooses among the same students on
test. It is an upper bound, and is itself optimistic.

Early stopping is scored in the same way. Students that lag behind are stopped after an eighth, a quarter and a half of
the epochs. The epochs that this saves go to more of the recorded students.

The last rule is kdtune's, by its own functions (`kdtune/runs/choosing.py`). Of the rules that were tried, three are on
average never worse than validation alone, on any set and by any score, and this one gains most of the three. It covers
half of the distance to the oracle on COMPAS and Adult, and less than a third elsewhere. Where students overfit, their
training examples say little, and the rule is cautious. The plain mean of both gains more on some sets, and loses on the
sets where training examples should do harm. The noise of the differences between students also tells how much training
examples should count, but computing it needs the predictions of all students each time that a front is shown.

Validation of two and four times the size shows how much could be gained at all, at the cost of training data. The rules
were found and compared on the same splits, so the best of them looks a little better than it is. Two sets are included
because training examples should do harm on them if they do any: one has few examples, and on the other students know
their training examples by heart. Trifeature's training examples are distributed otherwise on purpose.

Read hypervolume with care, because more members can only add to it. `everything that meets the bound` reaches the
oracle's hypervolume without choosing anything, and helps nobody. So judge a policy by its score for three members and
by utility, which do not grow with the number of members."""


def policies() -> dict[str, Policy]:
    """Return the policies by name; validation alone first."""
    half = smoothed("part", "fitted")
    return {
        BASELINE: choosing(as_measured),
        "everything that meets the bound": everything,
        "whatever none beats by 1 SE in both": tolerant(1.0),
        "asha (by accuracy), more students begun": halved("accuracy"),
        "moasha (by objectives), more students begun": halved("objectives"),
        "2 seeds × N/2, means": seeds_averaged(2),
        "¾ N, then new seeds of the best": seeds_where_they_decide(as_measured),
        "¾ N, then new seeds of the best; half-way to GP": seeds_where_they_decide(half),
        "5 folds × N/5, counts pooled": folds_pooled,
        "5 folds × N for free, counts pooled": folds_for_free,
        "validation × 2 for free": larger_validation(2),
        "validation × 4 for free": larger_validation(4),
        "GP surface": choosing(smoothed("surface", "fitted")),
        "half-way to GP surface": choosing(half),
        "quarter-way to GP surface": choosing(smoothed("part", "fitted", 0.25)),
        "GP, noise from counts": choosing(smoothed("value", "counts")),
        "GP, covariance of predictions": choosing(smoothed("value", "paired")),
        "GP, noise of neighbours' differences": choosing(smoothed("value", "apart")),
        "training alone": choosing(with_train(1.0)),
        "mean of validation and training": choosing(with_train(0.5)),
        "half-way to line through training": choosing(calibrated("half")),
        "half-way to line through as many of training, if alike": choosing(calibrated("half", guarded=True)),
        "half-way to GP with training": choosing(smoothed("part", "fitted", train=True)),
        "validation + training, counts pooled": choosing(pooled()),
        "… at most as many of training (1)": choosing(pooled(1.0)),
        "… (1), as far as both correlate": choosing(adaptive(1.0)),
        "… (1), if distributed alike (2)": choosing(pooled(1.0, if_alike=True)),
        "… (2), less where a student overfits (3)": choosing(pooled_unless_overfit()),
        "… (3), as far as both correlate": choosing(pooled_unless_overfit(by_correlation=True)),
        "mean of validation and as many of training, if distributed alike": choosing(
            with_as_many_of_training
        ),
        "… less where the students overfit": choosing(towards_training("square")),
        "… less where that student overfits": choosing(towards_training("own")),
        "… less where students overfit on average": choosing(towards_training("mean")),
        "… as variances and covariance say": choosing(towards_training("moments")),
        "… as noise of students' differences says": choosing(towards_training("noise")),
        CHOSEN: choosing(as_kdtune),
    }


CHOSEN = "**mean of validation and training, if alike, less where the students overfit**"


def slow_policies() -> dict[str, Policy]:
    """Return those with a sampler of Optuna's, which take seconds each, by name."""
    half = smoothed("part", "fitted")
    return {
        "TPE proposes": choosing(as_measured, sampled("tpe")),
        "TPE proposes, told values half-way to GP": choosing(half, sampled("tpe", half, block=10)),
    }


def measure(
    data: Path, only: Sequence[str] = (), *, cuts: int = 3, draws: int = 6
) -> Iterator[dict[str, Any]]:
    """Play every policy on every bank that there is, and yield what each found, as JSON.

    Args:
        only: how the names of the data begin; all if there are none.
    """
    for item in truth_sets(data):
        first = read_split(item, 0)
        if first is None or (only and not item.name.startswith(tuple(only))):
            continue
        slow = slow_policies() if item.curves else {}
        found = play(item, policies(), slow, cuts=cuts, draws=draws)
        splits = len(found[BASELINE]["utility"])
        yield {
            "data": item.name,
            "gap": item.gap,
            "splits": splits,
            "configurations": len(first.settings),
            "seeds": first.predictions.shape[2],
            "scores": found,
        }


def report(outcomes: Sequence[Mapping[str, Any]]) -> str:
    """Return the section of RESULTS.md."""
    parts = []
    for one in outcomes:
        own = {key: float(np.mean(values)) for key, values in one["scores"][BASELINE].items()}
        parts.append(
            f"**{one['data']}** (accuracy, {one['gap'].upper()}): {one['splits']} splits × {one['configurations']} "
            f"configurations × {one['seeds']} seed{'s' if one['seeds'] > 1 else ''}. Validation alone: hypervolume "
            f"{own['hypervolume']:.4f}, of three members {own['three']:.4f}, utility {own['utility']:.4f}, "
            f"{own['members']:.1f} members."
        )
        rows = [
            [name, *(_difference(scores[key]) for key in SCORES[:3]), f"{np.mean(scores['members']):+.1f}"]
            for name, scores in one["scores"].items()
            if name != BASELINE
        ]
        head = ["policy", "hypervolume", "of three members", "utility", "members"]
        parts.append(table(head, rows))
    return "\n\n".join(parts)


def _difference(values: Sequence[float]) -> str:
    mean, n = 1000 * float(np.mean(values)), len(values)
    error = 1000 * float(np.std(values, ddof=1)) / math.sqrt(n) if n > 1 else math.nan
    return f"{mean:+.1f} ± {error:.1f}"
