"""The section `sweeps` of RESULTS.md: whole sweeps by kdtune and by hand, how they agree and where time goes."""

import datetime
import math
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks import peers
from benchmarks.kdtune_search import VARIANTS
from benchmarks.tables import table

TEXT = """\
By hand: Ray Tune's own pattern (`by_hand.py`): a function trainable in a fresh actor for each trial, a DataLoader
with transforms of single images, the teacher in every step, float32, `OptunaSearch`, fairlearn after each epoch,
Tune's defaults. kdtune: `kdtune search` from the command line. Both sides start as new processes, on the same
configurations, data, epochs and cores, in turns, and are timed from the start of the command to its end. Teachers are
trained before, and count for neither side. `processor` compares the processor time of all processes, which says less
about the wait but is less disturbed by other work on the machine; if the load average was well above the number of
cores, the wall-clock says little. `solo`: students are trained one by one; `fused`: eight as one; `default`: as kdtune
decides by a measurement. n: runs of kdtune / by hand; medians. `was` is what this command found on 2026-11-25. Since
then, all training examples are looked at once after the last epoch (see `last` in "An epoch"), which a sweep of one
epoch feels most.

The second table shows what else runs the same trials on one machine, trained as by hand (`peers.py`): Optuna alone, as
many processes as cores with one study; and Syne Tune's local backend, a process for each trial. Each ran once for each
n of its row.

The next table shows the last epoch's mean over the configurations, and kdtune minus by hand, in standard errors (SE)
of the paired differences; if the section on streams has the workload, the standard deviation over streams of batches
is added (see there). The next one divides kdtune's wall-clock: before the first trial, in epochs (including evaluation
and checkpoint), between them, after the last; `floor` is the students' steps alone, on tensors in memory, on all
cores, one by one; kdtune's processes keep the memory that a step frees, and those of the floor and of the others do
not. The last one divides kdtune's processor time by what its processes do; each process that trains or runs teachers
imports torch, which takes seconds."""
PROCESSES = {
    "students": ("ray::CohortTrial", "ray::Resource"),
    "teachers": ("ray::TeacherServer",),
    "driver": ("kdtune.sweep", "ray::WorkerRegistry"),
    "command line": ("kdtune.cli",),
}
"""Kinds of kdtune's processes, and what their names contain; all others are Ray's own."""
BEFORE = {
    ("R20→LeNet-5, Trifeature", "solo"): 12.4,
    ("R20→LeNet-5, Trifeature", "fused"): 13.7,
    ("R20→8×8 CNN, digits", "solo"): 12.2,
    ("R20→8×8 CNN, digits", "fused"): 13.3,
    ("MLP-256-128→MLP-16, Adult", "solo"): 10.5,
    ("MLP-256-128→MLP-16, Adult", "fused"): 11.0,
    ("R56→LeNet-5, CIFAR-10", "solo"): 14.7,
    ("R56→LeNet-5, CIFAR-10", "fused"): 17.7,
    ("R56→R20, CIFAR-10", "solo"): 4.4,
}
"""How many times faster than by hand (wall-clock) each sweep was on 2026-11-25."""


def report(found: Sequence[Mapping[str, Any]], streams: Mapping[str, Mapping[str, float]]) -> str:
    """Return the section of RESULTS.md.

    Args:
        streams: workload -> metric -> standard deviation of a sweep's mean over streams of batches.
    """
    each = [(w, variant) for w in found for variant in w["costs"] if variant in VARIANTS]
    compared = [(w, variant) for w, variant in each if "by hand" in w["costs"]]
    return "\n".join(
        [
            table(
                [
                    "workload", "trials × epochs", "examples", "kdtune", "was", "faster, wall", "faster, processor",
                    "goal", "n", "measured, UTC; load before",
                ],
                [_against_by_hand(w, variant) for w, variant in compared],
            ),
            table(
                ["workload", "kdtune", "than", "faster, wall", "faster, processor", "n"],
                [
                    [w["name"], variant, peer, *_faster(w["costs"], variant, peer)]
                    for w, variant in compared for peer in peers.NAMES if peer in w["costs"]
                ],
            ),
            table(
                ["workload", "kdtune", "configurations", "accuracy", "EOD"],
                [_agreement_row(w, variant, streams.get(w["name"], {})) for w, variant in compared],
            ),
            table(
                ["workload", "kdtune", "whole / floor", "start", "epochs", "between", "end", "epochs / floor"],
                [_divided(w, variant) for w, variant in each],
            ),
            table(
                ["workload", "kdtune", *PROCESSES, "Ray"],
                [
                    [w["name"], variant, *(f"{100 * share:.0f} %" for share in _spent(w["costs"][variant]))]
                    for w, variant in each
                ],
            ),
        ]
    )  # fmt: skip


