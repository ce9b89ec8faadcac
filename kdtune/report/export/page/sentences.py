"""The findings in sentences, for the person who decides: written from the numbers and nothing else."""

import math

from kdtune.fairness import GAPS
from kdtune.report.export.labels import (
    bare,
    bound,
    chance_of,
    is_share,
    measure_name,
    percent,
    short,
    with_unit,
)
from kdtune.report.export.page.losses import losses
from kdtune.report.export.results.findings import Findings
from kdtune.report.export.results.recommendation import loses_in
from kdtune.runs.comparison.resolution import Versus
from kdtune.runs.measures.objectives import OF_EVERY_SEARCH, Objective, objective_of
from kdtune.text import listed

NDS = "the same network trained without a teacher"


def opening(findings: Findings) -> list[str]:
    """Return three paragraphs: what to ship, how good the students are on test, and whom the shipped one fails."""
    return [_answer(findings), _on_test(findings), losses(findings, findings.advised)]


def _answer(findings: Findings) -> str:
    found, n = findings.recommendation, findings.n["test"]
    if found.kind == "better":
        versus = findings.against("nds", str(found.student))
        assert versus is not None
        also = [name for name in found.candidates if name != found.student]
        too = "is also better than that network in something beyond noise, and worse in nothing"
        if len(also) > 1:
            too = too.replace("is", "are", 1)
        more = f" {listed(also)} {too}." if also else ""
        return (
            f"Ship {found.student}. Compared with {NDS} on the same {n:,} test examples, "
            f"{_differences(findings, versus)}.{more}{_without_a_folder(findings)}"
        )
    if found.kind == "trade":
        versus = findings.against("nds", str(found.student))
        assert versus is not None
        gain, loss = ([_name(findings, o) for o in which] for which in (versus.beats_in, loses_in(versus)))
        return (
            f"No student is better than {NDS} without being worse in something else. Ship {found.student} if "
            f"{listed(gain)} matters more to you than {listed(loss)}: compared with that network on the same {n:,} "
            f"test examples, {_differences(findings, versus)}.{_other_trades(findings, versus)} If no such trade "
            "is worth it to you, these results give no reason to ship a distilled student instead of that network."
            f"{_without_a_folder(findings)}"
        )
    if found.kind == "none":
        if not findings.judged:
            return (
                f"No objective of this search can be tested against {NDS}, so these numbers name no student to ship: "
                "read the table of the front below."
            )
        said = [
            *_beyond_noise(findings, "nds", better=False),
            *_beyond_noise(findings, "teacher", better=True),
            *(f"{name} is not usable: it {why}." for name, why in found.unusable.items()),
            *_without_a_test(findings),
        ]
        but = f" {' '.join(said)}" if said else ""
        measures = listed([measure_name(o) for o in findings.judged], "or")
        return (
            f"{_nobody(findings)} than {NDS} in {measures} beyond noise, on {n:,} test examples.{but} "
            f"These results give no reason to ship a distilled student instead of that network{_folders(findings)}."
        )
    why = "; ".join(f"{name} {reason}" for name, reason in found.unusable.items())
    return f"No student on the front can be recommended: {why}."


def _without_a_folder(findings: Findings) -> str:
    """Say how to get the student that is named, if another one was picked."""
    name = findings.advised.id
    return (
        ""
        if findings.advised.exported
        else f" {name} was not picked, so it has no folder: export again with '--pick {name}' and another '--out'."
    )


def _without_a_test(findings: Findings) -> list[str]:
    """Name the objectives that have no test: in one of them a student may well be better."""
    names = [
        measure_name(o) for o in findings.objectives if o.name in findings.comparisons.resolution.untested
    ]
    has = "has" if len(names) == 1 else "have"
    return [f"{listed(names)} {has} no test against noise: see the table of the front."] if names else []


