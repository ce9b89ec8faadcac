"""Names, units and intervals of measures, for figures, tables and sentences."""

import math
from collections.abc import Sequence

from kdtune.report.export.results.findings import ModelFindings
from kdtune.runs.objectives import Objective
from kdtune.runs.summary import GAPS
from kdtune.text import number

UNITS = {
    "accuracy": "share of examples",
    "worst_class_accuracy": "share of its examples",
    "worst_group_accuracy": "share of its examples",
    "class_gap": "difference of shares",
    "class_bias_teacher": "mean change",
    "class_bias_nds": "mean change",
    "eod": "difference of rates",
    "dpd": "difference of rates",
    "eod_worst_class": "difference of rates",
    "dpd_worst_class": "difference of rates",
    "individual_fairness": "change of output over distance",
    "parameters": "number of weights",
    "latency": "ms for one example",
    "precision": "share of its predictions",
    "recall": "share of its examples",
    "f1": "harmonic mean of shares",
    "equal_opportunity_difference": "difference of rates",
    "predictive_parity_difference": "difference of rates",
    "accuracy_difference": "difference of shares",
    "demographic_parity_ratio": "ratio of rates",
    "equal_opportunity_ratio": "ratio of rates",
    "equalized_odds_ratio": "ratio of rates",
    "auc": "share of pairs in order",
    "auc_difference": "difference of shares",
    "ece": "difference of shares",
    "ece_difference": "difference of errors",
    "worst_subgroup_accuracy": "share of its examples",
}


_INITIALS = ("eod", "dpd", "auc", "ece", "f1")

_SPELT_OUT = {
    "class_bias_teacher": "class bias against the teacher",
    "class_bias_nds": "class bias against no teacher",
}


def measure_name(objective: Objective) -> str:
    """Return an objective's name for readers: `EOD over sex`, `worst class accuracy`."""
    name = objective.measure.name
    if name in _SPELT_OUT:
        return _SPELT_OUT[name]
    shown = (
        name.upper()
        if name in _INITIALS
        else name.replace("_", " ")
        .replace("eod", "EOD")
        .replace("dpd", "DPD")
        .replace("auc ", "AUC ")
        .replace("ece ", "ECE ")
    )
    if objective.group is not None:
        return f"{shown} of {objective.name.partition('@')[2]}"
    return f"{shown} over {objective.attribute}" if objective.measure.need == "groups" else shown


def axis_label(objective: Objective, *, two_lines: bool = False) -> str:
    """Return an objective's name, unit and direction, to label an axis."""
    better = "higher" if objective.measure.direction == "max" else "lower"
    break_at = "\n" if two_lines else " "
    unit = UNITS.get(objective.measure.name, objective.measure.meaning)
    return f"{measure_name(objective)},{break_at}{unit} ({better} is better)"


def value_text(model: ModelFindings, objective: Objective, *, searched: bool = False) -> str:
    """Return an objective's value on test, or as searched; a dash if there is nothing to compare a model with."""
    if objective.measure.need in ("teacher", "nds") and model.role != "student":
        return "–"
    return number(model.searched.get(objective.name, math.nan) if searched else model.value(objective.name))


def short(model: ModelFindings) -> str:
    """Return a model's name in figures."""
    names = {"teacher": f"teacher {model.architecture}", "nds": f"{model.architecture} without teacher"}
    return names.get(model.role, model.id)


def interval_of(
    model: ModelFindings, objective: Objective, split: str = "test"
) -> tuple[float, float] | None:
    """Return the 95 % interval of an objective on a split, or None if it has none."""
    numbers = model.splits[split]
    if objective.measure.name == "accuracy":
        of = numbers
        if objective.group is not None:
            of = numbers["attributes"][objective.attribute]["groups"][objective.group]
        low, high = of["accuracy"]["interval"]
    elif objective.measure.name in GAPS:
        low, high = numbers["attributes"][objective.attribute][objective.measure.name]["interval"]
    else:
        return None
    return None if math.isnan(low) or math.isnan(high) else (float(low), float(high))


def chances(models: Sequence[ModelFindings], objective: Objective) -> list[float]:
    """Return the gap that chance alone would give each model on test; [] for other measures."""
    if objective.measure.name not in GAPS:
        return []
    gaps = [m.splits["test"]["attributes"][objective.attribute][objective.measure.name] for m in models]
    return [gap["chance"]["mean"] for gap in gaps if not math.isnan(gap["chance"]["mean"])]
