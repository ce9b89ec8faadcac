"""Whom a student fails: which groups and classes, by how much, in sentences."""

import math
from typing import Any, NamedTuple

from kdtune.fairness import FOUR_FIFTHS
from kdtune.report.export.labels import percent, points, short
from kdtune.report.export.results.findings import Findings
from kdtune.report.export.results.model import ModelFindings
from kdtune.text import listed


class Extremes(NamedTuple):
    """The lowest and the highest of some shares, with their numbers of cases."""

    low: str
    low_value: float
    low_n: int
    high: str
    high_value: float
    high_n: int

    @property
    def differ(self) -> bool:
        """Whether there is a lowest and a highest one: not if all shares are the same."""
        return self.low_value < self.high_value


def losses(findings: Findings, model: ModelFindings) -> str:
    """Say in a paragraph which group or class a model fails most, by how much, and what distillation changed there."""
    attributes = list(findings.record.attributes)
    changes = model.role == "student"
    if not attributes:
        return " ".join([*_of_classes(model), *(class_changes_in_words(findings, model) if changes else [])])
    objective = next((o for o in findings.objectives if o.measure.need == "groups"), None)
    first = attributes[0] if objective is None else str(objective.attribute)
    lines = of_groups(findings, model, first)
    if objective is not None and objective.measure.name.startswith(_OF_SELECTION):
        lines += ratios_in_words(findings, model, first)
    return " ".join([*lines, *(group_changes_in_words(findings, model, first) if changes else [])])


_OF_SELECTION = ("dpd", "demographic_parity")
"""How measures begin that compare how often each group is given a class."""


def of_groups(findings: Findings, model: ModelFindings, attribute: str) -> list[str]:
    """Say for which groups a model's rates are lowest and highest."""
    numbers = model.splits["test"]["attributes"][attribute]
    groups = numbers["groups"]
    lines = []
    c = _widest_class(findings, numbers)
    found = _extremes(groups, lambda g: (g["by_class"][c]["tpr"], g["by_class"][c]["n"]))
    name = findings.record.classes[c]
    if found is not None and not found.differ:
        lines.append(
            f"{_subject(model)} recognises {_examples_of(findings, name)} equally often in every group of {attribute}: "
            f"{percent(found.low_value)} of them."
        )
    elif found is not None:
        lines.append(
            f"{_subject(model)} recognises {_examples_of(findings, name)} least often in the group {found.low}: "
            f"{percent(found.low_value)} of {found.low_n:,}, against {percent(found.high_value)} of {found.high_n:,} "
            f"in {found.high}, {points(found.high_value - found.low_value)} more."
        )
    found = _extremes(groups, lambda g: (g["by_class"][c]["fpr"], g["n"] - g["by_class"][c]["n"]))
    if found is not None and not found.differ:
        lines.append(
            f"It takes {percent(found.low_value)} of other examples for '{name}', in every group of {attribute}."
        )
    elif found is not None:
        lines.append(
            f"It takes other examples for '{name}' most often in the group {found.high}: {percent(found.high_value)} "
            f"of {found.high_n:,}, against {percent(found.low_value)} of {found.low_n:,} in {found.low}."
        )
    lines += _beyond_equal_rates(numbers, attribute)
    found = _extremes(groups, lambda g: (g["accuracy"], g["n"]))
    if found is not None and not found.differ:
        lines.append(f"Its accuracy is the same in every group of {attribute}, {percent(found.low_value)}.")
    elif found is not None:
        lines.append(
            f"Its accuracy is lowest in the group {found.low}, {percent(found.low_value)} of {found.low_n:,}, and "
            f"highest in {found.high}, {percent(found.high_value)} of {found.high_n:,}."
        )
    return lines


def _subject(model: ModelFindings) -> str:
    """Return a model's name at the beginning of a sentence: that of a network without a teacher with an article."""
    return model.id if model.role == "student" else f"The network {short(model)}"


def _examples_of(findings: Findings, name: str) -> str:
    """Name the examples of a class: by the column of the label if the data have one, because '1' alone says nothing."""
    label = label_of(findings)
    return f"examples whose {label} is '{name}'" if label else f"examples of class '{name}'"


def label_of(findings: Findings) -> str:
    """Return the column from which the classes come; empty if the data have none."""
    label = findings.record.dataset.get("options", {}).get("label")
    return label if isinstance(label, str) else ""


def _beyond_equal_rates(numbers: Any, attribute: str) -> list[str]:
    """Say whether these differences are more than equal true and false positive rates in all groups would show."""
    value, high = numbers["eod"]["value"], numbers["eod"]["chance"]["exceeded_once_in_20"]
    if math.isnan(value) or math.isnan(high):
        return []
    size = f"Its EOD over {attribute}, {points(value)}, is"
    most = (
        f"a model with equal true and false positive rates in all groups shows up to {points(high)} in 95 of 100 data "
        "sets of these sizes"
    )
    return [f"{size} beyond noise: {most}." if value > high else f"{size} within noise: {most}."]