def _other_trades(findings: Findings, chosen: Versus) -> str:
    """Name the students that are better and worse than their NDS in other objectives than the chosen one."""
    groups: dict[tuple[tuple[str, ...], tuple[str, ...]], list[str]] = {}
    for name in findings.recommendation.candidates:
        versus = findings.against("nds", name)
        if versus is not None:
            groups.setdefault((versus.beats_in, loses_in(versus)), []).append(name)
    groups.pop((chosen.beats_in, loses_in(chosen)), None)
    lines = []
    for ways, names in groups.items():
        gain, loss = (listed(_name(findings, o) for o in which) for which in ways)
        lines.append(
            f" {listed(names)} {'is' if len(names) == 1 else 'are'} better in {gain} and worse in {loss}."
        )
    return "".join(lines)


def _nobody(findings: Findings) -> str:
    """Begin the sentence that no student is better: `None of the 9 students on the front is better`.

    Students that nobody should ship do not count: one of them may be better in something.
    """
    left_out = len(findings.recommendation.unusable)
    n = len(findings.members) - left_out
    kind = "usable student" if left_out else "student"
    return (
        f"None of the {n} {kind}s on the front is better"
        if n > 1
        else f"The only {kind} on the front is not better"
    )


def _folders(findings: Findings) -> str:
    """Name the folders of the networks that were trained without a teacher, if they have any."""
    named = findings.exported_beside
    return f" (folder {listed(named, 'or')})" if named else ""


def _beyond_noise(findings: Findings, role: str, *, better: bool) -> list[str]:
    """Say which students are better, or worse, than a baseline, in each objective in which any is."""
    other = {"nds": "it", "teacher": "the teacher"}[role]
    way = "better" if better else "worse"
    found: dict[tuple[str, ...], list[str]] = {}
    for objective in findings.objectives:
        names = tuple(
            v.model
            for v in findings.versus
            if v.role == role and objective.name in (v.beats_in if better else loses_in(v))
        )
        if names:
            found.setdefault(names, []).append(measure_name(objective))
    return [
        f"{listed(names)} {'is' if len(names) == 1 else 'are'} {way} than {other} in {listed(measures)}."
        for names, measures in found.items()
    ]


def _differences(findings: Findings, versus: Versus) -> str:
    """Say in which objectives a student differs from a baseline beyond noise, in which not, and what no test tells."""
    said, same, untested = [], [], []
    for objective in findings.objectives:
        comparison = next((d for d in versus.differences if d.objective == objective.name), None)
        if comparison is None or math.isnan(comparison.difference):
            continue
        if not comparison.tested:
            untested.append(_moved(comparison.difference, objective))
        elif not comparison.high > comparison.low:
            continue
        elif comparison.better is not None:
            ends = sorted(abs(v) for v in (comparison.low, comparison.high))
            between = f" (interval {bare(ends[0], objective)} to {bare(ends[1], objective)})"
            said.append(f"{_moved(comparison.difference, objective)}{between}")
        else:
            same.append(measure_name(objective))
    text = f"{listed(said)}, beyond noise"
    if same:
        text += f"; {listed(same)} {'does' if len(same) == 1 else 'do'} not differ beyond noise"
    if untested:
        text += f"; {listed(untested)}, which is not tested against noise"
    return text


def _moved(difference: float, objective: Objective) -> str:
    """Say by how much a student's value differs: `its EOD over sex is 3.1 points lower`."""
    way = "higher" if difference > 0 else "lower"
    size = bare(abs(difference), objective) + (" points" if is_share(objective) else "")
    return f"its {measure_name(objective)} is " + (f"{size} {way}" if difference else "the same")


