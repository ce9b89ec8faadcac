"""Names, units and intervals of measures, for figures, tables and sentences.

Shares and differences of shares are written in one form wherever a report shows them: as percentages with one decimal.
"""

import math
from textwrap import fill
from typing import TYPE_CHECKING, Any

from kdtune.fairness import GAP_QUANTITIES
from kdtune.pareto import Constraint
from kdtune.runs.measures.metrics import interval_in
from kdtune.runs.measures.objectives import OF_EVERY_SEARCH, Objective, objective_of
from kdtune.runs.records import RunRecord
from kdtune.text import digits_of, measured, number, signed

if TYPE_CHECKING:
    from kdtune.report.export.results.model import ModelFindings

UNITS = {
    "accuracy": "% of examples",
    "worst_class_accuracy": "% of its examples",
    "worst_group_accuracy": "% of its examples",
    "class_gap": "percentage points",
    "over_majority": "standard errors",
    "answered_classes": "number of classes",
    "class_bias_teacher": "mean change",
    "class_bias_nds": "mean change",
    "eod": "percentage points",
    "dpd": "percentage points",
    "eod_worst_class": "percentage points",
    "dpd_worst_class": "percentage points",
    "individual_fairness": "change of output over distance",
    "parameters": "number of weights",
    "latency": "ms for one example",
    "precision": "% of its predictions",
    "recall": "% of its examples",
    "f1": "harmonic mean of shares",
    "equal_opportunity_difference": "percentage points",
    "predictive_parity_difference": "percentage points",
    "accuracy_difference": "percentage points",
    "demographic_parity_ratio": "ratio of rates",
    "equal_opportunity_ratio": "ratio of rates",
    "equalized_odds_ratio": "ratio of rates",
    "auc": "share of pairs in order",
    "auc_difference": "difference of shares of pairs",
    "ece": "percentage points",
    "ece_difference": "percentage points",
    "worst_subgroup_accuracy": "% of its examples",
}

_INITIALS = ("eod", "dpd", "auc", "ece", "f1")

_SPELT_OUT = {
    "class_bias_teacher": "class bias against the teacher",
    "class_bias_nds": "class bias against NDS",
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


def unit_of(objective: Objective) -> str:
    """Return the unit in which an objective is shown; empty for a measure that states none."""
    return UNITS.get(objective.measure.name, "")


def is_share(objective: Objective) -> bool:
    """Return whether an objective is a share or a difference of shares, which reports write in percent."""
    return unit_of(objective).startswith(("%", "percentage"))


def axis_label(objective: Objective, *, two_lines: bool = False) -> str:
    """Return an objective's name, unit and direction, to label an axis; one that is long for it has several lines."""
    better = "higher" if objective.measure.direction == "max" else "lower"
    unit = unit_of(objective) or objective.measure.meaning.rstrip(".")
    name, rest = f"{measure_name(objective)},", f"{unit} ({better} is better)"
    return f"{fill(name, 48)}\n{fill(rest, 48)}" if two_lines else fill(f"{name} {rest}", 80)


def change_heading(objective: Objective, against: str) -> str:
    """Return the head of a column of differences from another model: `accuracy minus teacher, points`."""
    return f"{measure_name(objective)} minus {against}" + (", points" if is_share(objective) else "")


def heading(objective: Objective) -> str:
    """Return an objective's name as the head of a column, with a percent sign if its cells are percentages."""
    return measure_name(objective) + (", %" if is_share(objective) else "")


def value_text(model: "ModelFindings", objective: Objective, *, searched: bool = False) -> str:
    """Return an objective's value on test, or as searched; a dash if there is nothing to compare a model with."""
    if objective.measure.need in ("teacher", "nds") and model.role != "student":
        return "–"
    value = model.searched.get(objective.name, math.nan) if searched else model.value(objective.name)
    return measured(objective.name, value)


def bare(value: float, objective: Objective) -> str:
    """Return a value without its unit, as in a column that states it."""
    if is_share(objective):
        return number(100 * value, 1, undefined="–")
    return measured(objective.name, value, undefined="–")


def bare_change(value: float, objective: Objective) -> str:
    """Return a difference with its sign and without its unit."""
    return signed(100 * value, 1) if is_share(objective) else signed(value, digits_of(objective.name))


def with_unit(value: float, objective: Objective) -> str:
    """Return a value as in a sentence: `67.4 %`, `15.1 points`, `0.213`."""
    if not is_share(objective) or math.isnan(value):
        return measured(objective.name, value)
    return percent(value) if unit_of(objective).startswith("%") else points(value)


def bound(record: RunRecord, constraint: Constraint) -> str:
    """Return a constraint for readers: `accuracy ≥ 55.0 %`."""
    if constraint in OF_EVERY_SEARCH:
        return OF_EVERY_SEARCH[constraint]
    sign = "≥" if constraint.direction == ">=" else "≤"
    objective = objective_of(record, constraint.name)
    shown = with_unit(constraint.bound, objective)
    rounded, exact = f"{100 * constraint.bound:.1f}", f"{100 * constraint.bound:.6g}"
    if is_share(objective) and rounded in ("0.0", "100.0") and float(exact) != float(rounded):
        shown = shown.replace(rounded, exact)  # a bound of 0.9999 that reads 100.0 % is another one
    return f"{measure_name(objective)} {sign} {shown}"


def percent(share: float) -> str:
    """Return a share as a percentage."""
    return "an undefined share" if math.isnan(share) else f"{100 * share:.1f}\N{NO-BREAK SPACE}%"


def points(difference: float) -> str:
    """Return the size of a difference of shares in percentage points."""
    value = f"{abs(100 * difference):.1f}"
    return (
        "an undefined number of points"
        if math.isnan(difference)
        else f"{value} point{'' if value == '1.0' else 's'}"
    )


def short(model: "ModelFindings") -> str:
    """Return a model's name in figures."""
    names = {
        "teacher": f"teacher {model.architecture}",
        "nds": f"{model.architecture} without teacher",
        "thresholds": f"{model.architecture} with thresholds by {model.config.get('attribute')}",
    }
    return names.get(model.role, model.id)


def interval_of(
    model: "ModelFindings", objective: Objective, split: str = "test"
) -> tuple[float, float] | None:
    """Return the 95 % interval of an objective on a split, or None if it has none."""
    return interval_in(model.splits[split], objective)


def chance_of(model: "ModelFindings", objective: Objective) -> tuple[float, float] | None:
    """Return the gap that equal rates in all groups give on test (see `EQUAL_RATES`): its mean, and its 95 % value.

    None for other measures, and where the gap is undefined.
    """
    if objective.measure.name not in GAP_QUANTITIES:
        return None
    found: dict[str, Any] | None = model.splits["test"]["attributes"][objective.attribute].get(
        objective.measure.name
    )
    if found is None:
        return None
    chance = found["chance"]
    mean, high = float(chance["mean"]), float(chance["exceeded_once_in_20"])
    return None if math.isnan(mean) else (mean, high)
