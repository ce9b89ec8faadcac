"""Students with one more lever than T and α, beside the same students without it, on the same splits and seeds."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.truth.play import volume
from benchmarks.truth.sets import TruthSet, truth_sets
from benchmarks.truth.training import (
    NO_MODEL,
    SplitStudents,
    classes_of,
    cohorts,
    jobs_of,
    prepare,
    seeded,
    student_logits,
    trained,
)
from benchmarks.truth.view import count_cells, has_model
from kdtune.data.split import stratified_cut
from kdtune.distill.config import Job
from kdtune.distill.fused.students import Students
from kdtune.pareto import non_dominated
from kdtune.report.evaluate.thresholds import Thresholds

ALONE = "T and α alone"
SETS = {"COMPAS": (5, 60), "Adult": (4, 60), "Adult, 12 occupations": (4, 60)}
"""Splits and configurations, by the name of the set of `benchmarks.truth.sets`."""

POINT = 0.01
"""Accuracy that a student may cost, where its gap is compared."""

SMOOTHING, CLASSES, GROUPS, DKD = (
    "label smoothing, 0 to 0.3",
    "class weights, none or balanced",
    "group weights, strength 0 to 1.5",
    "DKD, β 0.25 to 8",
)


def levers(n_classes: int) -> list[str]:
    """Return the levers' names; with two classes DKD is KD itself, and is left out."""
    return [ALONE, SMOOTHING, CLASSES, GROUPS, *([DKD] if n_classes > 2 else [])]


def pulled(lever: str, job: Job, rng: np.random.Generator, attribute: str) -> Job:
    """Return a configuration with a lever's setting, drawn at random."""
    options: dict[str, Any] = {}
    if lever == DKD:
        assert job.distillation is not None
        beta = float(np.exp(rng.uniform(math.log(0.25), math.log(8))))
        return replace(job, distillation=replace(job.distillation, loss="dkd", settings={"beta": beta}))
    if lever == SMOOTHING:
        options["label_smoothing"] = float(rng.uniform(0, 0.3))
    elif lever == CLASSES:
        options["class_weights"] = str(rng.choice(["none", "balanced"]))
    elif lever == GROUPS:
        options = {"group_weights": attribute, "group_weights_strength": float(rng.uniform(0, 1.5))}
    return replace(job, train=job.train.with_options(**options))


@dataclass(frozen=True)
class LeverStudents:
    """What one split's students answer; the third axis of `students.predictions` is that of `names`.

    Attributes:
        names: of the levers.
        corrected: uint8 [m, NDS], what thresholds by group on each NDS decide; empty with more than two classes.
        why: why there are none, where there are none.
        bound: accuracy that a student must reach on validation.
    """

    names: list[str]
    students: SplitStudents
    corrected: np.ndarray
    why: str
    bound: float


def train_levers(item: TruthSet, split: int) -> LeverStudents:
    """Train every configuration of a set with each lever, from one seed."""
    prepared = prepare(item, split)
    plan, data, n = prepared.plan, prepared.data, prepared.n_validation
    kept_back, n_classes = plan.dataset.validation, plan.dataset.n_classes
    [attribute] = plan.dataset.attributes
    labels, groups = kept_back.labels.numpy(), kept_back.groups[attribute].numpy()
    corrected, why = [], "more than two classes" if n_classes > 2 else ""
    for (role, _), logits in zip(plan.architectures, prepared.logits, strict=True):
        if role == "nds" and not why:
            sure = logits.double().softmax(dim=1)[:, 1].numpy()
            thresholds = Thresholds(sure[:n], labels[:n], groups[:n], item.gap)
            corrected.append(thresholds.decide(sure, groups).astype(np.uint8))
    jobs, settings = jobs_of(plan, item.configurations)
    all_levers = levers(n_classes)
    predictions = np.full((len(labels), len(jobs), len(all_levers)), NO_MODEL, dtype=np.uint8)
    for k, lever in enumerate(all_levers):
        rng = np.random.default_rng(split)
        drawn = [seeded(pulled(lever, job, rng, attribute), c, 0) for c, job in enumerate(jobs)]
        for members in cohorts(drawn, range(1), item.students_at_once):
            together = Students([drawn[c] for c, _ in members], data)
            for _ in trained(together, data, prepared.signals):
                pass
            for (c, _), logits in zip(members, student_logits(together, data.validation), strict=True):
                predictions[:, c, k] = classes_of(logits)
    nothing = np.zeros((0, 0, 0), np.uint8)
    students = SplitStudents(
        settings=settings,
        labels=labels.astype(np.uint8),
        groups=groups.astype(np.int8),
        n_validation=n,
        predictions=predictions,
        curves=nothing,
        baselines=np.stack([classes_of(each) for each in prepared.logits], axis=1),
        baseline_names=[f"{role} {name}" for role, name in plan.architectures],
        train_labels=nothing,
        train_groups=nothing,
        train_predictions=nothing,
    )
    majority = np.bincount(labels[:n]).max() / n
    decided = np.stack(corrected, axis=1) if corrected else np.zeros((len(labels), 0), np.uint8)
    return LeverStudents(all_levers, students, decided, why, float(majority + item.margin))