def _on_test(findings: Findings) -> str:
    best = findings.most_accurate
    others = []
    pairs = ((findings.nds_of(best), NDS), (findings.teacher_of(best), "its teacher"))
    for model, name in pairs:
        if model is not None:
            others.append(f"{name} on {percent(model.value('accuracy'))}")
    compared = f"; {listed(others)}" if others else ""
    low, high = best.splits["test"]["accuracy"]["interval"]
    n = len(findings.members)
    who = f"The most accurate of the {n} students there, {best.id}," if n > 1 else f"The student {best.id}"
    text = (
        f"The {findings.n['test']:,} test examples were used neither to train nor to choose. {who} is right on "
        f"{percent(best.value('accuracy'))} of them (95 % interval: {100 * low:.1f} to {100 * high:.1f}){compared}."
    )
    objective = gap_objective(findings)
    return text + (f" {_range(findings, objective)}" if objective is not None else "")


def _range(findings: Findings, objective: Objective) -> str:
    """Say from where to where a gap goes over the front, beside the baselines and what equal rates would show."""
    values = sorted(v for m in findings.members if not math.isnan(v := m.value(objective.name)))
    if not values:
        return f"{measure_name(objective)} is undefined on test."
    least, most = bare(values[0], objective), with_unit(values[-1], objective)
    one = with_unit(values[0], objective) == most
    who = "the students" if len(findings.members) > 1 else findings.members[0].id
    found = [
        f"{most if one else f'{least} to {most}'} for {who}",
        *(
            f"{with_unit(model.value(objective.name), objective)} for {short(model)}"
            for model in findings.baselines
            if not math.isnan(model.value(objective.name))
        ),
    ]
    per_class = ", averaged over classes" if len(findings.record.classes) > 2 else ""
    means = {
        "eod": f"the largest difference between groups in how often a class is recognised or wrongly given{per_class}",
        "dpd": f"the largest difference between groups in how often they are given a class{per_class}",
    }[objective.measure.name]
    text = f"{measure_name(objective)} is {means}. It is {listed(found)}."
    chance = chance_of(findings.advised, objective)
    if chance is not None:
        mean, high = (with_unit(value, objective) for value in chance)
        text += (
            f" A model with equal true and false positive rates in all groups shows {mean} on average, and up to "
            f"{high} in 95 of 100 data sets of these sizes."
        )
    return text


def gap_objective(findings: Findings) -> Objective | None:
    """Return the first objective that is EOD or DPD, if there is one."""
    return next((o for o in findings.objectives if o.measure.name in GAPS), None)


def front_in_words(findings: Findings) -> str:
    """Say what the front is, and how many students it was chosen from."""
    done = findings.done
    names = listed(measure_name(o) for o in findings.objectives)
    n = len(findings.members)
    bounds = " and ".join(
        bound(findings.record, c) for c in findings.record.constraints if c not in OF_EVERY_SEARCH
    )
    among = f" with {bounds}" if bounds else ""
    trained, whose = ("student", "its") if done == 1 else ("students", "their")
    further = f"{findings.seeds} further seed{'' if findings.seeds == 1 else 's'}"
    seeds = f" and of {whose} {further}" if findings.seeds else ""
    of = f"Of {done} {trained} trained to the end{seeds}, {n} {'is' if n == 1 else 'are'}"
    examples = f"{findings.n['validation']:,} validation examples"
    if len(findings.objectives) == 1:
        return f"{of} best in {names} on {examples}."
    return (
        f"{of} on the Pareto front of {names}: by the values that the search chooses by on {examples}, no other "
        f"student{among} is better in one of these without being worse in another."
    )


def points_in_words(findings: Findings) -> list[str]:
    """Say what stands beside the models without being one, and what these points need."""
    if not findings.points:
        return []
    first = findings.points[0].config
    gap = measure_name(objective_of(findings.record, first["objective"]))
    return [
        f"Reference points, not students of this search: {listed([short(p) for p in findings.points])}. There, "
        f"fairlearn's ThresholdOptimizer decides for {NDS}, by a threshold for each group, chosen so that "
        f"{gap} vanishes on validation. It needs to know everybody's {first['attribute']} when it decides, and draws "
        "some decisions by lot."
    ]


def _name(findings: Findings, objective: str) -> str:
    return measure_name(next(o for o in findings.objectives if o.name == objective))