def _against_by_hand(w: Mapping[str, Any], variant: str) -> list[str]:
    """Return a row of the first table."""
    goal, was = w["goal"][variant != "solo"], BEFORE.get((w["name"], variant))
    wall, cpu, n = _faster(w["costs"], variant, "by hand")
    began = datetime.datetime.fromtimestamp(w["began"], datetime.UTC)
    return [
        w["name"],
        w["size"],
        f"{w['images']:,}",
        variant,
        "–" if was is None else f"{was:.1f} ×",
        wall,
        cpu,
        "–" if goal is None else f"{goal:g} ×",
        n,
        f"{began:%Y-%m-%d %H:%M}; {w['load']:.1f}",
    ]


def _faster(costs: Mapping[str, Sequence[Mapping[str, float]]], variant: str, other: str) -> list[str]:
    """Return how many times faster kdtune is, by wall-clock and by processor time, and the runs of both sides.

    Where both sides ran several times, the ratio of the closest runs and that of the furthest are in brackets.
    """
    texts = []
    for of in ("wall", "cpu"):
        ours, theirs = ([cost[of] for cost in costs[name]] for name in (variant, other))
        text = f"{statistics.median(theirs) / statistics.median(ours):.1f} ×"
        if min(len(ours), len(theirs)) > 1:
            text += f" [{min(theirs) / max(ours):.1f}, {max(theirs) / min(ours):.1f}]"
        texts.append(text)
    return [*texts, f"{len(costs[variant])} / {len(costs[other])}"]


def _agreement_row(w: Mapping[str, Any], variant: str, streams: Mapping[str, float]) -> list[str]:
    found = w["agreement"][variant]
    return [w["name"], variant, str(found["accuracy"]["n"])] + [
        _difference(found[metric], streams.get(metric)) for metric in ("accuracy", "eod")
    ]


def _divided(w: Mapping[str, Any], variant: str) -> list[str]:
    """Return a row of the table that divides the wall-clock."""
    wall = statistics.median(cost["wall"] for cost in w["costs"][variant])
    parts = {
        name: statistics.median(p[name] for p in w["parts"][variant]) / wall
        for name in ("start", "epochs", "between", "end")
    }
    return [
        w["name"],
        variant,
        f"{wall / w['floor']:.2f}",
        *(f"{100 * share:.0f} %" for share in parts.values()),
        f"{parts['epochs'] * wall / w['floor']:.2f}",
    ]


def _difference(found: Mapping[str, float], stream: float | None) -> str:
    """Return how far kdtune is from by hand, in standard errors of the pairs and of the stream that they share."""
    text = f"{found['ours']:.3f}, {found['difference']:+.4f} ({found['errors']:.1f} SE"
    if stream is not None:
        error = abs(found["difference"]) / found["errors"] if found["errors"] else 0.0
        text += f"; with streams {abs(found['difference']) / math.hypot(error, stream):.1f} SE"
    return text + ")"


def _spent(costs: Sequence[Mapping[str, Any]]) -> list[float]:
    """Return the share of the processor time for each kind of process."""
    totals = dict.fromkeys([*PROCESSES, "Ray"], 0.0)
    for cost in costs:
        for name, seconds in cost["processes"].items():
            kind = next((k for k, signs in PROCESSES.items() if any(s in name for s in signs)), "Ray")
            totals[kind] += seconds
    return [seconds / sum(totals.values()) for seconds in totals.values()]
