"""Whether what a sweep says at its end holds: each finding of a sweep on a fresh split is checked on test."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.truth.banks import make_banks, read_split
from benchmarks.truth.play import tables
from benchmarks.truth.section import CHOSEN, policies
from benchmarks.truth.sets import TruthSet, verdict_sets
from benchmarks.truth.training import SplitStudents
from kdtune.fairness import compare
from kdtune.runs.comparison.resolution import Compared, Comparer, Difference, Resolution, resolve, rounded_up
from kdtune.runs.measures.objectives import Objective
from kdtune.runs.predictions import Validation

ATTRIBUTE = "group"
AGREES, SILENT, CONTRADICTS = "agrees", "silent", "contradicts"


@dataclass(frozen=True)
class Finding:
    """A difference that a sweep called beyond noise.

    Attributes:
        kind: `better` or `worse` than a baseline, or `neighbour`.
        here, there: the difference on validation and on test.
        test: whether a test of this one pair on the test examples agrees, contradicts, or is silent.
    """

    kind: str
    objective: str
    here: float
    there: float
    test: str


@dataclass(frozen=True)
class Verdict:
    """What the sweep on one split says.

    Attributes:
        beats: whether its last line says that a student on the front beats a baseline.
        members: of the front.
        steps: of the front.
        missed: comparisons with a baseline that validation leaves open, and in which the student is better on test,
            corrected there as it is on validation.
    """

    beats: bool
    members: int
    steps: int
    missed: int
    findings: list[Finding]


def measure(data: Path, only: Sequence[str] = ()) -> Iterator[dict[str, Any]]:
    """Train what is lacking, judge each split, and yield what was found for each set, as JSON."""
    items = [i for i in verdict_sets(data) if not only or i.name.startswith(tuple(only))]
    make_banks(items)
    for item in items:
        found = [verdict(item, split) for split in range(item.splits)]
        students = read_split(item, 0)
        assert students is not None
        yield {
            "data": item.name,
            "gap": item.gap,
            "configurations": len(students.settings),
            "validation": students.n_validation,
            "test": len(students.labels) - students.n_validation,
            "verdicts": [asdict(one) for one in found],
        }


def verdict(item: TruthSet, split: int) -> Verdict:
    """Judge the front of one split on its validation, and each finding on its test examples."""
    students = read_split(item, split)
    assert students is not None
    table = next(tables(item, split, cuts=1))
    shipped = policies()[CHOSEN](table.deck, np.random.default_rng(split))
    assert shipped is not None
    order = np.argsort(-shipped.beliefs[:, 0])
    kept = table.deck.students.predictions[:, :, 0]
    n, m = students.n_validation, len(students.labels)
    here, there = np.arange(n), np.arange(n, m)
    found, models = _resolved(item, students, kept, [shipped.students[k][0] for k in order], here)
    checked, _ = _resolved(item, students, kept, [shipped.students[k][0] for k in order], there)
    findings, missed = [], 0
    for one, other in zip(found.against, checked.against, strict=True):
        for seen, true in zip(one.differences, other.differences, strict=True):
            if seen.better is not None:
                kind = "neighbour" if one.role == "neighbour" else "better" if seen.better else "worse"
                told = _alone(models[one.model], models[one.other], students, seen, there)
                findings.append(Finding(kind, seen.objective, seen.difference, true.difference, told))
            elif one.role != "neighbour" and true.better:
                missed += 1
    return Verdict(
        bool(found.beats_a_baseline), sum(map(len, found.steps)), len(found.steps), missed, findings
    )


def _resolved(
    item: TruthSet, students: SplitStudents, kept: np.ndarray, members: Sequence[int], rows: np.ndarray
) -> tuple[Resolution, dict[str, np.ndarray]]:
    """Return what is resolved on these examples, and the answers of all models to all examples."""
    objectives = [Objective.parse(name, [ATTRIBUTE]) for name in ("accuracy", item.gap)]
    pairs = [one["pair"].split("->") for one in students.settings]
    models = {f"t{c}": kept[:, c].astype(np.int64) for c in members}
    models |= {
        name: students.baselines[:, k].astype(np.int64) for k, name in enumerate(students.baseline_names)
    }
    examples = Validation(
        students.labels[rows].astype(np.int64), {ATTRIBUTE: students.groups[rows].astype(np.int64)}
    )
    answers = {name: given[rows] for name, given in models.items()}
    comparer = Comparer(
        examples,
        objectives,
        n_classes=int(students.labels.max()) + 1,
        sizes={ATTRIBUTE: int(students.groups.max()) + 1},
        models=rounded_up(kept.shape[1] + len(students.baseline_names)),
        answers=answers,
    )
    shown = {name: Compared(name, name.split()[0], {}, answers[name]) for name in students.baseline_names}
    front = [
        Compared(
            f"t{c}",
            "student",
            {},
            answers[f"t{c}"],
            {"teacher": f"teacher {pairs[c][0]}", "nds": f"nds {pairs[c][1]}"},
        )
        for c in members
    ]
    return resolve(front, shown, comparer), models


def _alone(
    one: np.ndarray,
    other: np.ndarray,
    students: SplitStudents,
    seen: Difference,
    rows: np.ndarray,
) -> str:
    """Test one pair by itself at 5 %."""
    found = compare(
        students.labels[rows].astype(np.int64),
        one[rows],
        other[rows],
        None if seen.objective == "accuracy" else students.groups[rows].astype(np.int64),
        measure=seen.objective,
        n_classes=int(students.labels.max()) + 1,
    )
    if not found.beyond_noise:
        return SILENT
    return AGREES if (found.difference > 0) == (seen.difference > 0) else CONTRADICTS
