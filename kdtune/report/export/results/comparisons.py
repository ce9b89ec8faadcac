"""Students compared with their baselines on the same test examples: as a whole, class by class, group by group."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from kdtune.fairness import changes, holm
from kdtune.report.export.results.members import EvaluatedModel, baselines_of
from kdtune.runs.comparison.resolution import LEVEL, Compared, Comparer, Resolution, Versus, resolve
from kdtune.runs.predictions import Validation
from kdtune.runs.reader import Run

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True, eq=False)
class Comparisons:
    """Students compared with each other and with their baselines on test.

    Attributes:
        resolution: in the objectives, at a level that takes all pairs of the models shown into account.
        by_class, by_group: gains and losses against each baseline (see `_changes`).
    """

    resolution: Resolution
    by_class: "pandas.DataFrame"
    by_group: "pandas.DataFrame"

    @property
    def with_baselines(self) -> tuple[Versus, ...]:
        """Each student against its NDS and its teacher."""
        return tuple(v for v in self.resolution.against if v.role != "neighbour")


def compare_on_test(run: Run, models: Sequence[EvaluatedModel]) -> Comparisons:
    """Compare students with each other and with their baselines, as the search does on validation.

    Args:
        models: students in the order of the front, and baselines, evaluated on test.
    """
    classes, attributes = run.record.classes, run.record.attributes
    split, _ = models[0].on["test"]
    answers = {model.trained.id: _answers(model) for model in models}
    comparer = Comparer(
        Validation(split.labels, split.arrays.validation_groups),
        run.objectives,
        n_classes=len(classes),
        sizes={name: len(groups) for name, groups in attributes.items()},
        models=len(models),
        answers=answers,
    )
    compared = {
        model.trained.id: Compared(
            model.trained.id,
            model.trained.role,
            model.numbers["test"]["values"],
            answers[model.trained.id],
            {role: other for role, other in baselines_of(model.trained).items() if other in answers},
        )
        for model in models
    }
    students = [model for model in compared.values() if model.role == "student"]
    return Comparisons(
        resolve(students, compared, comparer),
        class_changes(models, classes),
        group_changes(models, attributes),
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
