"""How many classes distillation affects, and how many would seem affected if it had no effect."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations, islice
from typing import Literal

import numpy as np

from kdtune.fairness import AffectedClasses, affected_classes
from kdtune.report.study.results.reading import ModelOnTest
from kdtune.runs.records import ALL

Null = Literal["ratio", "difference", "raw"]
Correction = Literal["holm", "bh"] | None
NULLS: dict[Null, str] = {
    "ratio": "class accuracy / model accuracy",
    "difference": "class accuracy − model accuracy",
    "raw": "class accuracy",
}
"""The quantity that is equal for a class that is not affected."""
CORRECTIONS: tuple[Correction, ...] = (None, "holm", "bh")
FEW_CLASSES = 10
"""With fewer classes than this, a change in one class moves the ratios of all others noticeably."""
FEW_CLASSES_WARNING = (
    "With few classes, a class that changes moves the model's accuracy, and with it the ratios of all other classes, "
    "which then seem affected too."
)

_MOST_SPLITS = 500
_SIMULATIONS = 400


@dataclass(frozen=True)
class Tally:
    """Affected classes between two models.

    Attributes:
        tests: by correction; p-values by class.
        n_raw, n_holm, n_bh: numbers of affected classes; None if no test is possible.
        better, worse: number of affected classes, uncorrected, on which the second model is better or worse.
        note: why tests are missing; empty if none is.
    """

    tests: dict[Correction, AffectedClasses]
    n_raw: int | None
    n_holm: int | None
    n_bh: int | None
    better: int | None
    worse: int | None
    note: str


@dataclass(frozen=True)
class Floor:
    """Mean number of affected classes between models that do not differ.

    Attributes:
        splits: number of comparisons that the mean is over.
        sizes: seeds on each side.
    """

    raw: float
    holm: float
    bh: float
    splits: int
    sizes: tuple[int, int]


def class_accuracies(models: Sequence[ModelOnTest]) -> np.ndarray:
    """Return the class accuracies, [seeds, C]."""
    return np.array([model.counts[ALL].class_accuracy for model in models])


def accuracies(models: Sequence[ModelOnTest]) -> np.ndarray:
    """Return the accuracies, [seeds]."""
    return np.array([model.counts[ALL].accuracy for model in models])


def tally(a: Sequence[ModelOnTest], b: Sequence[ModelOnTest], *, null: Null, level: float) -> Tally:
    """Test which classes differ from models a to models b."""
    if not a or not b:
        return Tally({}, None, None, None, None, None, "no model is done")
    totals = accuracies(a), accuracies(b)
    sizes = a[0].counts[ALL].examples[0]
    tests = {
        c: _test(class_accuracies(a), class_accuracies(b), totals, null, level, c, sizes) for c in CORRECTIONS
    }
    plain = tests[None]
    if len(a) < 2 or len(b) < 2:
        return Tally(tests, None, None, None, None, None, plain.note)
    n = {c: int(test.affected.sum()) for c, test in tests.items()}
    better = int((plain.affected & plain.better).sum())
    return Tally(tests, n[None], n["holm"], n["bh"], better, n[None] - better, plain.note)


def measured_floor(models: Sequence[ModelOnTest], *, null: Null, level: float) -> Floor | None:
    """Compare seeds of one model with its other seeds, in all splits into halves; None with fewer than 4 seeds."""
    if not models:
        return None
    sizes = models[0].counts[ALL].examples[0]
    return floor_of(class_accuracies(models), accuracies(models), null=null, level=level, sizes=sizes)


def floor_of(
    by_class: np.ndarray, totals: np.ndarray, *, null: Null, level: float, sizes: np.ndarray | None = None
) -> Floor | None:
    """Return the same from class accuracies [seeds, C], accuracies [seeds] and class sizes [C]."""
    n = len(by_class)
    if n < 4:
        return None
    half = n // 2
    counts = []
    # An even number gives each split twice, once mirrored: seed 0 stays on the left.
    choices = (c for c in combinations(range(n), half) if n % 2 or 0 in c)
    for chosen in islice(choices, _MOST_SPLITS):
        left = np.zeros(n, dtype=bool)
        left[list(chosen)] = True
        tests = [
            _test(by_class[left], by_class[~left], (totals[left], totals[~left]), null, level, c, sizes)
            for c in CORRECTIONS
        ]
        counts.append([int(test.affected.sum()) for test in tests])
    raw, holm, bh = np.mean(counts, axis=0)
    return Floor(float(raw), float(holm), float(bh), len(counts), (half, n - half))


@lru_cache(maxsize=64)
def expected_floor(n_classes: int, n_a: int, n_b: int, level: float) -> Floor | None:
    """Return the mean number of affected classes between identical models, by simulation.

    Class accuracies are drawn as independent normals of equal variance, so that only the numbers of seeds and classes
    matter. None with fewer than 2 seeds on a side.
    """
    if min(n_a, n_b) < 2:
        return None
    rng = np.random.default_rng(0)
    counts = np.zeros(3)
    for _ in range(_SIMULATIONS):
        a, b = rng.normal(0.5, 0.01, (n_a, n_classes)), rng.normal(0.5, 0.01, (n_b, n_classes))
        counts += [
            affected_classes(a, b, null="raw", level=level, correction=c).affected.sum() for c in CORRECTIONS
        ]
    # The uncorrected rate does not depend on the number of classes, so many draws make it precise.
    many = 100_000
    a, b = rng.normal(0.5, 0.01, (n_a, many)), rng.normal(0.5, 0.01, (n_b, many))
    rate = float(affected_classes(a, b, null="raw", level=level).affected.mean())
    _, holm, bh = counts / _SIMULATIONS
    return Floor(rate * n_classes, float(holm), float(bh), _SIMULATIONS, (n_a, n_b))


def _test(
    a: np.ndarray,
    b: np.ndarray,
    totals: tuple[np.ndarray, np.ndarray],
    null: Null,
    level: float,
    correction: Correction,
    sizes: np.ndarray | None,
) -> AffectedClasses:
    return affected_classes(
        a, b, null=null, level=level, correction=correction, model_accuracy=totals, class_sizes=sizes
    )
