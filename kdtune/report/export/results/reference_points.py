"""What a report shows beside students, though no sweep ships it: an NDS whose decisions fairlearn corrects by group."""

import math
from collections.abc import Sequence

import numpy as np

from kdtune.distill.evaluation.counts import count_all
from kdtune.report.export.results.members import EvaluatedModel, report_numbers
from kdtune.report.export.results.model import ModelFindings
from kdtune.runs.measures.objectives import Objective, References
from kdtune.runs.reader import Run
from kdtune.runs.records import Report

ROLE = "thresholds"
"""The role of such a point; no model of a run has it."""


def reference_points(run: Run, models: Sequence[EvaluatedModel]) -> tuple[list[ModelFindings], list[str]]:
    """Return a point for each NDS and each gap that thresholds by group can close, and why others are missing.

    Thresholds are chosen on validation, as students are, and judged on both splits. With more than two classes there
    are none.

    Args:
        models: evaluated on both splits.
    """
    points: list[ModelFindings] = []
    notes: list[str] = []
    if len(run.record.classes) != 2:
        return points, notes
    from kdtune.report.evaluate.thresholds import CONSTRAINTS  # with scikit-learn, which takes a second

    closed = [o for o in run.objectives if o.measure.name in CONSTRAINTS and o.group is None]
    for model in (m for m in models if m.trained.role == "nds"):
        for objective in closed:
            try:
                points.append(_point(run, model, objective))
            except ValueError as error:
                notes.append(
                    f"No ThresholdOptimizer for {objective.name} on {model.trained.architecture}: {error}."
                )
    return points, notes


def _point(run: Run, model: EvaluatedModel, objective: Objective) -> ModelFindings:
    from kdtune.report.evaluate.thresholds import Thresholds

    attribute = objective.attribute

    def given(split: str) -> tuple[np.ndarray, np.ndarray]:
        data, said = model.on[split]
        return said.logits.double().softmax(dim=1)[:, 1].numpy(), data.arrays.validation_groups[attribute]

    sure, groups = given("validation")
    thresholds = Thresholds(sure, model.on["validation"][0].labels, groups, objective.measure.name)
    splits = {}
    for split, (data, _) in model.on.items():
        report = Report(
            epoch=1,
            counts=count_all(data.arrays, thresholds.decide(*given(split))),
            time=math.nan,
            seconds=math.nan,
            train_loss=math.nan,
            validation_loss=math.nan,
            learning_rate=math.nan,
        )
        splits[split] = report_numbers(report, References(), run.record)
    return ModelFindings(
        id=f"thresholds-{objective.name}-{model.trained.id}",
        role=ROLE,
        architecture=model.trained.architecture,
        config={"objective": objective.name, "attribute": attribute},
        searched={},
        splits=splits,
    )