def ratios_in_words(findings: Findings, model: ModelFindings, attribute: str) -> list[str]:
    """Say whether the lowest selection rate is below four fifths of the highest."""
    numbers = model.splits["test"]["attributes"][attribute]
    ratios = numbers["ratios"]["selection_rate"]
    classes = findings.record.classes
    shown = [1] if len(classes) == 2 else range(len(classes))
    known = {c: ratios[c] for c in shown if not math.isnan(ratios[c])}
    if not known:
        return []
    c = min(known, key=lambda k: known[k])
    found = _extremes(numbers["groups"], lambda g: (g["by_class"][c]["selection_rate"], g["n"]))
    if found is None:
        return []
    if not found.differ:
        return [f"It gives class '{classes[c]}' to {percent(found.low_value)} of every group of {attribute}."]
    side = "below" if known[c] < FOUR_FIFTHS else "not below"
    return [
        f"It gives class '{classes[c]}' to {percent(found.low_value)} of the group {found.low} and to "
        f"{percent(found.high_value)} of {found.high}: a ratio of {known[c]:.2f}, {side} four fifths. Below that, "
        "audits see a sign of adverse impact; a small group can fall below it by chance."
    ]


def group_changes_in_words(findings: Findings, model: ModelFindings, attribute: str) -> list[str]:
    """Say which groups gain or lose right answers beyond noise: with a student, or with any against its NDS."""
    table = findings.comparisons.by_group
    return _changes(table[table["attribute"] == attribute], model, "group", f"group of {attribute}")


def class_changes_in_words(findings: Findings, model: ModelFindings) -> list[str]:
    """Say which classes gain or lose right answers beyond noise: with a student, or with any against its NDS."""
    return _changes(findings.comparisons.by_class, model, "class", "class")


def _changes(table: Any, model: ModelFindings, part: str, kind: str) -> list[str]:
    if model.role != "student":
        rows = table[table["against"] == model.id]
        if rows.empty:
            return []
        students = list(rows[rows["beyond_noise"]].groupby("id", sort=False))
        if not students:
            return [f"No student of the front changes how many answers are right in any {kind} beyond noise."]
        lines = [
            f"With {name} instead, beyond noise: {_gains_and_losses(own, part)}."
            for name, own in students[:_MOST]
        ]
        if left := [name for name, _ in students[_MOST:]]:
            lines.append(f"The changes with {listed(left)} are in {_FILES[part]}.")
        return lines
    lines, unchanged = [], []
    for role, name in (("nds", "the same network trained without a teacher"), ("teacher", "its teacher")):
        rows = table[(table["id"] == model.id) & (table["role"] == role)]
        if rows.empty:
            continue
        sure = rows[rows["beyond_noise"]]
        if sure.empty:
            unchanged.append(name)
            continue
        lines.append(f"Compared with {name}, beyond noise: {_gains_and_losses(sure, part)}.")
    if unchanged:
        lines.append(
            f"Compared with {' or with '.join(unchanged)}, no {kind} gains or loses right answers beyond noise."
        )
    return lines


_FILES = {"group": "group_changes.csv", "class": "by_class.csv"}

_MOST = 6
"""Of more gains, losses or students than this, the rest is only counted or named."""


def _gains_and_losses(sure: Any, part: str) -> str:
    said = []
    for word, chosen in (
        ("loses", sure[sure["difference"] < 0]),
        ("gains", sure[sure["difference"] > 0]),
    ):
        ordered = chosen.reindex(chosen["difference"].abs().sort_values(ascending=False).index)
        said += [
            f"{_quoted(row[part], part)} {word} {points(row['difference'])} of right answers"
            for _, row in ordered.head(_MOST).iterrows()
        ]
        more = len(ordered) - _MOST
        said += [f"{more} more {word if more == 1 else word.removesuffix('s')} some"] if more > 0 else []
    return "; ".join(said)


def _quoted(name: str, part: str) -> str:
    """Return a name as it stands in a sentence: that of a class in quotes, because it may be a number."""
    return f"'{name}'" if part == "class" else name


def _of_classes(model: ModelFindings) -> list[str]:
    classes = [c for c in model.splits["test"]["by_class"] if c["n"]]
    if not classes:
        return []
    worst = min(classes, key=lambda c: c["value"])
    best = max(classes, key=lambda c: c["value"])
    if worst["value"] == best["value"]:
        return [
            f"{_subject(model)} recognises every class equally often: {percent(best['value'])} of its examples."
        ]
    return [
        f"{_subject(model)} recognises class '{worst['class']}' least often: {percent(worst['value'])} of "
        f"{worst['n']:,} examples, against {percent(best['value'])} of {best['n']:,} of '{best['class']}'."
    ]


def _widest_class(findings: Findings, numbers: Any) -> int:
    """Return the class with the largest EOD; of two classes the second, because the first has the same gaps."""
    if len(findings.record.classes) == 2:
        return 1
    by_class = [-1.0 if math.isnan(v) else v for v in numbers["eod"]["by_class"]]
    return max(range(len(by_class)), key=by_class.__getitem__)


def _extremes(groups: Any, share_and_n: Any) -> Extremes | None:
    """Return the groups with the lowest and the highest share; None with fewer than two that have one."""
    known = []
    for group in groups:
        share, n = share_and_n(group)
        if not math.isnan(share["value"]):
            known.append((share["value"], int(n), str(group["group"])))
    if len(known) < 2:
        return None
    low, high = min(known, key=lambda k: k[0]), max(known, key=lambda k: k[0])
    return Extremes(low[2], low[0], low[1], high[2], high[0], high[1])
