"""Students compared with their baselines on the same test examples: as a whole, class by class, group by group."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from kdtune.fairness import Comparison, changes, compare, corrected, holm
from kdtune.report.export.results.members import EvaluatedModel, baselines_of
from kdtune.runs.objectives import Objective
from kdtune.runs.reader import Run

if TYPE_CHECKING:
    import pandas

LEVEL = 0.05
"""Probability of calling any of the compared models different if all are equal."""

_COMPARABLE = {
    "accuracy": "accuracy",
    "worst_class_accuracy": "worst_class_accuracy",
    "class_gap": "class_gap",
    "class_bias_teacher": "class_bias",
    "class_bias_nds": "class_bias",
    "worst_group_accuracy": "worst_group_accuracy",
    "eod": "eod",
    "dpd": "dpd",
    "eod_worst_class": "eod_worst_class",
    "dpd_worst_class": "dpd_worst_class",
}
"""Measures with a paired comparison, and their names there."""


@dataclass(frozen=True)
class Versus:
    """A student compared with a baseline on test.

    Attributes:
        student, other: ids.
        role: of the baseline, `teacher` or `nds`.
        found: by objective, the student minus the baseline; p-values and `beyond_noise` take all comparisons of the
            export into account. Without the objectives that have no paired comparison.
        better, worse: the objectives in which the student is better or worse beyond noise.
    """

    student: str
    other: str
    role: str
    found: Mapping[str, Comparison]
    better: tuple[str, ...]
    worse: tuple[str, ...]

    @property
    def differs(self) -> bool:
        """Whether the two differ beyond noise in any objective."""
        return bool(self.better or self.worse)


@dataclass(frozen=True, eq=False)
class Comparisons:
    """Students compared with their baselines on test: `versus`, and gains and losses `by_class` and `by_group`."""

    versus: tuple[Versus, ...]
    by_class: "pandas.DataFrame"
    by_group: "pandas.DataFrame"


def compare_on_test(run: Run, models: Sequence[EvaluatedModel]) -> Comparisons:
    """Compare each student with its baselines; the models are students and baselines, evaluated on test."""
    classes, attributes = run.record.classes, run.record.attributes
    return Comparisons(
        tuple(compare_with_baselines(models, run.objectives, n_classes=len(classes), attributes=attributes)),
        class_changes(models, classes),
        group_changes(models, attributes),
    )


def compare_with_baselines(
    models: Sequence[EvaluatedModel],
    objectives: Sequence[Objective],
    *,
    n_classes: int,
    attributes: Mapping[str, Sequence[str]],
) -> list[Versus]:
    """Compare each student with its NDS and its teacher, in each objective, on the same test examples.

    Args:
        models: students and baselines, evaluated on test.
    """
    by_id = {model.trained.id: model for model in models}
    cases: list[tuple[str, str, Objective]] = []
    for model in models:
        for role, other in baselines_of(model.trained).items():
            if other in by_id:
                cases += [(model.trained.id, other, o) for o in objectives if _is_comparable(o, role)]
    # Holm's smallest step must be within reach of the bootstrap.
    resamples = max(1000, int(2 * len(cases) / LEVEL) + 1)
    judged = corrected(
        [
            _compared(by_id, student, other, objective, n_classes, attributes, resamples)
            for student, other, objective in cases
        ]
    )
    pairs: dict[tuple[str, str], dict[str, Comparison]] = {}
    for model in models:
        for other in baselines_of(model.trained).values():
            if other in by_id:
                pairs[model.trained.id, other] = {}
    for (student, other, objective), comparison in zip(cases, judged, strict=True):
        pairs[student, other][objective.name] = comparison
    known = {objective.name: objective for objective in objectives}
    return [
        Versus(
            student,
            other,
            by_id[other].trained.role,
            found,
            better=tuple(
                n for n, c in found.items() if c.beyond_noise and _is_better(known[n], c.difference)
            ),
            worse=tuple(
                n for n, c in found.items() if c.beyond_noise and not _is_better(known[n], c.difference)
            ),
        )
        for (student, other), found in pairs.items()
    ]


def _is_comparable(objective: Objective, role: str) -> bool:
    # Class bias is taken against a baseline, and says nothing about that baseline itself.
    return objective.measure.name in _COMPARABLE and objective.measure.need != role


def _is_better(objective: Objective, difference: float) -> bool:
    return difference > 0 if objective.measure.direction == "max" else difference < 0


def _compared(
    by_id: Mapping[str, EvaluatedModel],
    student: str,
    other: str,
    objective: Objective,
    n_classes: int,
    attributes: Mapping[str, Sequence[str]],
    resamples: int,
) -> Comparison:
    split, _ = by_id[student].on["test"]
    grouped = objective.measure.need == "groups"
    reference = None
    if objective.measure.need in ("teacher", "nds"):
        reference = _answers(by_id[baselines_of(by_id[student].trained)[str(objective.measure.need)]])
    chosen = np.ones(len(split), dtype=bool)
    if objective.group is not None:
        chosen = split.arrays.validation_groups[objective.attribute] == objective.group
    return compare(
        split.labels[chosen],
        _answers(by_id[student])[chosen],
        _answers(by_id[other])[chosen],
        split.arrays.validation_groups[objective.attribute][chosen] if grouped else None,
        measure=_COMPARABLE[objective.measure.name],
        n_classes=n_classes,
        n_groups=len(attributes[objective.attribute]) if grouped else None,
        reference=None if reference is None else reference[chosen],
        level=LEVEL,
        resamples=resamples,
    )


def _answers(model: EvaluatedModel) -> np.ndarray:
    return model.on["test"][1].predictions


def class_changes(models: Sequence[EvaluatedModel], classes: Sequence[str]) -> "pandas.DataFrame":
    """Return what each student gains and loses on each class against each baseline (see `_changes`)."""
    return _changes(models, {"class": classes}, lambda split, _: split.labels, "class")


def group_changes(
    models: Sequence[EvaluatedModel], attributes: Mapping[str, Sequence[str]]
) -> "pandas.DataFrame":
    """Return what each student gains and loses on each group against each baseline (see `_changes`)."""
    return _changes(models, attributes, lambda split, name: split.arrays.validation_groups[name], "group")


def _changes(
    models: Sequence[EvaluatedModel], parts: Mapping[str, Sequence[str]], codes: Any, part: str
) -> "pandas.DataFrame":
    """Return one row for each student, baseline and part of the test examples.

    Columns: `id`, `against` (the baseline's id), `role`, `attribute`, the part's name, `n`, `gained` and `lost`
    (examples that only one of the two gets right), `difference` of the shares of right answers, `p` (McNemar's exact
    test), `p_holm` over all rows, and `beyond_noise`.
    """
    import pandas

    by_id = {model.trained.id: model for model in models}
    rows: list[dict[str, Any]] = []
    for model in models:
        for role, other in baselines_of(model.trained).items():
            if other not in by_id:
                continue
            split, _ = model.on["test"]
            for attribute, names in parts.items():
                found = changes(
                    split.labels,
                    _answers(by_id[other]),
                    _answers(model),
                    codes(split, attribute),
                    n_parts=len(names),
                )
                for k, name in enumerate(names):
                    rows.append(
                        {
                            "id": model.trained.id,
                            "against": other,
                            "role": role,
                            "attribute": attribute,
                            part: name,
                            "n": int(found.n[k]),
                            "gained": int(found.gained[k]),
                            "lost": int(found.lost[k]),
                            "difference": float(found.difference[k]),
                            "p": float(found.p[k]),
                        }
                    )
    columns = ["id", "against", "role", "attribute", part, "n", "gained", "lost", "difference", "p"]
    table = pandas.DataFrame(rows, columns=columns)
    table["p_holm"] = holm(table["p"].to_numpy(dtype=float))
    table["beyond_noise"] = table["p_holm"] <= LEVEL
    return table.drop(columns="attribute") if part == "class" else table
