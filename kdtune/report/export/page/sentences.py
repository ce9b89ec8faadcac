"""The findings in sentences, for the person who decides: written from the numbers and nothing else."""

import math

from kdtune.pareto import Constraint
from kdtune.report.export.labels import interval_of, measure_name
from kdtune.report.export.results.findings import Findings, ModelFindings
from kdtune.runs.objectives import Objective
from kdtune.runs.summary import GAPS
from kdtune.text import number


def opening(findings: Findings) -> list[str]:
    """Return three sentences: what was found, how good the most accurate member is, and what the others trade."""
    return [_found(findings), _best(findings), _trade(findings)]


def _found(findings: Findings) -> str:
    done = int((findings.trials["state"] == "done").sum())
    names = " and ".join(measure_name(o) for o in findings.objectives)
    n = len(findings.members)
    bounds = " and ".join(bound(constraint) for constraint in findings.record.constraints)
    among = f" with {bounds}" if bounds else ""
    stand = "1 is" if n == 1 else f"{n} are"
    return (
        f"Of {done} students trained to the end, {stand} on the Pareto front of {names}: on "
        f"{findings.n['validation']:,} validation examples, no other student{among} is better in one of these without "
        "being worse in another."
        if len(findings.objectives) > 1
        else f"Of {done} students trained to the end, {stand} best in {names} on {findings.n['validation']:,} "
        "validation examples."
    )


def most_accurate(findings: Findings) -> ModelFindings:
    """Return the member that the search found most accurate."""
    return max(findings.members, key=lambda m: m.searched.get("accuracy", float("-inf")))


def _best(findings: Findings) -> str:
    best = most_accurate(findings)
    others = []
    names = ("its teacher", "the same network without a teacher")
    for model, name in zip((findings.teacher_of(best), findings.nds_of(best)), names, strict=True):
        if model is not None:
            others.append(f"{name} {percent(model.value('accuracy'))}")
    compared = f" ({', '.join(others)})" if others else ""
    return (
        f"On {findings.n['test']:,} test examples, which no training or choice had seen, the most accurate of them, "
        f"{best.id}, is right on {percent(best.value('accuracy'))}{compared}{_gap_of(findings, best)}."
    )


def _gap_of(findings: Findings, member: ModelFindings) -> str:
    gap = gap_objective(findings)
    if gap is None:
        worst = member.value("worst_class_accuracy")
        return f", and on {percent(worst)} of its worst class" if not math.isnan(worst) else ""
    interval = interval_of(member, gap)
    between = "" if interval is None else f" [{number(interval[0], 2)}, {number(interval[1], 2)}]"
    chance = member.splits["test"]["attributes"][gap.attribute][gap.measure.name]["chance"]["mean"]
    means = (
        "the rates at which it recognises a class, or gives it wrongly, differ"
        if gap.measure.name == "eod"
        else "the rates at which it gives a class differ"
    )
    per_class = ", averaged over classes," if len(findings.record.classes) > 2 else ""
    return (
        f"; between groups of {gap.attribute} {means}{per_class} by up to {number(member.value(gap.name), 2)} "
        f"({gap.measure.name.upper()}{between}), where chance alone would give about {number(chance, 2)}"
    )


def gap_objective(findings: Findings) -> Objective | None:
    """Return the first objective that is EOD or DPD, if there is one."""
    return next((o for o in findings.objectives if o.measure.name in GAPS), None)


def _trade(findings: Findings) -> str:
    best = most_accurate(findings)
    others = [o for o in findings.objectives if o.measure.name != "accuracy"]
    if len(findings.members) == 1 or not others:
        return _worse_on_test(findings)
    objective = gap_objective(findings) or others[0]
    other = min(findings.members, key=lambda m: objective.measure.badness(m.searched[objective.name]))
    if other.id == best.id:
        return _worse_on_test(findings)
    cost = best.value("accuracy") - other.value("accuracy")
    price = f"gives up {points(cost)} of accuracy" if cost > 0 else f"is {points(-cost)} more accurate"
    name = measure_name(objective)
    before, after = best.value(objective.name), other.value(objective.name)
    if objective.measure.badness(after) >= objective.measure.badness(before):
        return (
            f"The search found {other.id} best in {name}, but on test it is not better than {best.id}: "
            f"{number(after, 2)} against {number(before, 2)}."
        )
    change = f"brings {name} from {number(before, 2)} to {number(after, 2)}"
    a, b = interval_of(best, objective), interval_of(other, objective)
    sure = ""
    if a is not None and b is not None:
        apart = a[0] > b[1] or b[0] > a[1]
        sure = (
            "; their 95 % intervals do not overlap"
            if apart
            else "; their 95 % intervals overlap, so the difference may be chance"
        )
    return f"Choosing {other.id} instead {change} and {price}{sure}."


def _worse_on_test(findings: Findings) -> str:
    changes = [(measure_name(o), findings.optimism[o.name]) for o in findings.objectives]
    parts = [
        f"{number(abs(change))} {'worse' if change > 0 else 'better'} in {name}"
        for name, change in changes
        if not math.isnan(change)
    ]
    if not parts:
        return "On test, no objective is defined for any member."
    return f"On test, the members are on average {' and '.join(parts)} than on validation, where they were chosen."


def bound(constraint: Constraint) -> str:
    """Return a constraint for readers: `accuracy ≥ 0.55`."""
    sign = "≥" if constraint.direction == ">=" else "≤"
    return f"{constraint.name.replace('_', ' ')} {sign} {constraint.bound:.3g}"


def percent(share: float) -> str:
    """Return a share as a percentage."""
    return "an undefined share" if math.isnan(share) else f"{100 * share:.1f} %"


def points(difference: float) -> str:
    """Return a difference of shares in percentage points."""
    value = 100 * difference
    return f"{value:.1f} percentage point{'' if f'{value:.1f}' == '1.0' else 's'}"