def lever_scores(found: LeverStudents, gap: str) -> dict[str, dict[str, float]]:
    """Return the scores of each lever, and of what stands beside them, on test.

    Everything that is chosen on one half of test is scored on the other, and both are averaged; `chosen` is what
    validation chooses, scored on all of test.
    """
    students = found.students
    m, n = len(students.labels), students.n_validation
    labels, groups = (torch.from_numpy(x[n:].astype(np.int64)) for x in (students.labels, students.groups))
    one, other = (n + part.numpy() for part in stratified_cut(labels, {"group": groups}, 0.5, 0))
    ok = has_model(students)
    beside = np.concatenate([students.baselines, found.corrected], axis=1)
    nds = [name.removeprefix("nds ") for name in students.baseline_names if name.startswith("nds ")]
    corrected = [f"ThresholdOptimizer on NDS {name}" for name in nds][: found.corrected.shape[1]]

    def values(rows: np.ndarray, predictions: np.ndarray | None = None) -> np.ndarray:
        return count_cells(students, rows, predictions).values(gap)

    validation, test = values(np.arange(n)), values(np.arange(n, m))
    halves = [(values(a), values(b)) for a, b in ((one, other), (other, one))]
    feasible = ok & (validation[..., 0] >= found.bound)
    at = found.names.index(ALONE)
    scores: dict[str, dict[str, float]] = {}
    for k, name in enumerate(found.names):
        true, lowest = [], []
        for a, b in halves:
            on = non_dominated(a[:, k], ["max", "min"], feasible[:, k])
            true.append(volume(b[on, k]))
            most = a[feasible[:, at], at, 0].max(initial=0.0)
            enough = feasible[:, k] & (a[:, k, 0] >= most - POINT)
            lowest.append(
                b[np.where(enough, a[:, k, 1], np.inf).argmin(), k, 1] if enough.any() else math.nan
            )
        chosen = non_dominated(validation[:, k], ["max", "min"], feasible[:, k])
        scores[name] = {
            "true": float(np.mean(true)),
            "chosen": volume(test[chosen, k]),
            "lowest": float(np.mean(lowest)),
        }
    points = values(np.arange(n, m), beside)
    for name, (accuracy, distance) in zip([*students.baseline_names, *corrected], points, strict=True):
        added = []
        for a, b in halves:
            on = b[non_dominated(a[:, at], ["max", "min"], feasible[:, at]), at]
            added.append(volume(np.concatenate([on, [[accuracy, distance]]])) - volume(on))
        scores[name] = {"accuracy": float(accuracy), "gap": float(distance), "added": float(np.mean(added))}
    return scores


def lever_sets(data: Path) -> list[TruthSet]:
    """Return the sets on which levers are compared, of those that there are."""
    return [
        replace(item, splits=SETS[item.name][0], configurations=SETS[item.name][1], folds=1, curves=False)
        for item in truth_sets(data)
        if item.name in SETS
    ]


def measure(data: Path, only: Sequence[str] = ()) -> Iterator[dict[str, Any]]:
    """Train and score each set split by split, and yield what was found of it, as JSON."""
    torch.set_num_threads(1)
    for item in lever_sets(data):
        if only and not item.name.startswith(tuple(only)):
            continue
        scores: list[Mapping[str, Mapping[str, float]]] = []
        for split in range(item.splits):
            found = train_levers(item, split)
            scores.append(lever_scores(found, item.gap))
        yield {
            "data": item.name,
            "gap": item.gap,
            "splits": item.splits,
            "configurations": item.configurations,
            "test": len(found.students.labels) - found.students.n_validation,
            "levers": found.names,
            "why": found.why,
            "scores": scores,
        }
